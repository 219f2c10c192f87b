import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { loadTokenizer, trainTokenizer, type TrainedTokenizer } from "../../src/tokenizers/index.js";
import { tokenizerFolder } from "./reference.js";

const TEXTS = [
  "USER: <image>\nPlease rate the aesthetics of the image. ASSISTANT: The aesthetic rate of the image is [SCORE].",
  "USER: <image>\nHow good is this photo? ASSISTANT: The photo is good: sharp, well lit and calm.",
  "USER: <image>\nWhat could be better? ASSISTANT: The photo is dark, the subject is small, and the ground is busy.",
];
const OPTIONS = { vocabSize: 350, specialTokens: ["[SCORE]", "[IMG0]"] };

async function load(files: TrainedTokenizer) {
  const folder = await mkdtemp(join(tmpdir(), "roc-tokenizer-"));
  try {
    for (const [name, text] of Object.entries<string>({ ...files })) await writeFile(join(folder, name), text);
    return await loadTokenizer(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

// make.py records in trained/cases.json what Python reads from exactly these bytes.
test("training is deterministic and writes the files that Python was given", async () => {
  const files = trainTokenizer(TEXTS, OPTIONS);
  assert.deepEqual(trainTokenizer(TEXTS, OPTIONS), files);
  const folder = tokenizerFolder("trained");
  if (process.env.UPDATE_FIXTURES) {
    await mkdir(folder, { recursive: true });
    for (const [name, text] of Object.entries<string>({ ...files })) await writeFile(join(folder, name), text);
  }
  for (const [name, text] of Object.entries<string>({ ...files }))
    assert.equal(text, await readFile(join(folder, name), "utf8"), name);
});

test("ids are in the documented order and the vocabulary has the requested size", async () => {
  const tokenizer = await load(trainTokenizer(TEXTS, OPTIONS));
  assert.equal(tokenizer.size, 350);
  const fixed = ["<unk>", "<s>", "</s>", "<0x00>", "<image>", "<pad>", "[SCORE]", "[IMG0]"];
  assert.deepEqual(
    fixed.map((token) => tokenizer.tokenToId(token)),
    [0, 1, 2, 3, 259, 260, 261, 262],
  );
  assert.equal(tokenizer.tokenToId("<0xFF>"), 258);
  assert.deepEqual([tokenizer.bosTokenId, tokenizer.eosTokenId, tokenizer.padTokenId], [1, 2, 260]);
});

test("frequent words become one piece and any text survives the round trip", async () => {
  const tokenizer = await load(trainTokenizer(TEXTS, OPTIONS));
  assert.equal(tokenizer.encode("the photo", { addSpecialTokens: false }).length, 2);
  for (const text of ["Zürich 你好 😀\n\t  x ", "<image>", " lead", "▁"]) {
    const expected = text === "▁" ? " " : text; // the mark itself cannot be distinguished from a space, as in LLaMA's tokenizer
    assert.equal(tokenizer.decode(tokenizer.encode(text, { addSpecialTokens: false })), expected);
  }
});

test("the most frequent pair is merged first; equal counts go to the first seen", () => {
  const { model } = JSON.parse(trainTokenizer(["ab ab cd cd ab", "xy"], { vocabSize: 290 })["tokenizer.json"]) as {
    model: { merges: [string, string][] };
  };
  // ▁a and ab 3 times each, then ▁c, cd 2 times; xy occurs once and is not merged.
  assert.deepEqual(model.merges, [
    ["▁", "a"],
    ["▁a", "b"],
    ["▁", "c"],
    ["▁c", "d"],
  ]);
});

test("a vocabulary without room for the fixed tokens is refused", () => {
  for (const vocabSize of [260, 300.5, NaN]) {
    assert.throws(
      () => trainTokenizer(TEXTS, { vocabSize }),
      (error) => isRocError(error) && error.code === "USAGE",
    );
  }
  assert.equal(Object.keys(trainTokenizer(TEXTS, { vocabSize: 261 })).length, 2);
});
