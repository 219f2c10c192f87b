/** Where an answer's tokens hold its scores, for scores that are written as one of a few words. */
import { RocError } from "../errors.js";
import { commonLength } from "./strategies/candidates.js";
import { fillSlots } from "./template.js";

/** A place of a score in an answer. */
export interface AnswerSlot {
  /** Of the word's first token among those of the answer. */
  readonly at: number;
  /** First tokens of all words there. */
  readonly ids: readonly number[];
}

/**
 * The places of an answer's scores, in its order.
 *
 * @param written the word at each place
 * @param words those that any place may hold
 * @param encode token ids of an answer
 * @throws RocError TOKENIZER_INVALID where two words begin with the same token
 */
export function answerSlots(
  answer: string,
  written: readonly string[],
  words: readonly string[],
  encode: (text: string) => readonly number[],
): AnswerSlot[] {
  return written.map((_, place) => {
    const each = words.map((word) => encode(fillSlots(answer, written.with(place, word))));
    const at = commonLength(each);
    const ids = each.map((tokens) => tokens[at] ?? -1);
    if (new Set(ids).size === words.length) return { at, ids };
    const remedy = "Use a tokenizer that does, other level words, or a loss without soft, thurstone and fidelity.";
    const message = `The tokenizer does not tell ${words.join(", ")} apart by their first tokens`;
    throw new RocError("TOKENIZER_INVALID", `${message}, over which the loss takes a distribution. ${remedy}`);
  });
}
