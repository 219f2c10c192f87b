/** What the program uses of parent.mjs. */
export declare const LAUNCHER: string;
export declare function followParent(env?: Readonly<Record<string, string | undefined>>): void;
