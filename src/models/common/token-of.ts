/** Ids of the tokens that a model's prompts are made of. */
import { RocError } from "../../errors.js";
import type { Tokenizer } from "../../tokenizers/index.js";

/** The id that a model's files give a token. */
export interface ExpectedId {
  readonly id: number;
  /** Which file says so, for messages. */
  readonly by: string;
}

/**
 * The id of a token.
 *
 * @param expected the model's own; undefined: any
 * @throws RocError TOKENIZER_INVALID where there is none, or another than the model's
 */
export function tokenOf(tokenizer: Tokenizer, token: string, expected?: ExpectedId): number {
  const id = tokenizer.tokenToId(token);
  if (id !== undefined && id === (expected?.id ?? id)) return id;
  const has = id === undefined ? `it has no ${token}` : `${token} has the id ${id}`;
  const other = expected ? `, ${expected.by} says ${expected.id}` : "";
  const remedy = "Take config.json and the tokenizer's files from one checkpoint";
  throw new RocError("TOKENIZER_INVALID", `The tokenizer does not belong to this model: ${has}${other}. ${remedy}.`);
}
