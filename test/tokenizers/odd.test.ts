/** Texts that break tokenizers: every code point in NFC, very long ones, halves of characters, folders with one file. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { loadTokenizer } from "../../src/tokenizers/index.js";
import { nfc } from "../../src/tokenizers/nfc.js";
import { fixture } from "../support.js";
import { readReference, tokenizerFolder } from "./reference.js";

const FOLDERS = [
  ...["llama", "qwen", "metaspace-added"].map(tokenizerFolder),
  ...["llama-added", "corners", "unigram"].map((name) => fixture(`sentencepiece/${name}`)),
];

test("NFC is that of Python's tokenizers around every code point", async () => {
  const { end, sha256 } = z
    .object({ end: z.number(), sha256: z.record(z.string(), z.string()) })
    .parse(JSON.parse(await readFile(fixture("tokenizers/nfc.json"), "utf8")));
  const isHalf = (code: number): boolean => code >= 0xd800 && code < 0xe000;
  const codes = Array.from({ length: end - 1 }, (_, i) => i + 1).filter((code) => !isHalf(code) && !isHalf(code - 1));
  assert.ok(codes.length > 120_000);
  for (const [form, expected] of Object.entries(sha256)) {
    const around = (code: number): string =>
      form.replaceAll("{c}", String.fromCodePoint(code)).replaceAll("{d}", String.fromCodePoint(code - 1));
    const text = codes.map((code) => nfc(around(code))).join("\n");
    assert.equal(createHash("sha256").update(text).digest("hex"), expected, JSON.stringify(form));
  }
});

const LENGTH = 100_000;
const LONG: Readonly<Record<string, string>> = {
  "one letter": "a".repeat(LENGTH),
  words: "the aesthetic rate of the image. ".repeat(LENGTH / 33),
  spaces: " ".repeat(LENGTH),
  "line breaks": "\n".repeat(LENGTH),
  digits: "1234567890".repeat(LENGTH / 10),
  Chinese: "画像の美しさ".repeat(LENGTH / 6),
  emoji: "😀".repeat(LENGTH / 2),
  marks: `a${"\u0301".repeat(LENGTH)}`,
  "added tokens": "x <image> <mask>  [SCORE]".repeat(LENGTH / 25),
};

test("a text of 100000 characters takes no quadratic time", async () => {
  for (const folder of FOLDERS) {
    const tokenizer = await loadTokenizer(folder);
    for (const [what, text] of Object.entries(LONG)) {
      const start = process.cpuUsage();
      const ids = tokenizer.encode(text);
      assert.ok(ids.length > 0);
      tokenizer.decode(ids);
      // Some 100 to 500 ms of this process, however busy the machine; quadratic time would be minutes.
      assert.ok(process.cpuUsage(start).user < 10_000_000, `${folder}: ${what}`);
    }
  }
});

test("a lone surrogate, which UTF-8 cannot encode, counts as U+FFFD", async () => {
  for (const folder of FOLDERS) {
    const tokenizer = await loadTokenizer(folder);
    for (const [half, whole] of [
      ["a\ud800b", "a\ufffdb"],
      ["\udc00\ud800", "\ufffd\ufffd"],
      ["😀\ud83d", "😀\ufffd"],
    ] as const) {
      assert.deepEqual(tokenizer.encode(half), tokenizer.encode(whole), `${folder}: ${JSON.stringify(half)}`);
    }
  }
});

test("tokenizer.json alone gives the same ids", async () => {
  const folder = await mkdtemp(join(tmpdir(), "roc-alone-"));
  try {
    for (const name of ["llama", "qwen"]) {
      await cp(join(tokenizerFolder(name), "tokenizer.json"), join(folder, "tokenizer.json"));
      const tokenizer = await loadTokenizer(folder);
      const { cases, size } = await readReference(name);
      assert.equal(tokenizer.size, size);
      for (const { text, ids } of cases) assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
