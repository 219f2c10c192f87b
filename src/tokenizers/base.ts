/** What all tokenizers share, whatever the source of their pieces: added tokens, named tokens, tokens and their ids. */
import { RocError } from "../errors.js";
import { collectAddedTokens, contentOf, flagsOf, specialSource, type AddedTokens, type PlainFlags } from "./added.js";
import type { TokenizerFiles } from "./files.js";
import type { Tokenizer } from "./types.js";

export abstract class BaseTokenizer implements Tokenizer {
  protected readonly added: AddedTokens;

  /** @param pieces in order of their ids; `vocab`: their ids; `plain`: see {@link collectAddedTokens} */
  protected constructor(
    protected readonly files: TokenizerFiles,
    protected readonly vocab: ReadonlyMap<string, number>,
    protected readonly pieces: readonly string[],
    plain: PlainFlags = flagsOf,
  ) {
    this.added = collectAddedTokens(files, vocab, plain);
  }

  abstract encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  abstract decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  abstract save(folder: string): Promise<void>;
  /** Rebuilds the splitters for the current added tokens. */
  protected abstract buildSplitters(): void;

  get size(): number {
    return this.added.size;
  }

  get bosTokenId(): number | undefined {
    return this.#namedId("bos");
  }

  get eosTokenId(): number | undefined {
    return this.#namedId("eos");
  }

  get padTokenId(): number | undefined {
    return this.#namedId("pad");
  }

  tokenToId(token: string): number | undefined {
    return this.added.get(token)?.id ?? this.vocab.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.added.at(id)?.content ?? this.pieces[id];
  }

  addTokens(tokens: readonly string[]): number[] {
    if (tokens.includes("")) throw new RocError("USAGE", "addTokens: a token is empty; leave it out");
    const ids = tokens.map((content) => this.added.putSpecial(content));
    this.buildSplitters();
    return ids;
  }

  #namedId(name: "bos" | "eos" | "pad"): number | undefined {
    const source = specialSource(this.files);
    const content = contentOf(source[`${name}_token`]);
    if (content !== undefined) return this.tokenToId(content);
    // A null in the configuration means no token in Python; only an absent key falls back to the model's files.
    if (`${name}_token` in source) return undefined;
    const ids = this.files.modelConfigs.map((config) => config[`${name}_token_id`]);
    const first = ids.find((id) => id !== undefined && id !== null);
    return Array.isArray(first) ? first[0] : (first ?? undefined);
  }
}
