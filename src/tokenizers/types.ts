/**
 * Text to token ids and back, exactly as the checkpoint's reference tokenizer does.
 *
 * @example
 * ```ts
 * import { DEMO_MODEL, loadMllm } from "roc4mllm";
 *
 * const { model, processor } = await loadMllm(DEMO_MODEL);
 * const ids = processor.tokenizer.encode("a good picture", { addSpecialTokens: false });
 * console.log(processor.tokenizer.decode(ids)); // a good picture
 * model.dispose();
 * ```
 *
 * @category Checkpoints and models
 */
export interface Tokenizer {
  /** Number of ids in use, added tokens included: Python's `len(tokenizer)`. */
  readonly size: number;
  /** The token that begins a sequence; undefined where there is none. */
  readonly bosTokenId: number | undefined;
  /** The token that ends a sequence; undefined where there is none. */
  readonly eosTokenId: number | undefined;
  /** The token that fills short sequences up; undefined where there is none. */
  readonly padTokenId: number | undefined;
  /**
   * Text to ids.
   *
   * @param options `addSpecialTokens` (default true): with the BOS token where the tokenizer adds one
   * @throws RocError TOKENIZER_INVALID where the tokenizer's own rules take too long or too much on this text
   */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  /**
   * Ids to text.
   *
   * @param options `skipSpecialTokens` (default false): without BOS, EOS and the like
   */
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  /** The id of a token as its vocabulary spells it; undefined where it has none. */
  tokenToId(token: string): number | undefined;
  /** The token of an id as its vocabulary spells it; undefined where no token has it. */
  idToToken(id: number): string | undefined;
  /**
   * Adds special tokens (normalized false, no stripping) with the next free ids, in order; a token that exists keeps
   * its id. Returns their ids.
   */
  addTokens(tokens: readonly string[]): number[];
  /**
   * Writes the tokenizer's files into a folder so that Python reads the same ids.
   *
   * @throws RocError FILE_UNWRITABLE
   */
  save(folder: string): Promise<void>;
}
