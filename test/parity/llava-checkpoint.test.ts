/** LLaVA checkpoints: what is read from, written to and refused in the layouts of the public files. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createLlava, loadLlava, parseLlavaConfig } from "../../src/models/llava/index.js";
import { loadMllm } from "../../src/models/registry.js";
import { saveMllm } from "../../src/models/save.js";
import type { Mllm } from "../../src/models/types.js";
import { mapSource, randomSource } from "../../src/nn/index.js";
import { liveTensors, noGrad, scope, type Tensor } from "../../src/torch/index.js";
import { openCheckpoint, readJson, saveCheckpoint } from "../../src/weights/index.js";
import { ids, loadTiny, TINY } from "./llava-support.js";

const alive = liveTensors();
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "llava-"));
});
after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

function bits(tensor: Tensor): Buffer {
  return Buffer.from(tensor.toArray().buffer);
}

function equalParameters(actual: Mllm, expected: Mllm): void {
  const [own, other] = [actual.parameters(), expected.parameters()];
  assert.deepEqual([...own.keys()].sort(), [...other.keys()].sort());
  for (const [name, tensor] of other) assert.ok(bits(tensor).equals(bits(own.get(name) ?? tensor.neg())), name);
}

test("what is written has the names, shapes, dtypes and bytes of what was read, and its config", async () => {
  using model = await loadTiny();
  for (const [name, maxShardBytes] of [["one", Infinity], ["several", 60_000]] as const) {
    const saved = join(folder, name);
    await saveMllm(model, saved, { maxShardBytes });
    using [written, read] = [await openCheckpoint(saved), await openCheckpoint(TINY)].reduce(pair);
    assert.deepEqual(written.names().sort(), read.names().sort());
    for (const tensor of read.names()) assert.deepEqual({ ...written.info(tensor), file: "" }, { ...read.info(tensor), file: "" });
    using again = await loadLlava(saved);
    equalParameters(again, model);
    assert.deepEqual(await readJson(join(saved, "config.json")), await readJson(join(TINY, "config.json")));
  }
  const files = await readdir(join(folder, "several"));
  assert.equal(files.filter((name) => /^model-0000\d-of-0000\d\.safetensors$/.test(name)).length > 3, true);
  await saveMllm(model, join(folder, "several"));
  assert.deepEqual((await readdir(join(folder, "several"))).sort(), ["config.json", "model.safetensors"]);
});
