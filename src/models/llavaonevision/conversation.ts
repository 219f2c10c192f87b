/** How LLaVA-OneVision is asked: ChatML without line breaks between turns, the pictures first. */
import { RocError, isRocError } from "../../errors.js";
import { chatParts, type ChatTemplate, type Tokenizer } from "../../tokenizers/index.js";
import { answerIds, templated, type Conversation } from "../common/answer.js";

/** What represents a picture and a video in the text that is tokenised, and the token that ends a turn. */
export const IMAGE_TOKEN = "<image>";
export const VIDEO_TOKEN = "<video>";
export const END_TOKEN = "<|im_end|>";

const CUE = "<|im_start|>assistant\n";

/** That of the public checkpoints' template: every picture of a question, then each part of its text on a line. */
function chatMl(tokenizer: Tokenizer): Conversation {
  return {
    prompt(question) {
      const parts = chatParts(question);
      const pictures = parts.map((part) => (part.type === "image" ? IMAGE_TOKEN : "")).join("");
      const words = parts.map((part) => (part.type === "text" ? `\n${part.text}` : "")).join("");
      return tokenizer.encode(`<|im_start|>user ${pictures}${words}${END_TOKEN}${CUE}`);
    },
    answer: (text) => answerIds(tokenizer, CUE, text, ""),
  };
}

/** As the checkpoint's own template says. */
export function chatOf(tokenizer: Tokenizer, template: ChatTemplate | undefined): Conversation {
  if (!template) return chatMl(tokenizer);
  const own = templated(tokenizer, template);
  const lead = leadOf(template);
  return {
    prompt: (question) => own.prompt(question),
    answer: (text) => answerIds(tokenizer, template.prompt("?"), text, lead),
  };
}

/**
 * What comes between the cue and an answer. The public template puts a blank behind the role of every turn and none into the
 * cue, so that an answer behind the cue is never the rendered one: the model writes directly behind the cue.
 */
function leadOf(template: ChatTemplate): string {
  try {
    return template.answerLead;
  } catch (error) {
    if (isRocError(error) && error.code === "TOKENIZER_INVALID") return "";
    throw error;
  }
}

/** @throws RocError USAGE: videos are not read */
export function refuseVideos(ids: readonly number[], videoTokenId: number): void {
  if (!ids.includes(videoTokenId)) return;
  throw new RocError("USAGE", `The prompt holds ${VIDEO_TOKEN}: LLaVA-OneVision's videos are not read. Leave it out.`);
}
