/** What the program uses of places.mjs. */
export declare const ROOT: string;
export declare const IS_CLONE: boolean;
export declare const SETUP_COMMAND: string;
type Env = Readonly<Record<string, string | undefined>>;
export declare function homeOf(env: Env): string;
export declare function addonFolders(env: Env): { addon: string; cmake: string };
export declare function noteLibtorch(folder: string, location: { root: string; version: string }): void;
export declare function findAddon(env: Env): { path: string; fault?: string };
export declare function findPixels(env: Env): { path: string; fault?: string };
