import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { isRocError } from "../../src/errors.js";
import { loadTokenizer, TextStream, type Tokenizer } from "../../src/tokenizers/index.js";
import { SentencePieceCodec } from "../../src/tokenizers/sentencepiece/codec.js";
import { parseModel } from "../../src/tokenizers/sentencepiece/model.js";
import { fixture } from "../support.js";

const NEW = ["[SCORE]", "[IMG0]", "[IMG1]", "<image>"];

const id = z.number().int();
const coded = { text: z.string(), ids: z.array(id), decoded: z.string() };
const plainReference = z.object({
  size: id,
  cases: z.array(z.object(coded)).min(70),
  sequences: z.array(z.object(coded).omit({ text: true })).min(60),
});
const addedReference = z.object({
  size: id,
  bos: id,
  eos: id,
  pad: id,
  added: z.record(z.string(), z.string()),
  cases: z.array(z.object({ ...coded, plain: z.array(id), skipped: z.string() })).min(70),
});

const folderOf = (name: string): string => fixture(`sentencepiece/${name}`);

async function readCases(name: string): Promise<unknown> {
  return JSON.parse(await readFile(join(folderOf(name), "cases.json"), "utf8"));
}

async function withFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "roc-sentencepiece-"));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

for (const name of ["llama", "corners", "unigram"]) {
  test(`${name}: ids and texts are those of Python's sentencepiece`, async () => {
    const file = join(folderOf(name), "tokenizer.model");
    const codec = new SentencePieceCodec(parseModel(await readFile(file), file));
    const { size, cases, sequences } = plainReference.parse(await readCases(name));
    assert.equal(codec.vocab.size, size);
    for (const { text, ids } of cases) assert.deepEqual(codec.encode(text), ids, JSON.stringify(text));
    for (const { ids, decoded } of [...cases, ...sequences]) assert.equal(codec.decode(ids), decoded, ids.join());
  });
}

test("with added tokens, ids are those of Python's slow LlamaTokenizer", async () => {
  const reference = addedReference.parse(await readCases("llama-added"));
  const tokenizer = await loadTokenizer(folderOf("llama-added"));
  const { bosTokenId, eosTokenId, padTokenId, size } = tokenizer;
  assert.deepEqual([bosTokenId, eosTokenId, padTokenId], [reference.bos, reference.eos, reference.pad]);
  assert.equal(size, reference.size);
  for (const [index, content] of Object.entries(reference.added)) {
    assert.equal(tokenizer.idToToken(Number(index)), content);
    assert.equal(tokenizer.tokenToId(content), Number(index));
  }
  for (const { text, ids, plain, decoded, skipped } of reference.cases) {
    assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
    assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: false }), plain, JSON.stringify(text));
    assert.equal(tokenizer.decode(ids), decoded);
    assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), skipped);
  }
});

test("text that streams in is the text of all ids", async () => {
  const tokenizer = await loadTokenizer(folderOf("llama-added"));
  const { cases } = addedReference.parse(await readCases("llama-added"));
  for (const skipSpecialTokens of [false, true]) {
    for (const { ids } of cases) {
      const stream = new TextStream(tokenizer, { skipSpecialTokens });
      const pieces = ids.map((one) => stream.push(one));
      const text = [...pieces, stream.end()].join("");
      assert.equal(text, tokenizer.decode(ids, { skipSpecialTokens }), ids.join());
    }
  }
});

// make.py records in llama-added/cases.json what Python reads from exactly these bytes.
test("save writes the files that Python was given, and tokenizer.model untouched", async () => {
  const tokenizer = await loadTokenizer(folderOf("llama"));
  const first = tokenizer.size;
  assert.deepEqual(tokenizer.addTokens(NEW), [first, first + 1, first + 2, first + 3]);
  const committed = folderOf("llama-added");
  if (process.env.UPDATE_FIXTURES) await tokenizer.save(committed);
  await withFolder(async (folder) => {
    await tokenizer.save(folder);
    await assertSame(folder, committed);
    const [before, after] = [join(folderOf("llama"), "tokenizer.model"), join(folder, "tokenizer.model")];
    assert.deepEqual(await readFile(after), await readFile(before));
  });
});

test("a saved tokenizer saves itself again without a change", () =>
  withFolder(async (folder) => {
    await (await loadTokenizer(folderOf("llama-added"))).save(folder);
    await assertSame(folder, folderOf("llama-added"));
  }));

async function assertSame(folder: string, committed: string): Promise<void> {
  const names = (await readdir(committed)).filter((file) => file !== "cases.json").sort();
  assert.deepEqual((await readdir(folder)).sort(), names);
  for (const file of names) {
    assert.deepEqual(await readFile(join(folder, file)), await readFile(join(committed, file)), file);
  }
}

test("a tokenizer.model is sufficient; added_tokens.json adds its tokens", () =>
  withFolder(async (folder) => {
    await cp(join(folderOf("llama"), "tokenizer.model"), join(folder, "tokenizer.model"));
    const bare = await loadTokenizer(folder);
    assert.deepEqual([bare.size, bare.bosTokenId, bare.eosTokenId, bare.padTokenId], [400, 1, 2, undefined]);
    await writeFile(join(folder, "added_tokens.json"), JSON.stringify({ "[SCORE]": 400 }));
    const tokenizer = await loadTokenizer(folder);
    assert.deepEqual([tokenizer.size, tokenizer.tokenToId("[SCORE]")], [401, 400]);
    assert.deepEqual(tokenizer.encode("[SCORE]"), [1, 400]);
    await writeFile(join(folder, "added_tokens.json"), JSON.stringify({ "[SCORE]": 500 }));
    await assertRefused(loadTokenizer(folder), /"\[SCORE\]" declares id 500, .* 400/);
  }));

test("add_bos_token and add_eos_token are followed", () =>
  withFolder(async (folder) => {
    await cp(join(folderOf("llama"), "tokenizer.model"), join(folder, "tokenizer.model"));
    await writeFile(join(folder, "tokenizer_config.json"), '{"add_bos_token": false, "add_eos_token": true}');
    const tokenizer = await loadTokenizer(folder);
    const plain = tokenizer.encode("Hello", { addSpecialTokens: false });
    assert.deepEqual(tokenizer.encode("Hello"), [...plain, 2]);
  }));

test("tokenizer.json is preferred where both are present", () =>
  withFolder(async (folder) => {
    await cp(fixture("tokenizers/qwen"), folder, { recursive: true });
    await cp(join(folderOf("llama"), "tokenizer.model"), join(folder, "tokenizer.model"));
    assert.equal((await loadTokenizer(folder)).bosTokenId, undefined);
  }));

/** A field of a protocol buffer message: varint, or bytes. */
function field(number: number, value: number | Uint8Array | string): Buffer {
  if (typeof value === "number") return Buffer.from([...varint(number * 8), ...varint(value)]);
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

const piece = (text: string, type: number): Buffer => field(1, Buffer.concat([field(1, text), field(3, type)]));
const BPE = field(2, field(3, 2));
const OK = [piece("<unk>", 2), piece("a", 1), BPE];

const BROKEN: [string, Buffer[], RegExp][] = [
  ["truncated", [Buffer.concat(OK).subarray(0, 6)], /tokenizer\.model: field #1: claims 9 bytes where 4 are left/],
  ["absurd length", [Buffer.from([10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])], /claims 562949953421311 bytes/],
  [
    "length over 32 bits",
    [Buffer.from([10, 0x81, 0x80, 0x80, 0x80, 0x10, 0x61])],
    /claims 4294967297 bytes where 1 are/,
  ],
  ["cut number", [...OK, Buffer.from([10, 0xff])], /it ends inside a number: it is truncated/],
  ["field 0", [...OK, Buffer.from([2, 0])], /no field starts at its byte \d+/],
  ["group", [...OK, Buffer.from([11, 12])], /field #1: has the wire type 3/],
  ["endless number", [Buffer.alloc(12, 0xff)], /number before its byte 10 is too long/],
  ["text", [Buffer.from("not a model at all")], /field #13: has the wire type 6/],
  ["nothing", [], /field pieces: 0 unknown pieces/],
  ["twice", [...OK, piece("a", 1)], /field pieces\.2\.piece: "a" occurs twice/],
  ["empty piece", [...OK, piece("", 1)], /field pieces\.2\.piece: is empty/],
  ["no UTF-8", [...OK, field(1, field(1, Buffer.from([0xff])))], /field pieces\.2\.piece: is not UTF-8/],
  ["short score", [...OK, field(1, field(2, "ab"))], /field pieces\.2\.score: is not a 32-bit float/],
  ["type", [...OK, piece("b", 9)], /field pieces\.2\.type: 9 is unknown/],
  ["two unknown", [...OK, piece("<u>", 2)], /field pieces: 2 unknown pieces/],
  ["stray byte", [...OK, piece("<0x00>", 6)], /field pieces\.2\.type: is a byte, but/],
  ["few bytes", [...OK, field(2, field(35, 1)), piece("<0x00>", 6)], /not all of the 256 bytes/],
  ["kind", [...OK, field(2, field(3, 3))], /field trainer_spec\.model_type: 3 is not supported/],
  ["suffix", [...OK, field(2, field(24, 1))], /field trainer_spec\.treat_whitespace_as_suffix/],
  ["table", [...OK, field(3, field(2, "\xff\xff\xff\xff1"))], /field normalizer_spec\.precompiled_charsmap/],
];

for (const [label, parts, message] of BROKEN) {
  test(`a broken model is refused by file and field: ${label}`, () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, "tokenizer.model"), Buffer.concat(parts));
      await assertRefused(loadTokenizer(folder), message);
    }));
}

test("every prefix of a model is refused or read, never anything else", async () => {
  const bytes = await readFile(join(folderOf("corners"), "tokenizer.model"));
  for (let end = 0; end < bytes.length; end += 13) {
    try {
      new SentencePieceCodec(parseModel(bytes.subarray(0, end), "x"));
    } catch (error) {
      assert.ok(isRocError(error) && error.code === "TOKENIZER_INVALID", String(error));
    }
  }
});

async function assertRefused(loading: Promise<Tokenizer>, message: RegExp): Promise<void> {
  await assert.rejects(loading, (error) => {
    assert.ok(isRocError(error), String(error));
    assert.equal(error.code, "TOKENIZER_INVALID");
    assert.match(error.message, message);
    return true;
  });
}
