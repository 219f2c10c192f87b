/**
 * The parts of @huggingface/tokenizers that we use, typed here: the package's own declarations do not resolve under
 * Node's module rules. We take its normalizers, pre-tokenizers and BPE; what stands around them (NFC, added tokens,
 * Metaspace, unknown runs, templates, decoders) is ours, because there it differs from Python's `tokenizers`.
 */
import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { messageOf, RocError } from "../errors.js";
import type { TokenizerJson } from "./files.js";
import { nfc } from "./nfc.js";

/** What remains of the library's tokenizer. */
export interface Parts {
  readonly normalizer: { normalize(text: string): string } | null;
  readonly pre_tokenizer: { pre_tokenize(text: string): string[] } | null;
  readonly model: { encode(words: string[]): string[] };
}

type Construct = new (json: object, config: object) => Parts;

/** Builds the parts from a validated tokenizer.json; `file` names it in the error. */
export function buildParts(json: TokenizerJson, file: string): Parts {
  // Metaspace is ours (see metaspace.ts), as are post-processor and decoder; added tokens would be split twice.
  const ours = { added_tokens: [], post_processor: null, decoder: null };
  const preTokenizer = json.pre_tokenizer?.type === "Metaspace" ? null : json.pre_tokenizer;
  try {
    // The library reads these four from the object itself and needs every key to be there.
    const parts = new (LibraryTokenizer as unknown as Construct)({ ...json, ...ours, pre_tokenizer: preTokenizer }, {});
    const { normalizer, pre_tokenizer, model } = parts;
    return { normalizer: json.normalizer?.type === "NFC" ? { normalize: nfc } : normalizer, pre_tokenizer, model };
  } catch (cause) {
    const remedy = "use a tokenizer.json with a byte-level or byte-fallback BPE";
    throw new RocError("TOKENIZER_INVALID", `${file}: ${messageOf(cause)}; ${remedy}`, { cause });
  }
}
