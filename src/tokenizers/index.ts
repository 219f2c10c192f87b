export type { Tokenizer } from "./types.js";
export { loadTokenizer } from "./json.js";
export { TextStream } from "./stream.js";
export { trainTokenizer, type TrainedTokenizer, type TrainOptions } from "./train.js";
