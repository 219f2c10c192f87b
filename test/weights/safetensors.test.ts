/** safetensors files: round trips, alignment, and errors for invalid files. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DTYPES, fromTypedArray, liveTensors, tensor, zeros, type DType, type Tensor } from "../../src/torch/index.js";
import { atomicWriteFile } from "../../src/files/index.js";
import { openCheckpoint, openSafetensors, saveCheckpoint, saveSafetensors } from "../../src/weights/index.js";
import { replaceFile } from "../../src/files/index.js";
import { strictSource } from "../../src/weights/index.js";

const alive = liveTensors();
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "weights-"));
});
after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

/** A file of a header (text or object) and data. */
async function rawFile(name: string, header: unknown, data: Uint8Array, claimed?: bigint): Promise<string> {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimed ?? BigInt(text.length));
  const file = join(folder, name);
  await writeFile(file, Buffer.concat([length, text, data]));
  return file;
}

function entry(dtype: string, shape: number[], data_offsets: number[]): object {
  return { dtype, shape, data_offsets };
}

test("every dtype comes back with its shape and bytes", async () => {
  const file = join(folder, "dtypes.safetensors");
  const dtypes = Object.keys(DTYPES) as DType[];
  const tensors = new Map<string, Tensor>();
  for (const dtype of dtypes)
    tensors.set(
      dtype,
      tensor(
        [
          [0, 1, 2],
          [3, 4, 5],
        ],
        { dtype },
      ),
    );
  tensors.set("scalar", tensor(2.5));
  tensors.set("empty", zeros([0, 3]));
  tensors.set("transposed", fromTypedArray(Float32Array.of(1, 2, 3, 4), [2, 2]).t());
  await saveSafetensors(file, tensors, { metadata: { step: "7" } });
  using checkpoint = await openSafetensors(file);
  assert.deepEqual(checkpoint.metadata, { format: "pt", step: "7" });
  assert.deepEqual(checkpoint.names().sort(), [...tensors.keys()].sort());
  for (const [name, original] of tensors) {
    const read = checkpoint.tensor(name);
    assert.equal(read.dtype, original.dtype, name);
    assert.deepEqual(read.shape, original.shape, name);
    assert.deepEqual(read.toArray(), original.toArray(), name);
    read.dispose();
    original.dispose();
  }
  const bytes = await readFile(file);
  const header = Number(bytes.readBigUInt64LE());
  assert.equal((8 + header) % 8, 0, "the data is aligned to 8 bytes");
  assert.throws(() => checkpoint.tensor("nothing"), { code: "CHECKPOINT_MISMATCH", message: /nothing/ });
});

test("writing to a read tensor does not reach the file; a tensor outlives its checkpoint", async () => {
  const file = join(folder, "private.safetensors");
  const original = tensor([1, 2, 3]);
  await saveSafetensors(file, new Map([["x", original]]));
  original.dispose();
  const before = await readFile(file);
  const checkpoint = await openSafetensors(file);
  const read = checkpoint.tensor("x");
  checkpoint.dispose();
  read.fill_(9);
  assert.deepEqual(read.toNumbers(), [9, 9, 9]);
  assert.ok(before.equals(await readFile(file)));
  read.dispose();
});

test("data at any byte offset is read correctly", async () => {
  const header =
    '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}';
  const values = new Uint8Array(Float32Array.of(1.5, -2).buffer);
  const file = await rawFile("unaligned.safetensors", header, Uint8Array.of(7, ...values));
  using checkpoint = await openSafetensors(file);
  const [a, b] = [checkpoint.tensor("a"), checkpoint.tensor("b")];
  assert.deepEqual([a.toNumbers(), b.toNumbers()], [[7], [1.5, -2]]);
  a.dispose();
  b.dispose();
});

const four = new Uint8Array(4);
const eight = new Uint8Array(8);
const BROKEN: [string, () => Promise<string>, RegExp][] = [
  ["shorter than a length", () => atomically("short", "abc"), /3 bytes/],
  ["empty", () => atomically("empty-file", ""), /0 bytes/],
  ["an absurd header length", () => rawFile("absurd", "{}", four, 2n ** 63n), /claims 9223372036854775808 bytes/],
  ["a header longer than the file", () => rawFile("long", "{}", four, 100n), /claims 100 bytes, the whole file has 14/],
  ["no JSON", () => rawFile("json", "{nonsense", four), /not JSON/],
  ["no UTF-8", () => rawFile("utf8", "{}", four).then((f) => patch(f, 9, 0xff)), /UTF-8/],
  ["a list", () => rawFile("list", "[]", four), /no object/],
  [
    "an entry without a shape",
    () => rawFile("entry", { x: { dtype: "F32", data_offsets: [0, 4] } }, four),
    /"x".*shape/,
  ],
  ["a negative offset", () => rawFile("negative", { x: entry("F32", [1], [-4, 0]) }, four), /"x".*data_offsets/],
  ["a fraction in a shape", () => rawFile("fraction", { x: entry("F32", [0.5], [0, 4]) }, four), /"x".*shape/],
  [
    "an unknown dtype",
    () => rawFile("dtype", { x: entry("C64", [1], [0, 4]) }, four),
    /"x" has the dtype C64; known are F64/,
  ],
  [
    "a shape that is too large",
    () => rawFile("shape", { x: entry("F32", [2], [0, 4]) }, four),
    /"x".*needs 8 bytes.*hold 4/,
  ],
  ["a huge shape", () => rawFile("huge", { x: entry("F32", [2 ** 40, 2 ** 40], [0, 4]) }, four), /"x".*needs/],
  ["a truncated file", () => rawFile("cut", { x: entry("F32", [2], [0, 8]) }, four), /"x" ends at byte .*truncated/],
  [
    "overlapping tensors",
    () => rawFile("overlap", { x: entry("F32", [1], [0, 4]), y: entry("F32", [1], [2, 6]) }, eight.subarray(2)),
    /"y" overlaps/,
  ],
  [
    "a hole",
    () => rawFile("hole", { x: entry("U8", [1], [0, 1]), y: entry("U8", [1], [3, 4]) }, four),
    /hole of 2 bytes before tensor "y"/,
  ],
  [
    "bytes behind the last tensor",
    () => rawFile("rest", { x: entry("F32", [1], [0, 4]) }, eight),
    /4 bytes at its end/,
  ],
  [
    "a name twice",
    () =>
      rawFile(
        "twice",
        `{"x":${JSON.stringify(entry("F32", [1], [0, 4]))},"x" :${JSON.stringify(entry("F32", [1], [0, 4]))}}`,
        four,
      ),
    /"x" occurs twice/,
  ],
  ["metadata of numbers", () => rawFile("metadata", { __metadata__: { a: 1 } }, new Uint8Array(0)), /__metadata__/],
];

async function atomically(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await atomicWriteFile(file, text);
  return file;
}

async function patch(file: string, at: number, byte: number): Promise<string> {
  const bytes = await readFile(file);
  bytes[at] = byte;
  await writeFile(file, bytes);
  return file;
}

for (const [what, make, message] of BROKEN) {
  test(`refused: ${what}`, async () => {
    const file = await make();
    await assert.rejects(openSafetensors(file), (error: Error & { code?: string }) => {
      assert.equal(error.code, "CHECKPOINT_INVALID");
      assert.ok(error.message.startsWith(file), error.message);
      assert.match(error.message, message);
      return true;
    });
  });
}

test("names that look like fields, quotes and escapes are not duplicates", async () => {
  const x = entry("U8", [1], [0, 1]);
  const header = { 'a"b\\': x, dtype: entry("U8", [1], [1, 2]), "shape:": entry("U8", [1], [2, 3]) };
  using checkpoint = await openSafetensors(await rawFile("names", header, new Uint8Array(3)));
  assert.deepEqual(checkpoint.names(), Object.keys(header));
});

test("folders: shards, missing shards, a wrong index, nothing", async () => {
  const sharded = join(folder, "sharded");
  const tensors = new Map(["a", "b", "c"].map((name, i) => [name, tensor([i, i + 1])]));
  await saveCheckpoint(sharded, tensors, { maxShardBytes: 16 });
  for (const made of tensors.values()) made.dispose();
  const index = join(sharded, "model.safetensors.index.json");
  const content = JSON.parse(await readFile(index, "utf8")) as { metadata: object; weight_map: Record<string, string> };
  assert.deepEqual(content.metadata, { total_size: 24 });
  assert.deepEqual(
    Object.values(content.weight_map),
    [1, 1, 2].map((n) => `model-0000${n}-of-00002.safetensors`),
  );
  {
    using checkpoint = await openCheckpoint(sharded);
    const c = checkpoint.tensor("c");
    assert.deepEqual(c.toNumbers(), [2, 3]);
    c.dispose();
  }
  await writeFile(
    index,
    JSON.stringify({ weight_map: { ...content.weight_map, d: "model-00001-of-00002.safetensors" } }),
  );
  await assert.rejects(openCheckpoint(sharded), { code: "CHECKPOINT_INVALID", message: /puts "d" into model-00001/ });
  await writeFile(index, JSON.stringify({ weight_map: { a: "../other/model.safetensors" } }));
  await assert.rejects(openCheckpoint(sharded), { code: "CHECKPOINT_INVALID", message: /weight_map/ });
  await writeFile(index, JSON.stringify(content));
  await rm(join(sharded, "model-00002-of-00002.safetensors"));
  await assert.rejects(openCheckpoint(sharded), { code: "FILE_NOT_FOUND", message: /lacks model-00002-of-00002/ });
  await assert.rejects(openCheckpoint(folder), { code: "FILE_NOT_FOUND", message: /neither model\.safetensors nor/ });
  await assert.rejects(openSafetensors(join(folder, "none")), { code: "FILE_NOT_FOUND" });
});

test("a failed write leaves only the old file", async () => {
  const place = join(folder, "atomic");
  await mkdir(place);
  const file = join(place, "file");
  await atomicWriteFile(file, "old");
  const failing = replaceFile(file, async (handle) => {
    await handle.writeFile("ne");
    throw new Error("no space left");
  });
  await assert.rejects(failing, { code: "FILE_UNWRITABLE", message: /file cannot be written: no space left/ });
  assert.equal(await readFile(file, "utf8"), "old");
  assert.deepEqual(await readdir(place), ["file"]);
});

test("strict loading: renames, ignores, converts; two names for one parameter are an error", async () => {
  const file = join(folder, "strict.safetensors");
  const [w, skipped] = [tensor([1.5, 2]), tensor([0])];
  await saveSafetensors(
    file,
    new Map([
      ["old.w", w],
      ["skip", skipped],
      ["new.w", skipped],
    ]),
  );
  using checkpoint = await openSafetensors(file);
  const rename = (name: string): string => name.replace("old.", "new.");
  assert.throws(() => strictSource(checkpoint, { rename }), { code: "CHECKPOINT_MISMATCH", message: /new\.w twice/ });
  const source = strictSource(checkpoint, { ignore: (name) => name !== "old.w", dtype: "float64" });
  const taken = source.take("old.w", [2]);
  source.finish();
  assert.deepEqual([taken.dtype, taken.toNumbers()], ["float64", [1.5, 2]]);
  for (const made of [w, skipped, taken]) made.dispose();
});
