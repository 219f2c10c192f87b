/** Byte-level tokenizers other than Qwen's: GPT-2's pattern, and vocabularies that lack some bytes. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadTokenizer, type Tokenizer } from "../../src/tokenizers/index.js";

const PIECES = ["a", "b", "ab", "Ġ", "č", "Ċ", "Â", "ħ", "ï", "»", "¿", "čĊ"];
const FILE = {
  version: "1.0",
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: "BPE",
    unk_token: null,
    vocab: Object.fromEntries(PIECES.map((piece, id) => [piece, id])),
    merges: [
      ["a", "b"],
      ["č", "Ċ"],
    ],
  },
};

/** Ids of tokenizers 0.23.3 for that file. */
const EXPECTED: readonly (readonly [text: string, ids: readonly number[], why: string])[] = [
  ["axb", [2], "characters outside the vocabulary are dropped before the merges"],
  ["x", [], "nothing is left"],
  ["a b", [0, 3, 1], "the pattern splits before a space"],
  ["\r\n\u0085", [11, 6, 7], "U+0085 is white space"],
  ["\r\n\ufeffa", [4, 5, 8, 9, 10, 0], "U+FEFF is not"],
  ["a\u0085b", [0, 6, 7, 1], "alone"],
];

async function tokenizerOf(file: object): Promise<Tokenizer> {
  const folder = await mkdtemp(join(tmpdir(), "bytelevel-"));
  try {
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(file));
    return await loadTokenizer(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("ids are those of Python's tokenizers", async () => {
  const tokenizer = await tokenizerOf(FILE);
  for (const [text, ids, why] of EXPECTED) assert.deepEqual(tokenizer.encode(text), ids, why);
});

/** Qwen2's pattern, up to the words; here a merge would cross a split. */
const QWEN = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}`;

test("a case-insensitive pattern matches U+017F as an s, as in Python", async () => {
  const split = { type: "Split", pattern: { Regex: QWEN }, behavior: "Isolated", invert: false };
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
  const pieces = ["'", "Å", "¿", "a", "¿a", "S", "s", "Sa", "sa"];
  const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  const merges = [
    ["¿", "a"],
    ["S", "a"],
    ["s", "a"],
  ];
  const file = {
    ...FILE,
    pre_tokenizer: { type: "Sequence", pretokenizers: [split, bytes] },
    model: { ...FILE.model, vocab, merges },
  };
  const tokenizer = await tokenizerOf(file);
  assert.deepEqual(tokenizer.encode("'ſa"), [0, 1, 2, 3]);
  assert.deepEqual(tokenizer.encode("'Sa"), [0, 5, 3]);
  assert.deepEqual(tokenizer.encode("'sa"), [0, 6, 3]);
  assert.deepEqual(tokenizer.encode("aſa"), [3, 1, 4]);
});
