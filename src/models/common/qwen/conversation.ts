/** How Qwen's models are asked: ChatML (the `chat_template` of the public checkpoints, for one turn). */
import type { ChatTemplate, Tokenizer } from "../../../tokenizers/index.js";
import { answerIds, templated, type Conversation } from "../answer.js";

/** What represents a picture and a video in the text that is tokenised, and the token that ends a turn. */
export const IMAGE_TOKEN = "<|image_pad|>";
const VIDEO_TOKEN = "<|video_pad|>";
export const END_TOKEN = "<|im_end|>";

/** The words of a family's conversation around those of the user. */
export interface ChatWords {
  /** Of the turn before the user's; default: there is none. */
  readonly system?: string;
  /** What the assistant's turn begins with before the answer, such as an empty thought; default: nothing. */
  readonly lead?: string;
  /** What a checkpoint's own template is told beside the conversation; default: nothing. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** Qwen2-VL's and Qwen2.5-VL's. */
export const QWEN2_WORDS: ChatWords = { system: "You are a helpful assistant." };

const inVision = (token: string): string => `<|vision_start|>${token}<|vision_end|>`;

/** A video's marker becomes its tokens, with the line break behind it; templates know their images only. */
function withVideos(question: string): string {
  return question.replace(/<video>\n?/g, inVision(VIDEO_TOKEN));
}

/** That of the public checkpoints: `<image>` and the line break behind it are where an image goes. */
function chatMl(tokenizer: Tokenizer, { system: own, lead = "" }: ChatWords): Conversation {
  const cue = `<|im_start|>assistant\n${lead}`;
  return {
    prompt(question, { system = own } = {}) {
      const before = system === undefined ? "" : `<|im_start|>system\n${system}${END_TOKEN}\n`;
      const words = withVideos(question).replace(/<image>\n?/g, inVision(IMAGE_TOKEN));
      return tokenizer.encode(`${before}<|im_start|>user\n${words}${END_TOKEN}\n${cue}`);
    },
    answer: (text) => answerIds(tokenizer, cue, text, ""),
  };
}

/** As the checkpoint's own template says. */
export function chatOf(tokenizer: Tokenizer, template: ChatTemplate | undefined, words: ChatWords): Conversation {
  if (!template) return chatMl(tokenizer, words);
  const own = templated(tokenizer, words.variables ? template.with(words.variables) : template);
  return {
    prompt: (question, options) => own.prompt(withVideos(question), options),
    answer: (text) => own.answer(text),
  };
}
