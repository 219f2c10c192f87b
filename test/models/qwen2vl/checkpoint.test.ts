/** Qwen2-VL checkpoints: what is read from, written to and refused in the layouts of the public files. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { memoryName } from "../../../src/models/common/qwen/names.js";
import { loadQwen2Vl, parseQwen2VlConfig } from "../../../src/models/qwen2vl/index.js";
import { loadModel } from "../../../src/models/registry.js";
import { saveMllm } from "../../../src/models/save.js";
import { liveTensors, zeros, type Tensor } from "../../../src/torch/index.js";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import { saveCheckpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";
import { assertEqualParameters, entries } from "../support.js";
import { CHECKPOINTS, folderOf, loadTiny, type CheckpointName } from "./support.js";

const alive = liveTensors();
const EMBEDDING = "model.embed_tokens.weight";
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "qwen2vl-"));
});
after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

async function configOf(name: CheckpointName): Promise<Record<string, unknown>> {
  return (await readJson(join(folderOf(name), "config.json"))) as Record<string, unknown>;
}

/** A tiny checkpoint under other names, in a folder of its own. */
async function renamedCopy(
  from: CheckpointName,
  name: string,
  rename: (tensor: string) => string,
  extra?: Map<string, Tensor>,
): Promise<string> {
  using model = await loadTiny(from);
  const copy = join(folder, name);
  const tensors = [...model.parameters()].map(([key, tensor]) => [rename(key), tensor] as const);
  await saveCheckpoint(copy, new Map([...tensors, ...(extra ?? [])]));
  await cp(join(folderOf(from), "config.json"), join(copy, "config.json"));
  return copy;
}

for (const name of CHECKPOINTS) {
  test(`${name}: what is written has the names, shapes, dtypes and bytes of what Python wrote, and its config`, async () => {
    using model = await loadTiny(name);
    for (const [copy, maxShardBytes] of [
      ["one", Infinity],
      ["several", 60_000],
    ] as const) {
      const saved = join(folder, `${name}-${copy}`);
      await saveMllm(model, saved, { maxShardBytes });
      assert.deepEqual(await entries(saved), await entries(folderOf(name)));
      using again = await loadQwen2Vl(saved);
      assertEqualParameters(again, model);
      assert.deepEqual(await readJson(join(saved, "config.json")), await configOf(name));
    }
    const text = await readFile(join(folder, `${name}-one`, "config.json"), "utf8");
    if (name === "tied") assert.match(text, /"rope_theta": 1000000\.0,/, "transformers 5 refuses an integer here");
  });

  test(`${name}: names in memory are those of Python, and the layout with them is read`, async () => {
    const names = JSON.parse(await readFile(fixture("qwen2vl/names.json"), "utf8")) as Record<CheckpointName, string[]>;
    using model = await loadTiny(name);
    assert.deepEqual([...model.parameters().keys()].map((key) => model.transformersName(key)).sort(), names[name]);
    const frequencies = [
      "model.language_model.layers.0.self_attn.rotary_emb.inv_freq",
      "model.visual.rotary_pos_emb.inv_freq",
    ];
    const extra = new Map(frequencies.map((key) => [key, zeros([2])]));
    const copy = await renamedCopy(name, `${name}-memory`, memoryName, extra);
    for (const tensor of extra.values()) tensor.dispose();
    using again = await loadModel(copy);
    assertEqualParameters(again, model);
    assert.equal(again.parameterName?.("model.visual.merger.ln_q.bias"), "visual.merger.ln_q.bias");
  });
}

test("tied: no head is asked for; a stored one is passed over where it is the embedding, as in transformers 5", async () => {
  using original = await loadTiny("tied");
  const same = original.parameters().get(EMBEDDING);
  assert.ok(same);
  const twice = await renamedCopy("tied", "twice", (name) => name, new Map([["lm_head.weight", same]]));
  using loaded = await loadQwen2Vl(twice);
  assert.ok(!loaded.parameters().has("lm_head.weight"));
  const head = zeros([100, 32]);
  const copy = await renamedCopy("tied", "head", (name) => name, new Map([["lm_head.weight", head]]));
  head.dispose();
  using own = await loadQwen2Vl(copy);
  assert.deepEqual(own.parameters().get("lm_head.weight")?.shape, [100, 32]);
  await atomicWriteJson(join(copy, "config.json"), { ...(await configOf("tied")), tie_word_embeddings: false });
  using untied = await loadQwen2Vl(copy);
  assert.deepEqual(untied.parameters().get("lm_head.weight")?.shape, [100, 32]);
});

test("configs: transformers' defaults, the forms of rope, what is not known", () => {
  const small = { hidden_size: 3584, num_attention_heads: 28, num_key_value_heads: 4 };
  const { text, vision, sections, ...tokens } = parseQwen2VlConfig({ model_type: "qwen2_vl", ...small });
  assert.deepEqual([text.layers, text.intermediateSize, text.vocabSize, text.headDim], [80, 29568, 152064, 128]);
  assert.deepEqual([text.normEps, text.ropeTheta, text.tied, text.activation], [1e-5, 1e6, false, "silu"]);
  assert.deepEqual([text.attentionBias, text.outputBias, text.mlpBias], [true, false, false]);
  assert.deepEqual([vision.hiddenSize, vision.intermediateSize, vision.layers, vision.heads], [1280, 5120, 32, 16]);
  assert.deepEqual(
    [vision.patchSize, vision.frames, vision.merge, vision.channels, vision.outputSize],
    [14, 2, 2, 3, 3584],
  );
  assert.deepEqual([vision.normEps, vision.activation, vision.ropeTheta], [1e-6, "quick_gelu", 10000]);
  assert.deepEqual([sections, tokens.imageTokenId, tokens.videoTokenId], [[16, 24, 24], 151655, 151656]);
  const of = (part: object): unknown => ({ model_type: "qwen2_vl", ...small, ...part });
  const nested = (part: object): unknown => ({
    model_type: "qwen2_vl",
    hidden_size: 1,
    text_config: { ...small, ...part },
  });
  const theta = (config: unknown): number => parseQwen2VlConfig(config).text.ropeTheta;
  const mrope = { mrope_section: [32, 16, 16] };
  for (const rope of [{ type: "mrope" }, { type: "default" }, { rope_type: "default", type: "mrope" }, {}]) {
    const config = of({ rope_theta: 7, rope_scaling: { ...rope, ...mrope } });
    assert.deepEqual(parseQwen2VlConfig(config).sections, mrope.mrope_section);
    assert.equal(theta(config), 7);
  }
  assert.equal(theta(nested({ rope_parameters: { rope_theta: 9, ...mrope } })), 9);
  assert.equal(theta(nested({ rope_parameters: { rope_theta: 9 }, rope_scaling: mrope, rope_theta: 8 })), 8);
  assert.ok(parseQwen2VlConfig(nested({ tie_word_embeddings: true })).text.tied);
  assert.equal(parseQwen2VlConfig(nested({ num_key_value_heads: null })).text.kvHeads, 28);
  const refused = (config: unknown, message: RegExp): void => {
    assert.throws(() => parseQwen2VlConfig(config, "the-file"), { code: "CONFIG_INVALID", message });
  };
  refused({}, /the-file.*model_type/);
  refused(of({ rope_scaling: { type: "yarn", factor: 4, ...mrope } }), /rope_scaling\.type/);
  refused(of({ rope_scaling: { mrope_section: [16, 24, 25] } }), /mrope_section/);
  refused(of({ use_sliding_window: true, max_window_layers: 28 }), /use_sliding_window/);
  refused(of({ layer_types: ["sliding_attention"] }), /layer_types/);
  refused(of({ num_attention_heads: 5 }), /heads of an even size/);
  refused(of({ vision_config: { hidden_size: 1280 } }), /hidden_size 1280 .*3584.*embed_dim/);
  refused(of({ vision_config: { embed_dim: 1282 } }), /embed_dim/);
});
