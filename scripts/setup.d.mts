/** What the command `roc4mllm setup` uses of setup.mjs. */
export declare function setup(): Promise<void>;
