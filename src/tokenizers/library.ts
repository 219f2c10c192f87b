/**
 * The parts of @huggingface/tokenizers that are used, typed here: the package's own declarations do not resolve under
 * Node's module rules. Its normalizers, pre-tokenizers and BPE are used; the rest (NFC, added tokens, Metaspace, runs of
 * unknown tokens, templates, decoders) is implemented here, because the library differs from Python's `tokenizers` there.
 */
import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { messageOf, RocError } from "../errors.js";
import type { TokenizerJson } from "./files.js";
import { nfc } from "./nfc.js";

/** The used parts of the library's tokenizer. */
export interface Parts {
  readonly normalizer: { normalize(text: string): string } | null;
  readonly pre_tokenizer: { pre_tokenize(text: string): string[] } | null;
  readonly model: { encode(words: string[]): string[] };
}

/** GPT-2's pattern (Radford et al. 2019), by which a ByteLevel pre-tokenizer splits. */
const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/**
 * The library's ByteLevel splits by JavaScript's white space (which includes U+FEFF and lacks U+0085), its Split by
 * Python's: so the pattern moves into a Split. With `add_prefix_space`, which comes before the split, the configuration is
 * unchanged.
 */
function withSplit(preTokenizer: TokenizerJson["pre_tokenizer"]): TokenizerJson["pre_tokenizer"] {
  if (preTokenizer?.type !== "ByteLevel") return preTokenizer;
  if (preTokenizer["add_prefix_space"] !== false || preTokenizer["use_regex"] === false) return preTokenizer;
  const split = { type: "Split", pattern: { Regex: GPT2 }, behavior: "Isolated", invert: false };
  return { type: "Sequence", pretokenizers: [split, { ...preTokenizer, use_regex: false }] };
}

/**
 * Case-insensitive letters as in Python's patterns: the library folds A to Z only, but U+017F folds to s and U+212A to k
 * (Unicode's CaseFolding.txt). Handles groups of plain letters, as in Qwen's pattern; the library handles others.
 */
function withFolding(preTokenizer: TokenizerJson["pre_tokenizer"]): TokenizerJson["pre_tokenizer"] {
  if (preTokenizer?.type === "Sequence" && Array.isArray(preTokenizer["pretokenizers"])) {
    const parts = preTokenizer["pretokenizers"] as (typeof preTokenizer)[];
    return { ...preTokenizer, pretokenizers: parts.map((part) => withFolding(part)) };
  }
  const { Regex: pattern } = (preTokenizer?.["pattern"] ?? {}) as { Regex?: unknown };
  if (preTokenizer?.type !== "Split" || typeof pattern !== "string") return preTokenizer;
  const letter = (one: string): string =>
    `[${one.toLowerCase()}${one.toUpperCase()}${{ s: "\u017f", k: "\u212a" }[one.toLowerCase()] ?? ""}]`;
  const folded = pattern.replace(/\(\?i:([a-z'|]+)\)/gi, (_, body: string) => `(?:${body.replace(/[a-z]/gi, letter)})`);
  return { ...preTokenizer, pattern: { Regex: folded } };
}

const pattern = z.union([z.strictObject({ String: z.string() }), z.strictObject({ Regex: z.string() })]);
const STEPS: Readonly<Record<string, z.ZodType>> = {
  Split: z.looseObject({
    pattern,
    behavior: z.enum(["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]),
    invert: z.boolean(),
  }),
  Replace: z.looseObject({ pattern, content: z.string() }),
  Prepend: z.looseObject({ prepend: z.string() }),
};

/** The library ignores a step whose fields it does not know. @throws RocError TOKENIZER_INVALID, as Python refuses it */
function checkPatterns(part: unknown, field: string, file: string): void {
  if (typeof part !== "object" || part === null) return;
  const { type, normalizers, pretokenizers } = part as Readonly<Record<string, unknown>>;
  const steps = type === "Sequence" ? (normalizers ?? pretokenizers) : undefined;
  if (Array.isArray(steps)) steps.forEach((step, i) => checkPatterns(step, `${field}.${i}`, file));
  const schema = typeof type === "string" && Object.hasOwn(STEPS, type) ? STEPS[type] : undefined;
  const [issue] = schema?.safeParse(part).error?.issues ?? [];
  if (!issue) return;
  const where = [field, ...issue.path].map(String).join(".");
  throw new RocError("TOKENIZER_INVALID", `${file}: ${where}: ${issue.message}; correct or re-download it`);
}

/** The library gives the content of a Replace to JavaScript's replaceAll(), where a dollar is special. */
function literal<T>(part: T): T {
  if (typeof part !== "object" || part === null) return part;
  if (Array.isArray(part)) return part.map((one: unknown) => literal(one)) as T;
  const entries = Object.entries(part).map(([key, value]) => [key, literal<unknown>(value)] as const);
  const own = Object.fromEntries(entries) as Record<string, unknown>;
  const { type, content } = own;
  return (
    type === "Replace" && typeof content === "string" ? { ...own, content: content.replaceAll("$", "$$$$") } : own
  ) as T;
}

type Construct = new (json: object, config: object) => Parts;

/** Builds the parts from a validated tokenizer.json; `file` names it in the error. */
export function buildParts(json: TokenizerJson, file: string): Parts {
  // Metaspace (metaspace.ts), post-processor and decoder are implemented here; added tokens would be split twice.
  const ours = { added_tokens: [], post_processor: null, decoder: null };
  checkPatterns(json.normalizer, "normalizer", file);
  checkPatterns(json.pre_tokenizer, "pre_tokenizer", file);
  try {
    const preTokenizer = json.pre_tokenizer?.type === "Metaspace" ? null : withFolding(withSplit(json.pre_tokenizer));
    const theirs = { pre_tokenizer: literal(preTokenizer), normalizer: literal(json.normalizer) };
    // The library reads these four from the object itself and requires every key.
    const parts = new (LibraryTokenizer as unknown as Construct)({ ...json, ...ours, ...theirs }, {});
    const { normalizer, pre_tokenizer, model } = parts;
    return { normalizer: json.normalizer?.type === "NFC" ? { normalize: nfc } : normalizer, pre_tokenizer, model };
  } catch (cause) {
    const remedy = "use a tokenizer.json with a byte-level or byte-fallback BPE";
    throw new RocError("TOKENIZER_INVALID", `${file}: ${messageOf(cause)}; ${remedy}`, { cause });
  }
}
