/** How LLaVA's checkpoints are asked: questions and answers to token ids, one placeholder an image. */
import type { Tokenizer } from "../../tokenizers/index.js";
import { answerIds, type Conversation } from "../common/answer.js";
import { vicunaSystem } from "../common/conversation.js";
import { IMAGE_ID } from "../types.js";

/** How texts mark an image; a token in transformers' checkpoints. */
export const IMAGE_TOKEN = "<image>";

const CUE = "ASSISTANT:";

/** That of transformers' checkpoints: `USER: <image>\n{question} ASSISTANT: {answer}`. */
export function plain(tokenizer: Tokenizer): Conversation {
  return {
    prompt: (question) => tokenizer.encode(`USER: ${question} ${CUE}`),
    answer: (text) => answerIds(tokenizer, CUE, text),
  };
}

const SYSTEMS = { llava_v1: vicunaSystem("human"), v1: vicunaSystem("user") };

/** Those of the original code: "llava_v1" answers with LLaVA-1.5, "v1" is what it was trained with. */
export type OriginalConversation = keyof typeof SYSTEMS;

export const ORIGINAL_CONVERSATIONS = Object.keys(SYSTEMS) as [OriginalConversation, ...OriginalConversation[]];

/** Vicuna's with its system text; each side of an image is tokenised by itself, {@link IMAGE_ID} put between. */
export function vicuna(tokenizer: Tokenizer, name: OriginalConversation): Conversation {
  return {
    prompt(question) {
      const [first = "", ...later] = `${SYSTEMS[name]}USER: ${question} ${CUE}`.split(IMAGE_TOKEN);
      const behind = later.flatMap((text) => [IMAGE_ID, ...tokenizer.encode(text, { addSpecialTokens: false })]);
      return [...tokenizer.encode(first), ...behind];
    },
    answer: (text) => answerIds(tokenizer, CUE, text),
  };
}
