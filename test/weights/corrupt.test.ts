/** Damaged checkpoints, systematically: whatever byte is changed, the result is tensors or a RocError. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { liveTensors, scope, tensor, type Tensor } from "../../src/torch/index.js";
import {
  COMPUTED_TENSORS,
  openCheckpoint,
  openSafetensors,
  saveCheckpoint,
  saveSafetensors,
  strictSource,
  unionCheckpoint,
  type Checkpoint,
} from "../../src/weights/index.js";

const alive = liveTensors();
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "weights-corrupt-"));
});
after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

async function saved(name: string, values: Readonly<Record<string, number[]>>): Promise<string> {
  const file = join(folder, name);
  const tensors = new Map(Object.entries(values).map(([key, numbers]) => [key, tensor(numbers)]));
  await saveSafetensors(file, tensors);
  for (const one of tensors.values()) one.dispose();
  return file;
}

function readAll(checkpoint: Checkpoint): Record<string, number[]> {
  return scope(() => Object.fromEntries(checkpoint.names().map((name) => [name, checkpoint.tensor(name).toNumbers()])));
}

/** Opens and reads a file of these bytes; an error must be a RocError that names the file. */
async function survives(file: string, bytes: Uint8Array): Promise<boolean> {
  await writeFile(file, bytes);
  try {
    using checkpoint = await openSafetensors(file);
    readAll(checkpoint);
    return true;
  } catch (error) {
    assert.ok(isRocError(error), String(error));
    assert.equal(error.code, "CHECKPOINT_INVALID", error.message);
    assert.ok(error.message.includes(file), error.message);
    return false;
  }
}

test("no changed byte of a safetensors file does anything but change values and names, or be refused", async () => {
  const bytes = await readFile(await saved("whole.safetensors", { "a.weight": [1, 2, 3], "b.bias": [4] }));
  const file = join(folder, "changed.safetensors");
  let refused = 0;
  for (let at = 0; at < bytes.length; at++) {
    for (const flip of [0xff, 0x01, 0x20]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ flip;
      if (!(await survives(file, changed))) refused++;
    }
  }
  assert.ok(refused > bytes.length, `only ${refused} of ${3 * bytes.length} changes were refused`);
});

test("every truncation of a safetensors file is refused, and so is every byte after its end", async () => {
  const bytes = await readFile(await saved("whole.safetensors", { "a.weight": [1, 2, 3], "b.bias": [4] }));
  const file = join(folder, "cut.safetensors");
  for (let end = 0; end < bytes.length; end++) assert.equal(await survives(file, bytes.subarray(0, end)), false);
  assert.equal(await survives(file, Buffer.concat([bytes, Buffer.of(0)])), false);
  assert.equal(await survives(file, bytes), true);
});

test("headers that would exhaust a naive reader are refused quickly", async () => {
  const file = join(folder, "deep.safetensors");
  const texts = [
    "[".repeat(2_000_000),
    `{"x":${'{"a":'.repeat(1_000_000)}`,
    `{"${"n".repeat(20_000_000)}":1}`,
    `{"x":{"dtype":"F32","shape":[${"1,".repeat(500_000)}1],"data_offsets":[4,0]}}`,
    `{"x":{"dtype":"F32","shape":[0,9007199254740991],"data_offsets":[8,8]}}`,
  ];
  const start = performance.now();
  for (const text of texts) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    assert.equal(await survives(file, Buffer.concat([length, Buffer.from(text)])), false, text.slice(0, 60));
  }
  assert.ok(performance.now() - start < 10_000);
});

test("an index with paths outside the folder, or of another format, is refused by name", async () => {
  const place = join(folder, "sharded");
  const tensors = new Map(["a", "b"].map((name) => [name, tensor([1, 2])]));
  await saveCheckpoint(place, tensors, { maxShardBytes: 8 });
  for (const one of tensors.values()) one.dispose();
  const index = join(place, "model.safetensors.index.json");
  const whole = await readFile(index, "utf8");
  const shard = "model-00001-of-00002.safetensors";
  for (const bad of [
    "..",
    ".",
    "",
    "/etc/passwd",
    `../sharded/${shard}`,
    `./${shard}`,
    `x\\${shard}`,
    "a\0b",
    7,
    null,
  ]) {
    await writeFile(index, JSON.stringify({ weight_map: { a: bad } }));
    await assert.rejects(openCheckpoint(place), { code: "CHECKPOINT_INVALID", message: /index\.json.*weight_map/ });
  }
  for (const bad of ["", "[]", '{"metadata": {}}', '{"weight_map": ["a"]}', whole.slice(0, -9)]) {
    await writeFile(index, bad);
    await assert.rejects(openCheckpoint(place), { code: "CHECKPOINT_INVALID", message: /index\.json/ });
  }
  await writeFile(index, whole);
  await writeFile(join(place, shard), (await readFile(join(place, shard))).subarray(0, -1));
  const message = /model-00001-of-00002\.safetensors.*truncated.*Fetch or write the file again/;
  await assert.rejects(openCheckpoint(place), { code: "CHECKPOINT_INVALID", message });
});

test("a union: the first part's tensor counts, renamed and left out as each part says", async () => {
  const files = [
    await saved("one.safetensors", { a: [1], b: [2] }),
    await saved("two.safetensors", { b: [3], c: [4] }),
  ];
  const [one, two] = await Promise.all(files.map((file) => openSafetensors(file)));
  assert.ok(one && two);
  using union = unionCheckpoint([
    { checkpoint: one },
    { checkpoint: two, rename: (name) => (name === "c" ? "tower.c" : name) },
  ]);
  assert.deepEqual(readAll(union), { a: [1], b: [2], "tower.c": [4] });
  assert.deepEqual([union.info("tower.c").file, union.has("c"), union.path], [files[1], false, files.join(" + ")]);
  assert.throws(() => union.tensor("c"), { code: "CHECKPOINT_MISMATCH", message: /one\.safetensors \+ .*"c"/ });
});

test("tables that models compute are ignored in every checkpoint", async () => {
  const tables = ["model.layers.0.self_attn.rotary_emb.inv_freq", "vision_model.embeddings.position_ids"];
  using checkpoint = await openSafetensors(
    await saved("tables.safetensors", Object.fromEntries([...tables, "w"].map((name) => [name, [1]]))),
  );
  const source = strictSource(checkpoint);
  const taken: Tensor = source.take("w", [1]);
  source.finish();
  taken.dispose();
  const others = ["embeddings.position_embedding.weight", "inv_freq", "my_rotary_emb.inv_freqs"];
  assert.deepEqual(
    [...tables, ...others].map((name) => COMPUTED_TENSORS.test(name)),
    [true, true, false, false, false],
  );
});

test("a model that requests absurdly much is refused at once", async () => {
  using checkpoint = await openSafetensors(await saved("asked.safetensors", { "a.weight": [1, 2, 3] }));
  const mismatch = (message: RegExp) => ({ code: "CHECKPOINT_MISMATCH", message });
  const source = strictSource(checkpoint);
  const huge = mismatch(/a\.weight is \[3\], the config asks for \[16777216, 16777216\]/);
  assert.throws(() => source.take("a.weight", [2 ** 24, 2 ** 24]), huge);
  const many = strictSource(checkpoint);
  assert.equal(many.fits, true);
  const layers = (): void => {
    for (let layer = 0; layer < 1e9; layer++) many.take(`layers.${layer}.weight`, [3]).dispose();
  };
  assert.throws(layers, mismatch(/missing \(2\d+\): layers\.0\.weight/));
  assert.equal(many.fits, false);
});

test("integers are refused as weights", async () => {
  const file = join(folder, "whole-numbers.safetensors");
  const numbers = tensor([1, 2, 3], { dtype: "int64" });
  await saveSafetensors(file, new Map([["a.weight", numbers]]));
  numbers.dispose();
  using checkpoint = await openSafetensors(file);
  const source = strictSource(checkpoint);
  source.take("a.weight", [3]).dispose();
  assert.throws(() => source.finish(), { code: "CHECKPOINT_MISMATCH", message: /a\.weight is int64/ });
});
