/**
 * Readers on the worst inputs that are known for them. Each is so large that a reader which takes time quadratic in its
 * size takes more than five minutes, and a linear one takes some seconds.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isRocError, type ErrorCode } from "../../src/errors.js";
import { readOwn } from "../../src/data/own.js";
import { jsonItems } from "../../src/data/json-items.js";
import { readRows } from "../../src/eval/rows.js";
import { parseModel } from "../../src/tokenizers/sentencepiece/model.js";
import { openBin, openCheckpoint, openSafetensors } from "../../src/weights/index.js";

const LIMIT = { timeout: 240_000 };

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "scale-"));
});
after(() => rm(folder, { recursive: true }));

async function fileOf(name: string, ...parts: readonly (string | Uint8Array)[]): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part))));
  return file;
}

async function refuses(reading: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(reading, (error) => {
    assert.ok(isRocError(error), String(error));
    assert.match(error.message, message);
    assert.ok(error.message.length < 20_000, `a message of ${error.message.length} characters`);
    assert.equal(error.code, code);
    return true;
  });
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

const safetensors = (name: string, header: string): Promise<string> =>
  fileOf(`${name}.safetensors`, u64(Buffer.byteLength(header)), header);

const EMPTY = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}';
const entries = (count: number): string => Array.from({ length: count }, (_, i) => `"t${i}":${EMPTY}`).join();

test("safetensors: a field or a name twice among 200,000 tensors", LIMIT, async () => {
  const all = entries(200_000);
  const field = `"last":{"dtype":"F32","dtype":"F32","shape":[0],"data_offsets":[0,0]}`;
  await refuses(
    openSafetensors(await safetensors("field", `{${all},${field}}`)),
    "CHECKPOINT_INVALID",
    /a field occurs twice/,
  );
  await refuses(
    openSafetensors(await safetensors("name", `{${all},"t9":${EMPTY}}`)),
    "CHECKPOINT_INVALID",
    /"t9" occurs twice/,
  );
  using whole = await openSafetensors(await safetensors("whole", `{${all}}`));
  assert.equal(whole.names().length, 200_000);
});

test("safetensors: millions of wrong sizes, fields, texts and quotes", LIMIT, async () => {
  const millions = (text: string): string => new Array<string>(1_000_000).fill(text).join();
  for (const [name, header, message] of [
    ["sizes", `{"a":{"dtype":"F32","shape":[${millions("-1")}],"data_offsets":[0,0]}}`, /shape/],
    ["ones", `{"a":{"dtype":"F32","shape":[${millions("1")}],"data_offsets":[0,4]}}`, /dimensions/],
    ["positions", `{"a":{"dtype":"F32","shape":[],"data_offsets":[${millions("0")}]}}`, /data_offsets/],
    ["fields", `{"a":{${Array.from({ length: 500_000 }, (_, i) => `"f${i}":0`).join()}}}`, /unknown field/],
    ["metadata", `{"__metadata__":{${Array.from({ length: 500_000 }, (_, i) => `"f${i}":0`).join()}}}`, /texts/],
    ["name", `{"${"n".repeat(1_000_000)}":{}}`, /dtype/],
    ["quotes", `{"${'\\"'.repeat(1_000_000)}":{}}`, /dtype|absurd/],
  ] as const) {
    await refuses(openSafetensors(await safetensors(name, header)), "CHECKPOINT_INVALID", message);
  }
});

const pickle = (name: string, ...parts: (string | Uint8Array)[]): Promise<string> =>
  fileOf(`${name}.bin`, Buffer.from([0x80, 2]), ...parts);

test(".bin: long numbers", LIMIT, async () => {
  const long4 = (bytes: number): Buffer => {
    const all = Buffer.alloc(5 + bytes, 0x7f);
    all[0] = 0x8b;
    all.writeUInt32LE(bytes, 1);
    return all;
  };
  await refuses(openBin(await pickle("long", long4(200_000_000), ".")), "CHECKPOINT_INVALID", /absurdly long/);
  const many = Buffer.concat(new Array<Buffer>(15_000).fill(Buffer.concat([long4(4096), Buffer.from("0")])));
  await refuses(openBin(await pickle("longs", many, "N.")), "CHECKPOINT_INVALID", /not one of torch.save/);
  const digits = `I${"9".repeat(4000)}\n0`.repeat(15_000);
  await refuses(openBin(await pickle("digits", digits, "N.")), "CHECKPOINT_INVALID", /not one of torch.save/);
});

test(".bin: one list given to any number of calls", LIMIT, async () => {
  // A list of 300,000 pairs, remembered as 1; the pair as 0, OrderedDict as 2.
  const list = `NN\x86q\x000](${"h\x00".repeat(300_000)}eq\x010ccollections\nOrderedDict\nq\x020`;
  const calls = "h\x02h\x01\x85R0".repeat(500_000);
  await refuses(openBin(await pickle("calls", Buffer.from(list + calls, "latin1"), "N.")), "CHECKPOINT_INVALID", /absurdly many/); // prettier-ignore
});

test(".bin: a zip of 200,000 entries", LIMIT, async () => {
  const local = Buffer.alloc(31);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(1, 26);
  const central = Buffer.concat(
    Array.from({ length: 200_000 }, (_, i) => {
      const name = Buffer.from(`x/data/${i}`);
      const head = Buffer.alloc(46);
      head.writeUInt32LE(0x02014b50, 0);
      head.writeUInt16LE(name.length, 28);
      return Buffer.concat([head, name]);
    }),
  );
  const end = Buffer.alloc(56 + 20 + 22);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(200_000n, 32);
  end.writeBigUInt64LE(BigInt(central.length), 40);
  end.writeBigUInt64LE(BigInt(local.length), 48);
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(local.length + central.length), 64);
  end.writeUInt32LE(0x06054b50, 76);
  await refuses(openBin(await fileOf("many.bin", local, central, end)), "CHECKPOINT_INVALID", /without one data.pkl/);
});

test("a shard index of 300,000 tensors, and of as many wrong names", LIMIT, async () => {
  const index = async (value: string): Promise<void> =>
    void (await fileOf("model.safetensors.index.json", `{"weight_map":{${Array.from({ length: 300_000 }, (_, i) => `"t${i}":${value}`).join()}}}`)); // prettier-ignore
  await index('"gone.safetensors"');
  await refuses(openCheckpoint(folder), "FILE_NOT_FOUND", /lacks gone/);
  await index('"../gone.safetensors"');
  await refuses(openCheckpoint(folder), "CHECKPOINT_INVALID", /weight_map/);
  await rm(join(folder, "model.safetensors.index.json"));
});

test("SentencePiece: 300,000 pieces, the last one twice", LIMIT, () => {
  const piece = (i: number): Buffer => {
    const text = Buffer.from(`p${i}`);
    return Buffer.concat([Buffer.from([0x0a, text.length + 2, 0x0a, text.length]), text]);
  };
  const bytes = Buffer.concat(Array.from({ length: 300_000 }, (_, i) => piece(i)).concat(piece(0)));
  assert.throws(() => parseModel(bytes, "x.model"), { code: "TOKENIZER_INVALID", message: /"p0" occurs twice/ });
});

const own = async (name: string, text: string): Promise<unknown> => {
  const place = await mkdtemp(join(folder, "own-"));
  await writeFile(join(place, name), text);
  await writeFile(join(place, "dataset.json"), '{"scale": {"min": 1, "max": 10}}');
  return readOwn(place, {});
};

test("your own labels: 300,000 columns, rows and attributes", LIMIT, async () => {
  const names = Array.from({ length: 300_000 }, (_, i) => `c${i}`);
  await refuses(
    own("labels.csv", `image,score,${names.join()},c5\na.jpg,1${",1".repeat(300_001)}\n`),
    "DATA_INVALID",
    /"c5" occurs twice/,
  );
  const rows = names.map((name) => `${name}.jpg,5`);
  await refuses(own("labels.csv", `image,score\n${rows.join("\n")}\nlast.jpg,x`), "DATA_INVALID", /line 300002/);
  const json = names.map((name) => `{"image":"${name}.jpg","score":5}`);
  await refuses(own("labels.jsonl", `${json.join("\n")}\n{"image":7}`), "DATA_INVALID", /line 300001/);
});

test("CSV: one cell of 5 million characters, of quotes, of blanks, and without an end", LIMIT, async () => {
  for (const [cell, message] of [
    ["x".repeat(5e6), /not a number/],
    [`"${'""'.repeat(2e6)}"`, /not a number/],
    [" ".repeat(5e6), /is empty|no number/],
    [`"${"x".repeat(5e6)}`, /Quote|quote|no number/],
  ] as const) {
    await refuses(own("labels.csv", `image,score\na.jpg,${cell}\n`), "DATA_INVALID", message);
  }
});

test("predictions: a line of quotes without an end, a long line, many lines", LIMIT, async () => {
  const quotes = await fileOf("quotes.jsonl", '"', '\\"'.repeat(2_000_000));
  await refuses(readRows(quotes), "DATA_INVALID", /line 1 is no JSON object/);
  const open = await fileOf("open.jsonl", '{"a":'.repeat(1_000_000));
  await refuses(readRows(open), "DATA_INVALID", /line 1 is no JSON object/);
  const many = await fileOf("many.jsonl", '{"id":"a","score":NaN}\n'.repeat(100_000), "[");
  await refuses(readRows(many), "DATA_INVALID", /line 100001/);
});

test("JSON items: a million small ones, one large one, and brackets", LIMIT, async () => {
  const counted = async (file: string): Promise<number> => {
    let count = 0;
    for await (const _ of jsonItems(file, "images", { item: "picture", remedy: "Correct it." })) count++;
    return count;
  };
  assert.equal(await counted(await fileOf("small.json", `{"images":[${"1,".repeat(1_000_000)}1]}`)), 1_000_001);
  assert.equal(await counted(await fileOf("large.json", `{"images":["${"x".repeat(5e6)}"]}`)), 1);
  for (const [name, text] of [
    ["open.json", "[".repeat(5e6)],
    ["closed.json", `{"images":[${"[".repeat(3e6)}${"]".repeat(3e6)}]}`],
    ["objects.json", `{"a":${'{"a":'.repeat(1e6)}`],
  ] as const) {
    await refuses(counted(await fileOf(name, text)), "DATA_INVALID", /is not JSON near byte \d+ \(lists and objects nest more than 64 deep\)/); // prettier-ignore
  }
  const deep = `${"[".repeat(60)}${"1,".repeat(1_000_000)}1${"]".repeat(60)}`;
  assert.equal(await counted(await fileOf("deep.json", `{"images":[${deep}]}`)), 1);
  const key = `{"${"x".repeat(5e6)}" "":`;
  await refuses(counted(await fileOf("key.json", key)), "DATA_INVALID", /is not JSON near byte/);
});
