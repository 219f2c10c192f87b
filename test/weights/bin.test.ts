import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { isRocError } from "../../src/errors.js";
import { fromTypedArray, liveTensors, scope } from "../../src/torch/index.js";
import { openBin, openBinFolder, openCheckpoint, saveSafetensors, type Checkpoint } from "../../src/weights/index.js";
import { fixture } from "../support.js";

const tensor = z.object({ dtype: z.string(), shape: z.array(z.number()), values: z.array(z.number()) });
const facts = z.object({
  expected: z.record(z.string(), z.record(z.string(), tensor)),
  refused: z.record(z.string(), z.string()),
});
const { expected, refused } = facts.parse(JSON.parse(await readFile(fixture("bin/expected.json"), "utf8")));

const fileOf = (name: string): string => fixture(`bin/${name}.bin`);

/** Every tensor; what `info` says of it must be true. */
function contents(checkpoint: Checkpoint): Record<string, z.infer<typeof tensor>> {
  return scope(() => {
    const entries = checkpoint.names().map((name) => {
      const { dtype, shape: known } = checkpoint.info(name);
      const shape = [...known];
      const read = checkpoint.tensor(name);
      assert.deepEqual([read.dtype, read.shape], [dtype, shape], name);
      return [name, { dtype, shape, values: read.toNumbers() }] as const;
    });
    return Object.fromEntries(entries);
  });
}

async function assertInvalid(opening: Promise<Checkpoint>, message: RegExp): Promise<void> {
  await assert.rejects(opening, (error) => {
    assert.ok(isRocError(error), String(error));
    assert.equal(error.code, "CHECKPOINT_INVALID");
    assert.match(error.message, message);
    return true;
  });
}

async function withFile(bytes: Uint8Array, body: (file: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "roc-bin-"));
  try {
    await writeFile(join(folder, "x.bin"), bytes);
    await body(join(folder, "x.bin"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

assert.ok(Object.keys(expected).length >= 12 && Object.keys(refused).length >= 12);

for (const [name, tensors] of Object.entries(expected)) {
  test(`${name}.bin holds what torch saved`, async () => {
    const before = liveTensors();
    using checkpoint = await openBin(fileOf(name));
    assert.deepEqual(contents(checkpoint), tensors);
    assert.deepEqual(checkpoint.names(), Object.keys(tensors));
    assert.equal(checkpoint.has("no such tensor"), false);
    assert.throws(() => checkpoint.tensor("no such tensor"), { code: "CHECKPOINT_MISMATCH" });
    assert.equal(liveTensors(), before);
  });
}

for (const [name, what] of Object.entries(refused)) {
  test(`${name}.bin is refused by the name in it`, () =>
    assertInvalid(openBin(fileOf(name)), new RegExp(`${name}\\.bin .*refused: ${what.replace(/[.()]/g, "\\$&")}\\. `)));
}

test("entries that are not tensors are named", async () => {
  using checkpoint = await openBin(fileOf("trainer"));
  const ignored = checkpoint.metadata.ignored ?? "";
  for (const part of ['"note" (a string)', "a number (a tensor)", '"epoch"', '"device" (torch.device)']) {
    assert.ok(ignored.includes(part), `${part} in ${ignored}`);
  }
});

test("tensors of a shared storage share memory and outlive the file", async () => {
  const checkpoint = await openBin(fileOf("views"));
  const [base, column] = [checkpoint.tensor("base"), checkpoint.tensor("column")];
  checkpoint.dispose();
  base.fill_(7);
  assert.deepEqual(column.toNumbers(), [7, 7, 7, 7, 7, 7]);
  base.dispose();
  column.dispose();
  using again = await openBin(fileOf("views"));
  assert.deepEqual(contents(again), expected.views);
});

test("a folder of shards, and openCheckpoint which prefers safetensors", async () => {
  const folder = await mkdtemp(join(tmpdir(), "roc-bin-"));
  try {
    await cp(fixture("bin/sharded"), folder, { recursive: true });
    for (const open of [openBinFolder, openCheckpoint]) {
      using checkpoint = await open(folder);
      const { a, b, c } = contents(checkpoint);
      assert.deepEqual([a?.values, b?.values, c?.values], [[0, 1, 2, 3], [5, 6, 7], [9]]);
    }
    await rm(join(folder, "pytorch_model-2-of-2.bin"));
    await assert.rejects(openCheckpoint(folder), { code: "FILE_NOT_FOUND", message: /pytorch_model-2-of-2\.bin/ });
    const one = fromTypedArray(Float32Array.of(4), [1]);
    await saveSafetensors(join(folder, "model.safetensors"), new Map([["one", one]]));
    one.dispose();
    using preferred = await openCheckpoint(folder);
    assert.deepEqual(preferred.names(), ["one"]);
  } finally {
    await rm(folder, { recursive: true });
  }
  await assert.rejects(openBinFolder(fixture("bin")), { code: "FILE_NOT_FOUND" });
  await assert.rejects(openBin(fileOf("none")), { code: "FILE_NOT_FOUND" });
});

test("zips of another machine's byte order, and compressed ones, are refused", async () => {
  await assertInvalid(openBin(fileOf("big-endian")), /byte order is "big"/);
  await assertInvalid(openBin(fileOf("compressed")), /"shapes\/[^"]*" is compressed/);
});

for (const name of ["views", "views-old"]) {
  test(`every truncation of ${name}.bin is refused`, async () => {
    const bytes = await readFile(fileOf(name));
    for (let end = 0; end < bytes.length; end += 37) {
      await withFile(bytes.subarray(0, end), (file) => assertInvalid(openBin(file), /x\.bin/));
    }
  });

  test(`no changed byte of ${name}.bin does anything but change values or be refused`, async () => {
    const bytes = await readFile(fileOf(name));
    for (let at = 0; at < bytes.length; at += 11) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (at % 3 === 0 ? 0xff : 0x01);
      await withFile(changed, async (file) => {
        try {
          using checkpoint = await openBin(file);
          contents(checkpoint);
        } catch (error) {
          assert.ok(isRocError(error), String(error));
          assert.ok(["CHECKPOINT_INVALID", "TORCH"].includes(error.code), error.message);
        }
      });
    }
  });
}

/** A legacy file whose object is `pickle`; it ends before its storages. */
function stream(...pickle: (string | number[])[]): Buffer {
  const magic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
  const machine = ["}X", [13, 0, 0, 0], "little_endian", [0x88], "s."];
  const parts = [magic, [0x80, 2], "M", [0xe9, 3], ".", ...machine, ...pickle];
  return Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part))),
  );
}

const STORAGE = ["(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x04tQ"];
const tensorOf = (...tail: (string | number[])[]) => [
  ...["}U\x01wctorch._utils\n_rebuild_tensor_v2\n(", ...STORAGE],
  ...tail,
  ...["\x89ccollections\nOrderedDict\n)RtRs."],
];
const KEYS = ["]U\x010a."];
const DATA = [[4, 0, 0, 0, 0, 0, 0, 0], [...new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer)]];

test("a file written by hand is read", () =>
  withFile(stream(...tensorOf("K\x01K\x03\x85K\x01\x85"), ...KEYS, ...DATA), async (file) => {
    using checkpoint = await openBin(file);
    assert.deepEqual(contents(checkpoint), { w: { dtype: "float32", shape: [3], values: [2, 3, 4] } });
  }));

const HUGE = [0x8a, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
const BROKEN: [string, Buffer, RegExp][] = [
  ["a web page", Buffer.from("<!doctype html>"), /neither as a zip nor as a pickle/],
  ["empty", Buffer.alloc(0), /it is empty/],
  ["another pickle", Buffer.from([0x80, 2, 0x4b, 1, 0x2e]), /not one of torch\.save/],
  ["protocol 5", Buffer.from([0x80, 5, 0x4b, 1, 0x2e]), /protocol 5/],
  ["not a dict", stream("].", "]."), /holds a list where a dict/],
  ["no tensors", stream("}.", "]."), /holds no tensors/],
  ["offset", stream(...tensorOf("K\x02K\x03\x85K\x01\x85"), ...KEYS, ...DATA), /does not fit into its storage of 4/],
  ["stride", stream(...tensorOf("K\x00K\x03\x85K\x02\x85"), ...KEYS, ...DATA), /"w" of the size \[3\].*strides \[2\]/],
  ["negative", stream(...tensorOf("K\x00K\x03\x85J\xff\xff\xff\xff\x85"), ...KEYS, ...DATA), /stride of a tensor is/],
  ["huge size", stream(...tensorOf("K\x00", HUGE, "\x85K\x01\x85"), ...KEYS, ...DATA), /does not fit/],
  ["huge repeat", stream(...tensorOf("K\x00", HUGE, "\x85K\x00\x85"), ...KEYS, ...DATA), /absurdly often/],
  ["dims", stream(...tensorOf("K\x00K\x03\x85)"), ...KEYS, ...DATA), /different numbers of sizes and strides/],
  ["no storage", stream(...tensorOf("K\x00K\x03\x85K\x01\x85"), "]."), /storage "0" is missing/],
  ["short storage", stream(...tensorOf("K\x00K\x03\x85K\x01\x85"), ...KEYS, [4, 0, 0, 0, 0, 0, 0, 0]), /truncated/],
  ["other length", stream(...tensorOf("K\x00K\x03\x85K\x01\x85"), ...KEYS, [5, 0, 0, 0, 0, 0, 0, 0]), /has 5 elements/],
  ["opcode", stream("(ios\nsystem\n."), /refused: the pickle opcode 0x69/],
  ["name", stream("cos\x1b[31m\nsystem\n."), /refused: "os\\u001b\[31m\.system"/],
  ["by stack", stream("U\x02osU\x06system\x93."), /refused: os\.system/],
  ["a call of data", stream("ctorch\nFloatStorage\n)R."), /calls torch\.FloatStorage, which is not a function/],
  ["attributes", stream("]}b."), /gives attributes to a list/],
  ["underflow", stream("0."), /pops an empty stack/],
  ["no mark", stream("t."), /pops a mark/],
  ["memo", stream("h\x05."), /recalls value 5/],
  ["odd items", stream("}(K\x01u."), /key without a value/],
  ["long text", stream("X", [0xff, 0xff, 0xff, 0x7f]), /text in its pickle claims 2147483647 bytes/],
  ["bad text", stream("X", [1, 0, 0, 0, 0xff], "."), /text in its pickle is not UTF-8/],
  ["long number", stream([0x8b, 0, 0, 1, 0], "x".repeat(65536)), /number in its pickle is absurdly long/],
  ["many values", stream("N", "2".repeat(4_000_001)), /absurdly many values/],
  ["marks", stream("(".repeat(4_000_001)), /absurdly many values/],
];

for (const [label, bytes, message] of BROKEN) {
  test(`a broken or hostile file is refused: ${label}`, () =>
    withFile(bytes, (file) => assertInvalid(openBin(file), message)));
}
