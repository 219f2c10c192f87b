/** LLaVA checkpoints: what is read from, written to and refused in the layouts of the public files. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createLlava, loadLlava, parseLlavaConfig } from "../../../src/models/llava/index.js";
import { loadMllm } from "../../../src/models/registry.js";
import { saveMllm } from "../../../src/models/save.js";
import { randomSource } from "../../../src/nn/index.js";
import { cudaIsAvailable, liveTensors, zeros, type Tensor } from "../../../src/torch/index.js";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import { saveCheckpoint } from "../../../src/weights/index.js";
import { ROOT } from "../../support.js";
import { assertEqualParameters, entries } from "../support.js";
import { loadTiny, TINY } from "./support.js";

const alive = liveTensors();
let folder: string;
let config: { text_config: Record<string, unknown>; vision_config: Record<string, unknown> };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "llava-"));
  config = (await readJson(join(TINY, "config.json"))) as typeof config;
});
after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

/** The tiny checkpoint under other names, in a folder of its own. */
async function renamedCopy(
  name: string,
  rename: (tensor: string) => string,
  extra?: Map<string, Tensor>,
): Promise<string> {
  using model = await loadTiny();
  const copy = join(folder, name);
  const tensors = [...model.parameters()].map(([key, tensor]) => [rename(key), tensor] as const);
  await saveCheckpoint(copy, new Map([...tensors, ...(extra ?? [])]));
  await cp(join(TINY, "config.json"), join(copy, "config.json"));
  return copy;
}

test("what is written has the names, shapes, dtypes and bytes of what was read, and its config", async () => {
  using model = await loadTiny();
  for (const [name, maxShardBytes] of [
    ["one", Infinity],
    ["several", 60_000],
  ] as const) {
    const saved = join(folder, name);
    await saveMllm(model, saved, { maxShardBytes });
    assert.deepEqual(await entries(saved), await entries(TINY));
    using again = await loadLlava(saved);
    assertEqualParameters(again, model);
    assert.deepEqual(await readJson(join(saved, "config.json")), config);
    const text = await readFile(join(saved, "config.json"), "utf8");
    assert.match(text, /"initializer_factor": 1\.0,/, "transformers 5 refuses an integer here");
    assert.match(text, /"num_channels": 3,/);
  }
  const files = await readdir(join(folder, "several"));
  assert.ok(files.filter((name) => /^model-0000\d-of-0000\d\.safetensors$/.test(name)).length > 3, files.join());
  await saveMllm(model, join(folder, "several"));
  assert.deepEqual((await readdir(join(folder, "several"))).sort(), ["config.json", "model.safetensors"]);
});

const LAYOUTS: Record<string, (name: string) => string> = {
  c: (name) =>
    name
      .replace(/^language_model\.lm_head/, "lm_head")
      .replace(/^language_model\.model/, "model.language_model")
      .replace(/^(vision_tower|multi_modal_projector)/, "model.$1"),
  d: (name) => LAYOUTS["c"]?.(name).replace("vision_tower.vision_model", "vision_tower") ?? name,
  e: (name) => name.replace("vision_tower.vision_model", "vision_tower"),
};

for (const [layout, rename] of Object.entries(LAYOUTS)) {
  test(`layout ${layout} is read`, async () => {
    const position = zeros([1, 17]);
    const extra = new Map([[rename("vision_tower.vision_model.embeddings.position_ids"), position]]);
    const copy = await renamedCopy(layout, rename, extra);
    position.dispose();
    using model = await loadLlava(copy);
    using tiny = await loadTiny();
    assertEqualParameters(model, tiny);
  });
}

test("tied matrices are one parameter, which grows once; a head of other numbers in the file counts more", async () => {
  const tied = { ...config, tie_word_embeddings: true };
  using model = createLlava(tied, randomSource({ seed: 3 }));
  const before = model.parameters().size;
  model.growVocabulary([100], 90);
  assert.equal(model.vocabSize, 101);
  assert.equal(model.parameters().size, before);
  assert.ok(!model.parameters().has("language_model.lm_head.weight"));
  const copy = await renamedCopy("tied", (name) => name);
  await atomicWriteJson(join(copy, "config.json"), tied);
  using loaded = await loadLlava(copy);
  assert.equal(loaded.parameters().size, before + 1, "the file's head is not its embedding");
});

test("configs: transformers' defaults, both spellings of theta, what is not known", () => {
  const bare = parseLlavaConfig({ model_type: "llava" });
  const { text, vision } = bare;
  assert.deepEqual(
    [text.hiddenSize, text.intermediateSize, text.layers, text.heads, text.kvHeads],
    [4096, 11008, 32, 32, 32],
  );
  assert.deepEqual([text.headDim, text.ropeTheta, text.normEps, text.vocabSize], [128, 10000, 1e-6, 32000]);
  assert.deepEqual(
    [vision.hiddenSize, vision.layers, vision.heads, vision.imageSize, vision.patchSize],
    [1024, 24, 16, 336, 14],
  );
  assert.deepEqual(
    [vision.activation, vision.normEps, bare.featureLayers, bare.imageTokenId],
    ["quick_gelu", 1e-5, [23], 32000],
  );
  const of = (text_config: object): unknown => ({ model_type: "llava", text_config });
  assert.equal(parseLlavaConfig(of({ rope_theta: 5e5 })).text.ropeTheta, 5e5);
  assert.equal(
    parseLlavaConfig(of({ rope_parameters: { rope_type: "default", rope_theta: 5e5 } })).text.ropeTheta,
    5e5,
  );
  const refused = (part: object, message: RegExp): void => {
    assert.throws(() => parseLlavaConfig(part, "the-file"), { code: "CONFIG_INVALID", message });
  };
  refused({}, /the-file.*model_type/);
  const both = { model_type: "llava", image_token_index: 5, image_token_id: 7 };
  refused(both, /image_token_id is 7, but image_token_index is 5/);
  refused(of({ rope_parameters: { rope_type: "yarn" } }) as object, /rope_type/);
  refused(of({ rope_parameters: { type: "linear", factor: 2 } }) as object, /rope_parameters\.type/);
  refused(of({ rope_scaling: { type: "linear", factor: 2 } }) as object, /rope_scaling/);
  refused(of({ model_type: "mistral" }) as object, /text_config\.model_type/);
  refused(of({ hidden_size: -1 }) as object, /hidden_size/);
  refused({ model_type: "llava", vision_feature_layer: -26 }, /vision_feature_layer -26/);
});

test("a family that is not known", async () => {
  const copy = join(folder, "unknown");
  await atomicWriteJson(join(copy, "config.json"), { model_type: "gpt2" });
  await assert.rejects(loadMllm(copy), {
    code: "CONFIG_INVALID",
    message: /"gpt2" is not supported; known are: llava/,
  });
  await assert.rejects(loadMllm(join(folder, "nowhere")), { code: "FILE_NOT_FOUND" });
});

test("a device that is not here", async () => {
  const demo = join(ROOT, "models/demo");
  await assert.rejects(loadMllm(demo, { device: "banana" }), { code: "USAGE", message: /"banana" is no device/ });
  if (!cudaIsAvailable())
    await assert.rejects(loadMllm(demo, { device: "cuda" }), { code: "USAGE", message: /cuda: .* finds no CUDA/ });
});
