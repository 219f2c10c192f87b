/** Conversations as token ids: what the families share of asking and answering. */
import { RocError } from "../../errors.js";
import type { ChatTemplate, Tokenizer } from "../../tokenizers/index.js";
import type { PromptOptions } from "../types.js";

export interface Conversation {
  /** Ids of a question and the cue for its answer; `<image>` once an image. */
  prompt(question: string, options?: PromptOptions): number[];
  /** Ids of an answer as it follows that, without the end token. */
  answer(text: string): number[];
}

/** As the checkpoint's own template says. BOS is added where the template does not write it (as transformers does). */
export function templated(tokenizer: Tokenizer, template: ChatTemplate): Conversation {
  const { bosTokenId } = tokenizer;
  const bos = bosTokenId === undefined ? undefined : tokenizer.idToToken(bosTokenId);
  return {
    prompt(question, { system } = {}) {
      const text = template.prompt(question, system);
      return tokenizer.encode(text, { addSpecialTokens: bos === undefined || !text.startsWith(bos) });
    },
    answer: (text) => answerIds(tokenizer, template.prompt("?"), text, template.answerLead),
  };
}

/**
 * Token ids of an answer, tokenised behind the cue so that they are those of the whole conversation.
 *
 * @param cue what comes before the answer, such as "ASSISTANT:"
 * @param lead what comes between the two
 * @throws RocError TOKENIZER_INVALID where the tokenizer merges the two
 */
export function answerIds(tokenizer: Tokenizer, cue: string, answer: string, lead = " "): number[] {
  const encode = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });
  const before = encode(cue);
  const ids = encode(`${cue}${lead}${answer}`);
  if (before.some((id, index) => ids[index] !== id)) {
    throw new RocError("TOKENIZER_INVALID", `The tokenizer merges "${cue}" with the answer "${answer}" behind it.`);
  }
  return ids.slice(before.length);
}

/** The token that ends an answer. @throws RocError TOKENIZER_INVALID where the tokenizer names none */
export function endTokenOf({ eosTokenId }: Tokenizer): number {
  if (eosTokenId !== undefined) return eosTokenId;
  throw new RocError("TOKENIZER_INVALID", "The tokenizer names no end token: set eos_token in tokenizer_config.json.");
}
