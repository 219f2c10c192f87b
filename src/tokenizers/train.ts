/**
 * Trains a small LLaMA-style tokenizer: BPE with byte fallback (Sennrich et al. 2016, "Neural Machine Translation of Rare
 * Words with Subword Units"; byte fallback as in SentencePiece).
 */
import { RocError } from "../errors.js";
import { llamaTokenizerConfig, llamaTokenizerJson } from "./llama.js";
import { jsonText } from "./save.js";

/** Options of {@link trainTokenizer}. */
export interface TrainOptions {
  /** Total number of ids; fewer result where the texts have no more pairs to merge. */
  readonly vocabSize: number;
  /** Further special tokens after `<pad>`, e.g. a position token. */
  readonly specialTokens?: readonly string[];
}

/** Contents of the two files of a tokenizer folder. */
export interface TrainedTokenizer {
  readonly "tokenizer.json": string;
  readonly "tokenizer_config.json": string;
}

type Merge = readonly [string, string];

const MARK = "▁";
const CONTROL = ["<unk>", "<s>", "</s>"];
const BYTES = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`);
const PLACEHOLDERS = ["<image>", "<pad>"];

/**
 * Ids: `<unk>` 0, `<s>` 1, `</s>` 2, 256 byte tokens, `<image>`, `<pad>`, `specialTokens`, then the characters of the
 * texts by descending count, then the merged pieces in the order in which they were learned. Deterministic: ties go to the
 * first in the texts. Characters that do not fit are encoded as bytes.
 *
 * @throws RocError USAGE where `vocabSize` has no room for the fixed tokens
 */
export function trainTokenizer(texts: readonly string[], options: TrainOptions): TrainedTokenizer {
  const special = [...new Set([...CONTROL, ...PLACEHOLDERS, ...(options.specialTokens ?? [])])];
  const fixed = [...new Set([...CONTROL, ...BYTES, ...special])];
  const room = options.vocabSize - fixed.length;
  if (!Number.isInteger(room) || room < 0 || special.includes("")) {
    const rule = `vocabSize must be an integer of at least ${fixed.length} and special tokens not empty`;
    throw new RocError("USAGE", `trainTokenizer: ${rule}; got vocabSize ${options.vocabSize}`);
  }
  const words = countWords(texts, special);
  const alphabet = countCharacters(words).slice(0, room);
  const merges = learnMerges(words, new Set(alphabet), new Set(fixed), room - alphabet.length);
  const pieces = new Set([...fixed, ...alphabet, ...merges.map(([left, right]) => left + right)]);
  return {
    "tokenizer.json": jsonText(llamaTokenizerJson([...pieces], merges, special)),
    "tokenizer_config.json": jsonText(llamaTokenizerConfig([...pieces], special)),
  };
}

/** Words ("▁" and what follows up to the next "▁") with their counts, as the normalizer will make them. */
function countWords(texts: readonly string[], special: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  const escaped = special.map((token) => token.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  const cut = new RegExp([...escaped].sort((a, b) => b.length - a.length).join("|"), "u");
  const segments = texts.flatMap((text) => text.split(cut)).filter((segment) => segment !== "");
  for (const segment of segments) {
    for (const word of (MARK + segment.replaceAll(" ", MARK)).split(MARK).slice(1)) add(counts, MARK + word, 1);
  }
  return counts;
}

/** Characters, the most frequent first. */
function countCharacters(words: ReadonlyMap<string, number>): string[] {
  const counts = new Map<string, number>();
  for (const [word, count] of words) for (const char of word) add(counts, char, count);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([char]) => char);
}

/** Repeatedly merges the most frequent pair of neighbours. Never creates a piece equal to a fixed token. */
function learnMerges(
  counts: ReadonlyMap<string, number>,
  alphabet: ReadonlySet<string>,
  fixed: ReadonlySet<string>,
  limit: number,
): Merge[] {
  const words = [...counts].map(([word, count]) => ({ pieces: Array.from(word), count }));
  const merges: Merge[] = [];
  const known = new Set(alphabet);
  // The limit counts pieces: two merges can create the same one.
  while (known.size < alphabet.size + limit) {
    const pairs = new Map<string, { merge: Merge; count: number }>();
    for (const { pieces, count } of words) {
      for (const merge of neighbours(pieces)) {
        if (!known.has(merge[0]) || !known.has(merge[1]) || fixed.has(merge[0] + merge[1])) continue;
        const key = merge.join("\0");
        pairs.set(key, { merge, count: (pairs.get(key)?.count ?? 0) + count });
      }
    }
    let best: { merge: Merge; count: number } | undefined;
    for (const pair of pairs.values()) if (pair.count > (best?.count ?? 1)) best = pair;
    if (!best) break;
    merges.push(best.merge);
    known.add(best.merge.join(""));
    for (const word of words) word.pieces = merged(word.pieces, best.merge);
  }
  return merges;
}

function neighbours(pieces: readonly string[]): Merge[] {
  return pieces.slice(1).map((right, i) => [pieces[i] ?? "", right]);
}

function merged(pieces: readonly string[], [left, right]: Merge): string[] {
  const result: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    const joins = pieces[i] === left && pieces[i + 1] === right;
    result.push(joins ? left + right : (pieces[i] ?? ""));
    if (joins) i++;
  }
  return result;
}

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
