/** The added tokens of a tokenizer and their ids, as Python's transformers and `tokenizers` assign them. */
import { RocError } from "../errors.js";
import { SPECIAL_NAMES, type AddedToken, type SideFiles, type TokenizerFiles } from "./files.js";

type Flags = Omit<AddedToken, "id">;

/** The flags of a token for which the files give none. */
export type PlainFlags = (content: string, special: boolean) => Flags;

/** No stripping; a special token matches the text exactly, any other token the normalized text. */
export function flagsOf(content: string, special: boolean): Flags {
  return { content, single_word: false, lstrip: false, rstrip: false, normalized: !special, special };
}

/** The added tokens of a tokenizer, numbered as Python numbers them. */
export class AddedTokens {
  readonly #byContent = new Map<string, AddedToken>();
  readonly #byId = new Map<number, AddedToken>();
  #next: number;

  constructor(
    readonly vocab: ReadonlyMap<string, number>,
    private readonly plain: PlainFlags = flagsOf,
  ) {
    this.#next = vocab.size;
  }

  /** Number of ids in use. */
  get size(): number {
    return this.#next;
  }

  get(content: string): AddedToken | undefined {
    return this.#byContent.get(content);
  }

  at(id: number): AddedToken | undefined {
    return this.#byId.get(id);
  }

  /** In order of ids. */
  list(): AddedToken[] {
    return [...this.#byId.values()].sort((a, b) => a.id - b.id);
  }

  /** Adds a special token that the files name, or makes one that exists special; returns its id. */
  putNamed(content: string): number {
    return this.put({ ...(this.get(content) ?? this.plain(content, true)), special: true });
  }

  /** Adds a special token that strips nothing, or makes one that exists special; returns its id. */
  putSpecial(content: string): number {
    return this.put({ ...(this.get(content) ?? flagsOf(content, true)), special: true });
  }

  /** Adds a token or replaces the flags of an existing one; returns its id: the existing or the next free one. */
  put(flags: Flags): number {
    const { content } = flags;
    const id = this.#byContent.get(content)?.id ?? this.vocab.get(content) ?? this.#next++;
    const { single_word, lstrip, rstrip, normalized, special } = flags;
    const token = { id, content, single_word, lstrip, rstrip, normalized, special };
    this.#byContent.set(content, token);
    this.#byId.set(id, token);
    return id;
  }
}

/**
 * Collects the added tokens in Python's order: tokenizer.json; then `added_tokens_decoder` of tokenizer_config.json (or,
 * without it, added_tokens.json); then the named special tokens that are still missing.
 *
 * @param plain the flags of tokens for which the files give none
 * @throws RocError TOKENIZER_INVALID where a declared id differs from the one that Python assigns (a gap or a clash;
 *   Python renumbers such tokens silently, so that they use the wrong rows of the embedding)
 */
export function collectAddedTokens(
  files: TokenizerFiles,
  vocab: ReadonlyMap<string, number>,
  plain: PlainFlags = flagsOf,
): AddedTokens {
  const tokens = new AddedTokens(vocab, plain);
  const declare = (id: number, token: Flags, where: string): void => {
    const given = tokens.put(token);
    if (given === id) return;
    const problem = `"${token.content}" declares id ${id}, but Python's tokenizers give it ${given}`;
    throw new RocError("TOKENIZER_INVALID", `${files.file}: ${where}: ${problem}; make the added ids contiguous`);
  };
  files.json.added_tokens.forEach((token, i) => declare(token.id, token, `added_tokens.${i}`));
  for (const { id, token } of declaredElsewhere(files, plain)) declare(id, token, "added_tokens_decoder");
  for (const content of namedSpecials(files)) tokens.putNamed(content);
  return tokens;
}

function declaredElsewhere(files: TokenizerFiles, plain: PlainFlags): { id: number; token: Flags }[] {
  const decoder = files.config.added_tokens_decoder;
  if (decoder) {
    const entries = Object.entries(decoder).map(([id, token]) => ({ id: Number(id), token }));
    return entries.sort((a, b) => a.id - b.id);
  }
  const inJson = new Set(files.json.added_tokens.map((token) => token.content));
  const specials = new Set(namedSpecials(files));
  return [...(files.addedTokens ?? [])]
    .filter(([content]) => !inJson.has(content))
    .map(([content, id]) => ({ id, token: plain(content, specials.has(content)) }))
    .sort((a, b) => a.id - b.id);
}

/** Contents of the named special tokens, then of the additional ones; special_tokens_map.json counts as Python counts it. */
export function namedSpecials(files: TokenizerFiles): string[] {
  const source = specialSource(files);
  const more = [source.extra_special_tokens, source.additional_special_tokens].flatMap((list) =>
    Object.values(list ?? {}),
  );
  const values = [...SPECIAL_NAMES.map((name) => source[name]), ...more];
  return values.map(contentOf).filter((content) => content !== undefined);
}

/** tokenizer_config.json, overlaid with special_tokens_map.json where the former has no `added_tokens_decoder`. */
export function specialSource(files: SideFiles) {
  return files.config.added_tokens_decoder ? files.config : { ...files.config, ...files.specialTokensMap };
}

/** The text of a special token that is written as a string or as an object. */
export function contentOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || !("content" in value)) return undefined;
  return typeof value.content === "string" ? value.content : undefined;
}
