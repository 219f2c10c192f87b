export type { Tokenizer } from "./types.js";
export { ChatTemplate, chatParts, loadChatTemplate } from "./chat-template.js";
export type { ChatMessage, ChatPart, ChatTemplateFile, ChatTokens } from "./chat-template.js";
export { loadTokenizer } from "./json.js";
export { TextStream } from "./stream.js";
export { trainTokenizer, type TrainedTokenizer, type TrainOptions } from "./train.js";
