/** What the program uses of parent.mjs. */
export declare function followNpm(env?: Readonly<Record<string, string | undefined>>): void;
