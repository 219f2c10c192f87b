/** How Qwen2-VL is asked: ChatML (the `chat_template` of the public checkpoints, for one turn). */
import type { ChatTemplate, Tokenizer } from "../../tokenizers/index.js";
import { answerIds, templated, type Conversation } from "../common/answer.js";

/** What represents a picture and a video in the text that is tokenised, and the token that ends a turn. */
export const IMAGE_TOKEN = "<|image_pad|>";
const VIDEO_TOKEN = "<|video_pad|>";
export const END_TOKEN = "<|im_end|>";

const SYSTEM = "You are a helpful assistant.";
const CUE = "<|im_start|>assistant\n";

const inVision = (token: string): string => `<|vision_start|>${token}<|vision_end|>`;

/** A video's marker becomes its tokens, with the line break behind it; templates know their images only. */
function withVideos(question: string): string {
  return question.replace(/<video>\n?/g, inVision(VIDEO_TOKEN));
}

/** That of the public checkpoints: `<image>` and the line break behind it are where an image goes. */
function chatMl(tokenizer: Tokenizer): Conversation {
  return {
    prompt(question) {
      const words = withVideos(question).replace(/<image>\n?/g, inVision(IMAGE_TOKEN));
      const turns = `<|im_start|>system\n${SYSTEM}${END_TOKEN}\n<|im_start|>user\n${words}${END_TOKEN}\n`;
      return tokenizer.encode(turns + CUE);
    },
    answer: (text) => answerIds(tokenizer, CUE, text, ""),
  };
}

/** As the checkpoint's own template says. */
export function chatOf(tokenizer: Tokenizer, template: ChatTemplate | undefined): Conversation {
  if (!template) return chatMl(tokenizer);
  const own = templated(tokenizer, template);
  return { prompt: (question) => own.prompt(withVideos(question)), answer: (text) => own.answer(text) };
}
