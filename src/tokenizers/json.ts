/** A tokenizer read from a Hugging Face folder (tokenizer.json and the files around it). */
import { isRocError, messageOf, RocError } from "../errors.js";
import { exists, openFolder, type FolderLike } from "../files/index.js";
import { BaseTokenizer } from "./base.js";
import { inBoundedTime, MOST_TEXT } from "./bounded.js";
import { makeDecoder } from "./decoder.js";
import { readTokenizerFiles, type AddedToken, type TokenizerFiles } from "./files.js";
import { checkedGrowth } from "./growth.js";
import { buildParts, type Parts } from "./library.js";
import { makeMetaspace, type WordSplit } from "./metaspace.js";
import { saveTokenizerFiles } from "./save.js";
import { Splitter } from "./splitter.js";
import { readTemplate, type Template } from "./template.js";
import type { Tokenizer } from "./types.js";

/**
 * Reads a tokenizer folder; one with only a SentencePiece model: see loadSentencePiece. Otherwise the ids are those of
 * Python's `tokenizers` for its tokenizer.json (`legacy`, `add_bos_token` and `clean_up_tokenization_spaces` of
 * tokenizer_config.json are ignored, as transformers 5 ignores them for a BPE).
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, TOKENIZER_INVALID (naming file and field)
 */
export async function loadTokenizer(folder: FolderLike): Promise<Tokenizer> {
  const files = openFolder(folder);
  if ((await exists(files.file("tokenizer.json"))) || !(await exists(files.file("tokenizer.model")))) {
    return new JsonTokenizer(await readTokenizerFiles(files));
  }
  // Loaded lazily: few folders need the reader of protocol buffers.
  return (await import("./sentencepiece.js")).loadSentencePiece(files, "tokenizer.model");
}

class JsonTokenizer extends BaseTokenizer {
  readonly #parts: Parts;
  readonly #words: WordSplit;
  readonly #decodePieces: (pieces: readonly string[]) => string;
  readonly #template: Template;
  /** Maximum number of characters that one character becomes. */
  readonly #growth: number;
  #raw = new Splitter(new Map());
  #normalized = new Splitter(new Map());

  constructor(files: TokenizerFiles) {
    const { json, file } = files;
    const vocab = new Map(Object.entries(json.model.vocab));
    super(files, vocab, piecesById(vocab, file));
    checkModel(json.model, vocab, file);
    const growth = checkedGrowth(json.normalizer, "normalizer", file);
    this.#growth = growth * checkedGrowth(json.pre_tokenizer, "pre_tokenizer", file);
    checkedGrowth(json.decoder, "decoder", file);
    const parts = buildParts(json, file);
    this.#parts = parts;
    this.#words =
      makeMetaspace(json.pre_tokenizer, file) ?? ((text) => parts.pre_tokenizer?.pre_tokenize(text) ?? [text]);
    this.#decodePieces = makeDecoder(json.decoder, file);
    this.#template = readTemplate(json.post_processor, file);
    this.buildSplitters();
  }

  encode(text: string, { addSpecialTokens = true }: { addSpecialTokens?: boolean } = {}): number[] {
    const parts = this.#raw.split(text);
    const ids = this.#bounded(text, () =>
      parts.flatMap((part) => (part.token ? [part.token.id] : this.#encodePart(part))),
    );
    return addSpecialTokens ? [...this.#template.before, ...ids, ...this.#template.after] : ids;
  }

  /** The result of `work` for a text, within limits: the file's regular expressions and replacements are untrusted. */
  #bounded<T>(text: string, work: () => T): T {
    const invalid = (why: string, cause?: unknown): RocError =>
      new RocError("TOKENIZER_INVALID", `${this.files.file}: normalizer or pre_tokenizer: ${why}`, { cause });
    const count = text.length * this.#growth;
    if (count > MOST_TEXT) throw invalid(`may make ${count} characters of ${text.length}, over ${MOST_TEXT}`);
    try {
      return inBoundedTime(work, (seconds) => invalid(`takes over ${seconds} seconds for ${text.length} characters`));
    } catch (cause) {
      if (isRocError(cause)) throw cause;
      throw invalid(`fails for ${text.length} characters (${messageOf(cause)})`, cause);
    }
  }

  /** Ids of a text segment without added tokens, except those that match normalized text. */
  #encodePart(part: { text: string; start: number }): number[] {
    const text = this.#parts.normalizer?.normalize(part.text) ?? part.text;
    return this.#normalized.split(text).flatMap((inner) => {
      if (inner.token) return [inner.token.id];
      return this.#words(inner.text, part.start + inner.start === 0).flatMap((word) => this.#encodeWord(word));
    });
  }

  #encodeWord(word: string): number[] {
    const { unk_token: unknown, fuse_unk: fuse, byte_fallback: bytes } = this.files.json.model;
    // Characters without a piece are dropped before the merges, so that their neighbours may merge.
    const known = unknown || bytes ? word : [...word].filter((character) => this.vocab.has(character)).join("");
    if (known === "") return [];
    const pieces = this.#parts.model.encode([known]);
    const fused = fuse ? pieces.filter((piece, i) => piece !== unknown || pieces[i - 1] !== unknown) : pieces;
    return fused.map((piece) => this.vocab.get(piece)).filter((id) => id !== undefined);
  }

  /**
   * As in Python, with one exception: for an added token with `normalized: true` tokenizers 0.23 gives the normalized text
   * ("▁<pad>") and does not skip it as special; here it yields its own text and is skipped.
   */
  decode(ids: readonly number[], { skipSpecialTokens = false }: { skipSpecialTokens?: boolean } = {}): string {
    const pieces: string[] = [];
    for (const id of ids) {
      const added = this.added.at(id);
      const piece = added?.content ?? this.pieces[id];
      if (piece !== undefined && !(skipSpecialTokens && added?.special)) pieces.push(piece);
    }
    return this.#decodePieces(pieces);
  }

  save(folder: string): Promise<void> {
    return saveTokenizerFiles(folder, this.files, this.added.list());
  }

  protected override buildSplitters(): void {
    const raw = new Map<string, AddedToken>();
    const normalized = new Map<string, AddedToken>();
    for (const token of this.added.list()) {
      const { content } = token;
      if (!token.normalized) raw.set(content, token);
      else
        normalized.set(
          this.#bounded(content, () => this.#parts.normalizer?.normalize(content) ?? content),
          token,
        );
    }
    this.#raw = new Splitter(raw);
    this.#normalized = new Splitter(normalized);
  }
}

/** Pieces in order of their ids, which must be 0, 1, 2, ...: Python numbers new ids from the number of pieces. */
function piecesById(vocab: ReadonlyMap<string, number>, file: string): string[] {
  const pieces = new Array<string | undefined>(vocab.size).fill(undefined);
  for (const [piece, id] of vocab) if (id < vocab.size) pieces[id] = piece;
  if (pieces.every((piece) => piece !== undefined)) return pieces;
  throw new RocError(
    "TOKENIZER_INVALID",
    `${file}: model.vocab: ids must be 0 to ${vocab.size - 1}, each once; correct it`,
  );
}

/** As in Python: a merge joins two pieces to a piece of the vocabulary. Dropout would skip merges at random. */
function checkModel(
  { merges, dropout }: TokenizerFiles["json"]["model"],
  vocab: ReadonlyMap<string, number>,
  file: string,
) {
  const refuse = (field: string, why: string): never => {
    throw new RocError("TOKENIZER_INVALID", `${file}: field model.${field}: ${why}; correct or re-download it`);
  };
  if (dropout !== undefined && dropout !== null && dropout !== 0) refuse("dropout", "is for training; it must be null");
  for (const [at, merge] of merges.entries()) {
    const [left = "", right = ""] = typeof merge === "string" ? merge.split(" ") : merge;
    const unknown = [left, right, left + right].find((piece) => !vocab.has(piece));
    if (unknown !== undefined) refuse(`merges.${at}`, `"${unknown}" is not in the vocabulary`);
  }
}
