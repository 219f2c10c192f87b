export type { Tokenizer } from "./types.js";
export { ChatTemplate, chatParts, loadChatTemplate } from "./chat-template.js";
export { loadTokenizer } from "./json.js";
export { readSlowFiles, type SlowFiles } from "./qwen.js";
export { TextStream } from "./stream.js";
export { trainTokenizer, type TrainedTokenizer } from "./train.js";
