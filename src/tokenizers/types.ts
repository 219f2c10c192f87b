/** Text to token ids and back, exactly as the checkpoint's reference tokenizer does. */
export interface Tokenizer {
  /** Number of ids in use, added tokens included: Python's `len(tokenizer)`. */
  readonly size: number;
  readonly bosTokenId: number | undefined;
  readonly eosTokenId: number | undefined;
  readonly padTokenId: number | undefined;
  /** `addSpecialTokens` (default true): with the BOS token where the tokenizer adds one. */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  /** `skipSpecialTokens` (default false). */
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  tokenToId(token: string): number | undefined;
  idToToken(id: number): string | undefined;
  /**
   * Adds special tokens (normalized false, no stripping) with the next free ids, in order; a token that exists keeps
   * its id. Returns their ids.
   */
  addTokens(tokens: readonly string[]): number[];
  /** Writes the tokenizer's files into a folder so that Python reads the same ids. */
  save(folder: string): Promise<void>;
}
