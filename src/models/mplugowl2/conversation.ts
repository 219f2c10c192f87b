/** The conversations that mPLUG-Owl2 checkpoints were trained on, and their prompts as token ids. */
import type { Tokenizer } from "../../tokenizers/index.js";
import { vicunaSystem } from "../common/conversation.js";
import { IMAGE_ID } from "../types.js";

/** Stands behind every prompt. */
export const CUE = "ASSISTANT:";

interface Frame {
  /** Before the question. */
  readonly head: string;
  /** Between the question and the {@link CUE}. */
  readonly separator: string;
}

const FRAMES = {
  /** mPLUG-Owl2's own default: no system text. */
  mplug_owl2: { head: "USER: ", separator: " " },
  /** Vicuna's, with its system text: the released ROC4MLLM inference. */
  v1: { head: `${vicunaSystem()}USER: `, separator: " " },
  /** Q-Align's and OneAlign's: the cue on a line of its own. */
  q_align: { head: "USER: ", separator: "\n" },
} as const satisfies Record<string, Frame>;

export type Conversation = keyof typeof FRAMES;

export const CONVERSATIONS = Object.keys(FRAMES) as [Conversation, ...Conversation[]];

/** The whole prompt of one question. */
export function framed(question: string, conversation: Conversation): string {
  const { head, separator } = FRAMES[conversation];
  return `${head}${question}${separator}${CUE}`;
}

/** How texts mark an image: mPLUG-Owl2's marker and this program's. */
const MARKER = /<\|image\|>|<image>/;

/**
 * Token ids of a prompt, {@link IMAGE_ID} once an image. Each stretch of text between markers is tokenised by itself;
 * the first brings the BOS token. As in the reference, a prompt that starts with an image has it behind that instead,
 * and at every later stretch.
 */
export function promptIds(tokenizer: Tokenizer, prompt: string): number[] {
  const [first = "", ...later] = prompt.split(MARKER);
  const encode = (text: string, addSpecialTokens: boolean): number[] =>
    text === "" ? [] : tokenizer.encode(text, { addSpecialTokens });
  return [...encode(first, true), ...later.flatMap((text) => [IMAGE_ID, ...encode(text, first === "")])];
}
