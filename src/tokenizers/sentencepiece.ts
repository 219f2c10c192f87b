/** A tokenizer read from a SentencePiece model (tokenizer.model), where a folder has no tokenizer.json. */
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, RocError } from "../errors.js";
import { contentOf, specialSource } from "./added.js";
import { BaseTokenizer } from "./base.js";
import { readSideFiles, SPECIAL_NAMES, type SideFiles, type TokenizerFiles } from "./files.js";
import { freshSpecials, jsonText, savedConfig, writeFiles } from "./save.js";
import { SentencePieceCodec } from "./sentencepiece/codec.js";
import { parseModel } from "./sentencepiece/model.js";
import { Splitter } from "./splitter.js";
import type { Tokenizer } from "./types.js";

const MODEL = "tokenizer.model";

/** What Python's LlamaTokenizer assumes where tokenizer_config.json does not say. */
const LLAMA_DEFAULTS = { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>" };

/**
 * Reads tokenizer.model and the files around it, if the folder has no tokenizer.json.
 *
 * Ids are those of Python's LlamaTokenizer of transformers 4.3x with `legacy=True`: every stretch of text between added
 * tokens is encoded by itself, so each begins with the dummy prefix. `legacy` in tokenizer_config.json is ignored, as
 * it is for tokenizer.json.
 *
 * @returns undefined where the folder has a tokenizer.json, or no tokenizer.model either
 * @throws RocError FILE_UNREADABLE, TOKENIZER_INVALID (naming file and field)
 */
export async function loadSentencePiece(folder: string): Promise<Tokenizer | undefined> {
  const file = join(folder, MODEL);
  if ((await exists(join(folder, "tokenizer.json"))) || !(await exists(file))) return undefined;
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new RocError("FILE_UNREADABLE", `${file}: ${messageOf(cause)}`, { cause });
  });
  return new SentencePieceTokenizer(file, bytes, await readSideFiles(folder));
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

class SentencePieceTokenizer extends BaseTokenizer {
  readonly #bytes: Uint8Array;
  readonly #codec: SentencePieceCodec;
  #splitter = new Splitter(new Map());

  constructor(file: string, bytes: Uint8Array, side: SideFiles) {
    const model = parseModel(bytes, file);
    const codec = new SentencePieceCodec(model);
    const files = { ...side, file, json: EMPTY_JSON, config: { ...LLAMA_DEFAULTS, ...side.config } };
    super(
      files,
      codec.vocab,
      model.pieces.map(({ text }) => text),
    );
    this.#bytes = bytes;
    this.#codec = codec;
    this.buildSplitters();
  }

  encode(text: string, { addSpecialTokens = true }: { addSpecialTokens?: boolean } = {}): number[] {
    const ids = this.#splitter
      .split(text)
      .flatMap((part) => (part.token ? [part.token.id] : this.#codec.encode(part.text)));
    if (!addSpecialTokens) return ids;
    const { add_bos_token: bos = true, add_eos_token: eos = false } = this.files.config;
    const before = bos === true ? this.bosTokenId : undefined;
    const after = eos === true ? this.eosTokenId : undefined;
    return [before, ...ids, after].filter((id) => id !== undefined);
  }

  /**
   * The text that SentencePiece gives for the ids between added tokens, those as they are, and nothing in between:
   * Python's with `spaces_between_special_tokens=False`. Like a fresh text, each such stretch loses its dummy prefix.
   * (transformers 4.36 also puts a space before a text that `</s>` ends and drops one of two leading spaces; not here.)
   */
  decode(ids: readonly number[], { skipSpecialTokens = false }: { skipSpecialTokens?: boolean } = {}): string {
    let text = "";
    let run: number[] = [];
    for (const id of ids) {
      const added = this.added.at(id);
      if (skipSpecialTokens && added?.special) continue;
      if (added === undefined) run.push(id);
      else {
        text += this.#codec.decode(run) + added.content;
        run = [];
      }
    }
    return text + this.#codec.decode(run);
  }

  /**
   * Writes tokenizer.model as it was read, added_tokens.json, special_tokens_map.json and tokenizer_config.json: each
   * version of transformers reads another of the three. `legacy: true` is stated, since transformers 5 assumes false.
   */
  async save(folder: string): Promise<void> {
    const added = this.added.list();
    const fresh = freshSpecials(this.files, added);
    const beyond = added.filter(({ id }) => id >= this.pieces.length);
    const config = {
      tokenizer_class: "LlamaTokenizer",
      ...savedConfig(this.files, added, fresh),
      ...this.#namedContents(),
      legacy: true,
    };
    await writeFiles(folder, {
      [MODEL]: this.#bytes,
      "tokenizer_config.json": jsonText(config),
      "special_tokens_map.json": jsonText(this.#specialTokensMap(fresh)),
      ...(beyond.length > 0 && {
        "added_tokens.json": jsonText(Object.fromEntries(beyond.map((t) => [t.content, t.id]))),
      }),
      ...(this.files.chatTemplate !== undefined && { "chat_template.jinja": this.files.chatTemplate }),
    });
  }

  /** Named tokens as plain strings: their flags stand in `added_tokens_decoder`, and every version reads strings. */
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
    this.#splitter = new Splitter(new Map(this.added.list().map((token) => [token.content, token])));
  }
}

/** Stands for the tokenizer.json that is not there: nothing in it. */
const EMPTY_JSON: TokenizerFiles["json"] = {
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: { type: "BPE", vocab: {}, merges: [] },
};
