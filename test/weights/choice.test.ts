/** Which files of a folder are its weights: single files, indexes, shards without one, variants. */
import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { liveTensors, tensor } from "../../src/torch/index.js";
import { openCheckpoint, saveSafetensors } from "../../src/weights/index.js";
import { fixture } from "../support.js";

const alive = liveTensors();
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "weights-choice-"));
});
after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

/** A folder with safetensors files that hold tensors of these names. */
async function folderOf(name: string, files: Readonly<Record<string, string[]>>): Promise<string> {
  const place = await mkdtemp(join(folder, `${name.replaceAll(" ", "-")}-`));
  for (const [file, names] of Object.entries(files)) {
    const tensors = new Map(names.map((one) => [one, tensor([1, 2])]));
    await saveSafetensors(join(place, file), tensors);
    for (const one of tensors.values()) one.dispose();
  }
  return place;
}

async function namesIn(place: string): Promise<string[]> {
  using checkpoint = await openCheckpoint(place);
  return checkpoint.names().sort();
}

for (const [name, files, wanted] of [
  ["a single variant", { "model.fp16.safetensors": ["a"] }, ["a"]],
  ["a variant and the plain one", { "model.fp16.safetensors": ["a"], "model.safetensors": ["b"] }, ["b"]],
  ["numbered shards", { "model-1-of-2.safetensors": ["a"], "model-2-of-2.safetensors": ["b"] }, ["a", "b"]],
  ["one numbered shard", { "model-00001-of-00001.safetensors": ["a"] }, ["a"]],
  ["numbered shards of a variant", { "model.bf16-1-of-2.safetensors": ["a"], "model.bf16-2-of-2.safetensors": ["b"] }, ["a", "b"]], // prettier-ignore
] as const) {
  test(`opened: ${name}`, async () => {
    const given: Record<string, string[]> = Object.fromEntries(Object.entries(files).map(([k, v]) => [k, [...(v ?? [])]])); // prettier-ignore
    assert.deepEqual(await namesIn(await folderOf(name, given)), wanted);
  });
}

for (const [name, files, message] of [
  ["two variants", { "model.fp16.safetensors": ["a"], "model.bf16.safetensors": ["a"] }, /bf16, fp16.*Rename/],
  ["a missing shard", { "model-1-of-3.safetensors": ["a"], "model-3-of-3.safetensors": ["b"] }, /lacks model-2-of-3\.safetensors,/], // prettier-ignore
  ["all but one missing", { "model-1-of-999999.safetensors": ["a"] }, /lacks model-2-of-999999\.safetensors.*Fetch/],
  ["two sets of shards", { "model-1-of-2.safetensors": ["a"], "model-1-of-1.safetensors": ["b"] }, /holds neither/],
  ["weights of other names", { "consolidated.safetensors": ["a"], "lora.safetensors": ["b"] }, /holds neither/],
] as const) {
  test(`refused: ${name}`, async () => {
    const given: Record<string, string[]> = Object.fromEntries(Object.entries(files).map(([k, v]) => [k, [...(v ?? [])]])); // prettier-ignore
    await assert.rejects(openCheckpoint(await folderOf(name, given)), (error: Error & { code?: string }) => {
      assert.match(error.message, message);
      assert.ok(error.message.length < 2000, String(error.message.length));
      return error.code === "FILE_NOT_FOUND";
    });
  });
}

test("two numbered shards that hold the same name are refused", async () => {
  const place = await folderOf("twice", { "model-1-of-2.safetensors": ["a"], "model-2-of-2.safetensors": ["a"] });
  await assert.rejects(openCheckpoint(place), { code: "CHECKPOINT_INVALID", message: /two shards hold "a"/ });
});

test("an index of .bin may list safetensors, and the other way round", async () => {
  const place = await folderOf("mixed", { "b.safetensors": ["b"] });
  await copyFile(fixture("bin/views.bin"), join(place, "a.bin"));
  const weight_map = { base: "a.bin", b: "b.safetensors" };
  for (const index of ["pytorch_model.bin.index.json", "model.safetensors.index.json"]) {
    await writeFile(join(place, index), JSON.stringify({ weight_map }));
    assert.deepEqual(await namesIn(place), ["b", "base"]);
  }
});

test("the dangling link of an incomplete download is ignored", async () => {
  const place = await folderOf("dangling", {});
  await copyFile(fixture("bin/views.bin"), join(place, "pytorch_model.bin"));
  await symlink("../blobs/gone", join(place, "model.safetensors"));
  assert.ok((await namesIn(place)).includes("base"));
});

test("an index of a hundred thousand missing shards names a few of them", { timeout: 120_000 }, async () => {
  const place = await folderOf("many", {});
  const weight_map = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`t${i}`, `s${i}.safetensors`]));
  await writeFile(join(place, "model.safetensors.index.json"), JSON.stringify({ weight_map }));
  await assert.rejects(openCheckpoint(place), (error: Error & { code?: string }) => {
    assert.ok(error.message.length < 3000, String(error.message.length));
    return error.code === "FILE_NOT_FOUND" && /and 99960 more/.test(error.message);
  });
});
