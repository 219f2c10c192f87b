import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { checkpointName, digestCheckpoint, digestModel } from "../../src/engine/identity.js";

const folder = mkdtempSync(join(tmpdir(), "engine-identity-"));
after(() => rmSync(folder, { recursive: true }));

async function identify(path: string): Promise<string> {
  return checkpointName(path, await digestCheckpoint(path));
}

test("a snapshot of the hub's cache has the repository's name, not 40 digits", () => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const digest = "8".repeat(64);
  assert.equal(
    checkpointName(`/hub/models--q-future--one-align/snapshots/${commit}`, digest),
    "q-future/one-align@88888888",
  );
  assert.equal(checkpointName(`/elsewhere/${commit}/`, digest), `${commit}@88888888`);
  assert.equal(checkpointName("/runs/tad/step-00000400", digest), "tad/step-00000400@88888888");
  assert.equal(checkpointName("/runs/tad/checkpoint-500", digest), "tad/checkpoint-500@88888888");
});

test("shards count by the index that lists them, whatever they are called", async () => {
  const place = join(folder, "sharded");
  mkdirSync(place);
  writeFileSync(join(place, "model.safetensors.index.fp16.json"), JSON.stringify({ weight_map: { a: "first.part" } }));
  writeFileSync(join(place, "first.part"), "weights");
  writeFileSync(join(place, "other.part"), "weights");
  const before = await digestCheckpoint(place);
  writeFileSync(join(place, "other.part"), "others");
  assert.equal(await digestCheckpoint(place), before);
  writeFileSync(join(place, "first.part"), "Weights");
  assert.notEqual(await digestCheckpoint(place), before);
});

test("a checkpoint's name is its folder's with a digest that any part of it changes", async () => {
  const weights = Buffer.alloc(3 * 2 ** 20, 7);
  const write = (name: string, data: string | Buffer): void => writeFileSync(join(folder, name), data);
  write("config.json", "{}");
  write("model.safetensors", weights);
  const seen = [await identify(folder)];
  assert.match(seen[0] as string, new RegExp(`^${basename(folder)}@[0-9a-f]{8}$`));
  assert.equal(await identify(`${folder}/`), seen[0]);

  write("optimizer.safetensors", "not a part");
  write("trainer.json", "{}");
  assert.equal(await identify(folder), seen[0]);

  const changed = async (what: string): Promise<void> => {
    const name = await identify(folder);
    assert.ok(!seen.includes(name), what);
    seen.push(name);
  };
  write("config.json", "{ }");
  await changed("config");
  write("roc_templates.json", "{}");
  await changed("templates");
  // Every byte counts, also between the blocks that a sample would take.
  for (const at of [0, 100_000, 1_234_567, weights.length - 1]) {
    weights[at] = 8;
    write("model.safetensors", weights);
    await changed(`byte ${at}`);
  }
  write("model.safetensors", weights.subarray(1));
  await changed("length");
});

test("a vision tower that lies elsewhere counts, found by its name or given", async () => {
  const place = mkdtempSync(join(tmpdir(), "engine-tower-"));
  after(() => rmSync(place, { recursive: true }));
  const write = (path: string, text: string): void => {
    mkdirSync(join(place, path, ".."), { recursive: true });
    writeFileSync(join(place, path), text);
  };
  write("model/config.json", '{"model_type": "llava", "mm_vision_tower": "openai/clip"}');
  write("model/pytorch_model.bin", "weights");
  const model = join(place, "model");
  const alone = await digestModel(model);
  assert.equal(alone, await digestCheckpoint(model));
  for (const name of ["openai/clip", "other"]) {
    write(`${name}/config.json`, '{"model_type": "clip"}');
    write(`${name}/model.safetensors`, "one tower");
  }
  const found = await digestModel(model);
  assert.notEqual(found, alone);
  const given = { visionTower: join(place, "other") };
  assert.equal(await digestModel(model, given), found, "the same bytes, wherever they lie");
  write("other/model.safetensors", "two tower");
  assert.notEqual(await digestModel(model, given), found);
  assert.equal(await digestModel(model), found);
  write("openai/clip/model.safetensors", "two tower");
  assert.equal(await digestModel(model), await digestModel(model, given));
  write("model/mm_projector.bin", "a projector beside the weights");
  assert.notEqual(await digestModel(model), await digestModel(model, { visionTower: "/nowhere" }));
  // A checkpoint that holds its tower looks at no other one.
  write("own/config.json", '{"model_type": "llava"}');
  const own = join(place, "own");
  assert.equal(await digestModel(own, given), await digestModel(own));
});
