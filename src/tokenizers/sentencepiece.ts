/** A tokenizer read from a SentencePiece model (tokenizer.model), where a folder has no tokenizer.json. */
import { writeFiles, type OpenFolder } from "../files/index.js";
import { contentOf, specialSource } from "./added.js";
import { BaseTokenizer } from "./base.js";
import { readSideFiles, SPECIAL_NAMES, type AddedToken, type SideFiles, type TokenizerFiles } from "./files.js";
import { freshSpecials, jsonText, savedConfig } from "./save.js";
import { SentencePieceCodec } from "./sentencepiece/codec.js";
import { parseModel } from "./sentencepiece/model.js";
import { SPACE } from "./sentencepiece/normalizer.js";
import { slowRules, type SlowRules } from "./slow-rules.js";
import { PYTHON_WHITE, Splitter } from "./splitter.js";
import type { Tokenizer } from "./types.js";

/** Defaults of Python's LlamaTokenizer for keys missing in tokenizer_config.json. */
const LLAMA_DEFAULTS = { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>" };

/**
 * Reads a tokenizer.model and the files around it.
 *
 * Ids are those of Python's slow LlamaTokenizer in the version of transformers that the checkpoint names: see
 * {@link slowRules}.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, TOKENIZER_INVALID (naming file and field)
 */
export async function loadSentencePiece(folder: OpenFolder, name: string): Promise<Tokenizer> {
  const bytes = await folder.bytes(name);
  return new SentencePieceTokenizer(folder.file(name), bytes, await readSideFiles(folder));
}

class SentencePieceTokenizer extends BaseTokenizer {
  readonly #bytes: Uint8Array;
  readonly #codec: SentencePieceCodec;
  /** The codec without dummy prefix. */
  readonly #bare: SentencePieceCodec;
  readonly #rules: SlowRules;
  #splitter = new Splitter(new Map());

  constructor(file: string, bytes: Uint8Array, side: SideFiles) {
    const model = parseModel(bytes, file);
    const codec = new SentencePieceCodec(model);
    const files = { ...side, file, json: EMPTY_JSON, config: { ...LLAMA_DEFAULTS, ...side.config } };
    const rules = slowRules(files);
    super(
      files,
      codec.vocab,
      model.pieces.map(({ text }) => text),
      rules.plain,
    );
    this.#bytes = bytes;
    this.#codec = codec;
    this.#rules = rules;
    const normalizer = { ...model.normalizer, addDummyPrefix: false };
    this.#bare = rules.prefix === "stretch" ? codec : new SentencePieceCodec({ ...model, normalizer });
    this.buildSplitters();
  }

  encode(text: string, { addSpecialTokens = true }: { addSpecialTokens?: boolean } = {}): number[] {
    const ids = this.#encodeText(text);
    if (!addSpecialTokens) return ids;
    const { add_bos_token: bos = true, add_eos_token: eos = false } = this.files.config;
    const before = bos === true ? this.bosTokenId : undefined;
    const after = eos === true ? this.eosTokenId : undefined;
    return [before, ...ids, after].filter((id) => id !== undefined);
  }

  #encodeText(text: string): number[] {
    const { prefix } = this.#rules;
    if (prefix === "stretch") return this.#encodeParts(text, (part) => this.#codec.encode(part));
    if (text === "") return [];
    const marked = SPACE + text.replaceAll(SPACE, " ");
    if (prefix === "cut") return this.#encodeParts(marked, (part) => this.#encodeCut(part));
    const ids = this.#encodeParts(marked, (part) => this.#encodeBehindUnknown(part));
    const [first, second = -1] = ids;
    return first === this.vocab.get(SPACE) && this.added.at(second)?.special ? ids.slice(1) : ids;
  }

  #encodeParts(text: string, encode: (part: string) => number[]): number[] {
    return this.#splitter.split(text).flatMap((part) => (part.token ? [part.token.id] : encode(part.text)));
  }

  /** 4.31: the prefix is cut off the first piece of a later segment; the rest is unknown where it is not a piece. */
  #encodeCut(part: string): number[] {
    if (part.startsWith(SPACE)) return this.#codec.encode(part.slice(SPACE.length));
    const ids = this.#codec.encode(part);
    const [first = -1, ...others] = ids;
    const piece = this.pieces[first] ?? "";
    if (part.startsWith(" ") || !piece.startsWith(SPACE)) return ids;
    const rest = piece.slice(SPACE.length);
    return rest === "" ? others : [this.tokenToId(rest) ?? this.#unknownId, ...others];
  }

  /** 4.32 and later: an unknown token, removed afterwards, protects a leading space from SentencePiece. */
  #encodeBehindUnknown(part: string): number[] {
    if (!part.startsWith(SPACE) && !part.startsWith(" ")) return this.#bare.encode(part);
    const unknown = contentOf(specialSource(this.files).unk_token) ?? "";
    const length = this.#bare.encode(unknown).length;
    const ids = this.#bare.encode(unknown + part);
    return ids.length < length ? ids : ids.slice(length);
  }

  get #unknownId(): number {
    return this.tokenToId(contentOf(specialSource(this.files).unk_token) ?? "") ?? 0;
  }

  /**
   * SentencePiece's text for the ids between added tokens, and the added tokens unchanged, with a space where one of two
   * neighbours strips spaces: Python's with `spaces_between_special_tokens=False`, except for those spaces, which its
   * stripping versions put everywhere. Where every segment has a prefix of its own, each loses it, otherwise only the
   * first. (transformers 4.36 also puts a space before a text that `</s>` ends and drops one of two leading spaces; not
   * here.)
   */
  decode(ids: readonly number[], { skipSpecialTokens = false }: { skipSpecialTokens?: boolean } = {}): string {
    let text = "";
    let run: number[] = [];
    let before: AddedToken | undefined;
    let blank = false;
    const add = (part: string): void => {
      text += blank && text !== "" && part !== "" ? ` ${part}` : part;
      if (part !== "") blank = false;
    };
    const addRun = (): void => {
      add((before ? this.#bare : this.#codec).decode(run));
      run = [];
    };
    for (const id of ids) {
      const added = this.added.at(id);
      if (skipSpecialTokens && added?.special) continue;
      if (added === undefined) {
        run.push(id);
        continue;
      }
      addRun();
      blank ||= added.lstrip;
      add(added.content);
      blank = added.rstrip;
      before = added;
    }
    addRun();
    return text;
  }

  /**
   * Writes tokenizer.model unchanged, added_tokens.json, special_tokens_map.json and tokenizer_config.json: versions of
   * transformers differ in which of the three they read. `legacy` is explicit, since transformers 5 assumes false; so is
   * the version where the rules belong to a single one.
   */
  async save(folder: string): Promise<void> {
    const added = this.added.list();
    const fresh = freshSpecials(this.files, added);
    const beyond = added.filter(({ id }) => id >= this.pieces.length);
    const { prefix, version } = this.#rules;
    const { transformers_version: _, ...saved } = savedConfig(this.files, added, fresh);
    const config = {
      tokenizer_class: "LlamaTokenizer",
      ...saved,
      ...this.#namedContents(),
      legacy: prefix === "stretch",
      ...(prefix === "cut" && { transformers_version: version }),
    };
    await writeFiles(folder, {
      "tokenizer.model": this.#bytes,
      "tokenizer_config.json": jsonText(config),
      "special_tokens_map.json": jsonText(this.#specialTokensMap(fresh)),
      ...(beyond.length > 0 && {
        "added_tokens.json": jsonText(Object.fromEntries(beyond.map((t) => [t.content, t.id]))),
      }),
      ...(this.files.chatTemplate !== undefined && { "chat_template.jinja": this.files.chatTemplate }),
    });
  }

  /** Named tokens as plain strings: their flags are in `added_tokens_decoder`, and every version reads strings. */
  #namedContents(): Record<string, string | null> {
    const source = specialSource(this.files);
    const names = SPECIAL_NAMES.filter((name) => name in source);
    return Object.fromEntries(names.map((name) => [name, contentOf(source[name]) ?? null]));
  }

  /** Further tokens as objects: transformers before 4.34 strips the spaces around those that are plain strings. */
  #specialTokensMap(fresh: readonly string[]): Record<string, unknown> {
    const source = { ...specialSource(this.files), ...this.files.specialTokensMap };
    const named = SPECIAL_NAMES.filter((name) => contentOf(source[name]) !== undefined);
    const flags = { lstrip: false, normalized: false, rstrip: false, single_word: false };
    const more = source.additional_special_tokens;
    const before: unknown[] = Array.isArray(more) ? more : [];
    const all = [...before, ...fresh.map((content) => ({ content, ...flags }))];
    const map = Object.fromEntries(named.map((name) => [name, source[name]]));
    return { ...map, ...(all.length > 0 && { additional_special_tokens: all }) };
  }

  protected override buildSplitters(): void {
    this.#splitter = new Splitter(new Map(this.added.list().map((token) => [token.content, token])), PYTHON_WHITE);
  }
}

/** An empty tokenizer.json, in place of the missing one. */
const EMPTY_JSON: TokenizerFiles["json"] = {
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: { type: "BPE", vocab: {}, merges: [] },
};
