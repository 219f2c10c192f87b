/** LLaVA-OneVision checkpoints: what is read from, written to and refused in the layouts of transformers 4 and 5. */
import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import { namesOf } from "../../../src/models/families.js";
import { llavaOnevisionFacts } from "../../../src/models/llavaonevision/facts.js";
import { loadLlavaOnevision, memoryName, parseLlavaOnevisionConfig } from "../../../src/models/llavaonevision/index.js";
import { attachLora } from "../../../src/models/lora.js";
import { loadAdapter, openAdapter, saveAdapter } from "../../../src/models/peft.js";
import { saveMllm } from "../../../src/models/save.js";
import { liveTensors, zeros, type Tensor } from "../../../src/torch/index.js";
import { saveCheckpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";
import { assertEqualParameters, entries } from "../support.js";

const alive = liveTensors();
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "onevision-"));
});
after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

const NAMES = ["tied", "untied"] as const;
const folderOf = (name: string): string => fixture(`llava_onevision/${name}`);
const configOf = async (name: string) =>
  (await readJson(join(folderOf(name), "config.json"))) as Record<string, unknown>;

/** A tiny checkpoint under other names, in a folder of its own. */
async function copyOf(
  from: string,
  name: string,
  { rename = (key) => key, extra = new Map(), left = /^$/ }: Partial<Copy> = {},
): Promise<string> {
  using model = await loadLlavaOnevision(folderOf(from));
  const tensors = [...model.parameters()].filter(([key]) => !left.test(key));
  const copy = join(folder, name);
  await saveCheckpoint(copy, new Map([...tensors.map(([key, tensor]) => [rename(key), tensor] as const), ...extra]));
  await cp(join(folderOf(from), "config.json"), join(copy, "config.json"));
  return copy;
}
interface Copy {
  readonly rename: (name: string) => string;
  readonly extra: ReadonlyMap<string, Tensor>;
  readonly left: RegExp;
}

test("what is written has the names, shapes, dtypes and bytes of what Python wrote, in its layout; names in memory", async () => {
  const names = (await readJson(fixture("llava_onevision/names.json"))) as Record<string, string[]>;
  for (const name of NAMES) {
    using model = await loadLlavaOnevision(folderOf(name));
    const saved = join(folder, `${name}-saved`);
    await saveMllm(model, saved, { maxShardBytes: 60_000 });
    assert.deepEqual(await entries(saved), await entries(folderOf(name)));
    using again = await loadLlavaOnevision(saved);
    assertEqualParameters(again, model);
    assert.deepEqual(await readJson(join(saved, "config.json")), await configOf(name));
    assert.deepEqual([...model.parameters().keys()].map((key) => model.transformersName(key)).sort(), names[name]);
    const inMemory = await copyOf(name, `${name}-memory`, { rename: memoryName });
    using memory = await loadLlavaOnevision(inMemory);
    assert.deepEqual([...memory.parameters().keys()].sort(), names[name]);
    const own = "vision_tower.vision_model.encoder.layers.0.mlp.fc1.bias";
    assert.equal(memory.parameterName(own), "model.vision_tower.encoder.layers.0.mlp.fc1.bias");
    const { partOf } = namesOf(model);
    for (const each of [model, memory]) {
      const parts = [...each.parameters().keys()].map((key) => [key, partOf(key)] as const);
      assert.equal(parts.filter(([, part]) => part === "projector").length, name === "tied" ? 5 : 3);
      for (const [key, part] of parts) assert.equal(part === "vision", key.includes("vision_tower"), key);
    }
  }
});

test("a head in the file is used whatever the config says; without one it is the embedding, and the config says so", async () => {
  const head = zeros([100, 32]);
  const key = "language_model.lm_head.weight";
  const other = await copyOf("tied", "other", { extra: new Map([[key, head]]) });
  head.dispose();
  using own = await loadLlavaOnevision(other);
  assert.deepEqual(own.parameters().get(key)?.shape, [100, 32]);
  using original = await loadLlavaOnevision(folderOf("tied"));
  assert.ok(!original.parameters().has(key));
  const embedding = original.parameters().get("language_model.model.embed_tokens.weight") as Tensor;
  const same = await copyOf("tied", "same", { extra: new Map([[key, embedding]]) });
  using twice = await loadLlavaOnevision(same);
  assert.ok(!twice.parameters().has(key));
  const none = await copyOf("untied", "none", { left: /lm_head/ });
  using without = await loadLlavaOnevision(none);
  assert.ok(!without.parameters().has(key));
  assert.equal(without.config["tie_word_embeddings"], true);
});

test("adapters have the names of peft's file, the tied vocabulary under both of its names, and come back", async () => {
  const names = (await readJson(fixture("llava_onevision/names.json"))) as Record<string, string[]>;
  for (const name of NAMES) {
    using model = await loadLlavaOnevision(folderOf(name));
    using adapters = attachLora(model, { rank: 2, alpha: 2, targets: llavaOnevisionFacts.loraTargets }, 1);
    const { isVocabulary } = namesOf(model);
    const trained = [...model.parameters().keys()].filter(isVocabulary);
    const saved = join(folder, `${name}-adapter`);
    await saveAdapter(saved, model, adapters, { base: folderOf(name), trained });
    using file = await openAdapter(saved);
    assert.deepEqual([...file.names()].sort(), names[`${name} adapter`]);
    using again = await loadLlavaOnevision(folderOf(name));
    using read = await loadAdapter(again, saved);
    assert.equal(read.adapted.length, adapters.adapted.length);
    assertEqualParameters(again, model);
  }
});

test("SigLIP's head that pools patches is passed over, and the config then has none", async () => {
  const extra = new Map(
    ["probe", "mlp.fc1.weight"].map((part) => [`vision_tower.vision_model.head.${part}`, zeros([2])]),
  );
  const copy = await copyOf("untied", "pools", { extra });
  for (const tensor of extra.values()) tensor.dispose();
  const { vision_config, ...config } = await configOf("untied");
  await atomicWriteJson(join(copy, "config.json"), {
    ...config,
    vision_config: { ...(vision_config as object), vision_use_head: true },
  });
  using model = await loadLlavaOnevision(copy);
  using original = await loadLlavaOnevision(folderOf("untied"));
  assertEqualParameters(model, original);
  assert.equal((model.config["vision_config"] as { vision_use_head: boolean }).vision_use_head, false);
});

test("configs: transformers' defaults, both spellings of tokens and rope, what is not known", () => {
  const base = { model_type: "llava_onevision" };
  const { text, vision, ...rest } = parseLlavaOnevisionConfig(base);
  assert.deepEqual([text.layers, text.intermediateSize, text.vocabSize, text.kvHeads], [32, 22016, 151936, 32]);
  assert.deepEqual([text.normEps, text.ropeTheta, text.tied, text.attentionBias], [1e-6, 10000, false, true]);
  assert.deepEqual([vision.hiddenSize, vision.layers, vision.heads, vision.patchSize], [1152, 26, 16, 14]);
  assert.deepEqual([vision.activation, vision.normEps, rest.featureLayers], ["gelu_pytorch_tanh", 1e-6, [26]]);
  assert.deepEqual([rest.imageTokenId, rest.videoTokenId], [151646, 151647]);
  const of = (part: object) => parseLlavaOnevisionConfig({ ...base, ...part }, "the-file");
  assert.equal(of({ image_token_id: 5, video_token_id: 6 }).imageTokenId, 5);
  assert.equal(of({ vision_config: { image_size: [28, 28] }, image_grid_pinpoints: [[28, 56]] }).rules.size, 28);
  assert.equal(of({ text_config: { rope_parameters: { rope_theta: 9, rope_type: "default" } } }).text.ropeTheta, 9);
  assert.equal(of({ text_config: { rope_theta: 8, tie_word_embeddings: true } }).text.ropeTheta, 8);
  assert.ok(of({ text_config: { tie_word_embeddings: true } }).text.tied);
  const refused = (part: object, message: RegExp): void => {
    assert.throws(() => of(part), { code: "CONFIG_INVALID", message });
  };
  refused({ video_token_index: 5, video_token_id: 7 }, /video_token_id is 7, but video_token_index is 5/);
  assert.equal(of({ image_token_index: 7, image_token_id: 7 }).imageTokenId, 7);
  refused({ vision_config: { image_size: [28, 14] } }, /only squares are supported.*vision_config.image_size/);
  refused({ vision_config: { model_type: "clip_vision_model" } }, /the-file.*vision_config/);
  refused({ text_config: { model_type: "llama" } }, /text_config/);
  refused({ text_config: { layer_types: ["sliding_attention"] } }, /layer_types/);
  refused({ text_config: { use_sliding_window: true, max_window_layers: 3 } }, /use_sliding_window/);
  refused({ vision_aspect_ratio: "anyres" }, /anyres_max_N/);
  refused({ vision_feature_select_strategy: "default" }, /vision_feature_select_strategy/);
  refused({ vision_feature_layer: 27 }, /vision_feature_layer 27/);
  refused({ image_grid_pinpoints: [[384, 400]] }, /\[384, 400\], no multiples of a tile's 384/);
  refused({ image_grid_pinpoints: [[384, 384 * 1025]] }, /image_grid_pinpoints/);
  refused({ image_grid_pinpoints: [[384 * 33, 384 * 33]] }, /more than 1024 tiles/);
});
