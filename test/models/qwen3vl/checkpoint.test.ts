/** Qwen3-VL checkpoints: what is read from, written to and refused in the layouts of the public files. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { attachLora } from "../../../src/models/lora.js";
import { saveAdapter } from "../../../src/models/peft.js";
import { createQwen3Vl, loadQwen3Vl, parseQwen3VlConfig } from "../../../src/models/qwen3vl/index.js";
import { loadModel } from "../../../src/models/registry.js";
import { saveMllm } from "../../../src/models/save.js";
import { keep, liveTensors, scope, zeros, type Tensor } from "../../../src/torch/index.js";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import { openSafetensors, saveCheckpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";
import { assertEqualParameters, entries } from "../support.js";
import { CHECKPOINTS, folderOf, loadTiny, type CheckpointName } from "./support.js";

type Config = Record<string, unknown>;

const alive = liveTensors();
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "qwen3vl-"));
});
after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

async function configOf(name: CheckpointName): Promise<Config> {
  return (await readJson(join(folderOf(name), "config.json"))) as Config;
}

/** A tiny checkpoint with other tensors and another config, in a folder of its own. */
async function copyOf(
  from: CheckpointName,
  name: string,
  change: (tensors: [string, Tensor][]) => Iterable<[string, Tensor]>,
  more: Config = {},
): Promise<string> {
  using model = await loadTiny(from);
  const copy = join(folder, name);
  await saveCheckpoint(copy, new Map(change([...model.parameters()])));
  await atomicWriteJson(join(copy, "config.json"), { ...(await configOf(from)), ...more });
  return copy;
}

for (const name of CHECKPOINTS) {
  test(`${name}: names are those of Python's memory; what is written is what Python wrote; an older layout is read`, async () => {
    const names = (await readJson(fixture("qwen3vl/names.json"))) as Record<CheckpointName, string[]>;
    using model = await loadTiny(name);
    assert.deepEqual([...model.parameters().keys()].sort(), names[name]);
    const saved = join(folder, name);
    await saveMllm(model, saved);
    assert.deepEqual(await entries(saved), await entries(folderOf(name)));
    assert.deepEqual(await readJson(join(saved, "config.json")), await configOf(name));
    const old = (key: string): string => key.replace(/^model\.(visual\.)|^(model\.)language_model\./, "$1$2");
    const frequencies = zeros([2]);
    const copy = await copyOf(name, `${name}-old`, (tensors) => [
      ...tensors.map(([key, tensor]): [string, Tensor] => [old(key), tensor]),
      ["visual.rotary_pos_emb.inv_freq", frequencies],
    ]);
    frequencies.dispose();
    using again = await loadModel(copy);
    assertEqualParameters(again, model);
    assert.equal(again.parameterName?.("visual.pos_embed.weight"), "model.visual.pos_embed.weight");
  });
}

test("a head in the file is used, whatever the config says; without one, the embedding; what is written says which", async () => {
  const head = zeros([100, 32]);
  const own = await copyOf("tied", "own", (tensors) => [...tensors, ["lm_head.weight", head]]);
  head.dispose();
  const text = (await configOf("untied"))["text_config"] as Config;
  const none = await copyOf("untied", "none", (tensors) => tensors.filter(([key]) => key !== "lm_head.weight"), {
    text_config: { ...text, tie_word_embeddings: false },
  });
  for (const [from, has] of [
    [own, true],
    [none, false],
  ] as const) {
    using model = await loadQwen3Vl(from);
    assert.equal(model.parameters().has("lm_head.weight"), has);
    assert.equal(model.config["tie_word_embeddings"], !has);
    const saved = `${from}-saved`;
    await saveMllm(model, saved);
    using again = await loadQwen3Vl(saved);
    assertEqualParameters(again, model);
  }
});

test("adapters have the names that peft gives them", async () => {
  using model = await loadTiny("untied");
  using adapters = attachLora(model, { rank: 2, alpha: 4, targets: "all-linear" }, 1);
  const saved = join(folder, "adapter");
  await saveAdapter(saved, model, adapters, { base: "tiny" });
  using written = await openSafetensors(join(saved, "adapter_model.safetensors"));
  const names = (await readJson(fixture("qwen3vl/names.json"))) as Record<CheckpointName, string[]>;
  const maps = names.untied.filter((name) => /(_proj|attn\.qkv|attn\.proj|linear_fc[12])\.weight$/.test(name));
  const wanted = maps.flatMap((name) =>
    ["A", "B"].map((part) => `base_model.model.${name.replace(/weight$/, `lora_${part}.weight`)}`),
  );
  assert.deepEqual([...written.names()].sort(), wanted.sort());
});

test("configs: transformers' defaults, the forms of rope, what is not known", () => {
  const { text, vision, sections, ...tokens } = parseQwen3VlConfig({
    model_type: "qwen3_vl",
    vision_config: { out_hidden_size: 4096 },
  });
  assert.deepEqual([text.layers, text.intermediateSize, text.vocabSize, text.headDim], [32, 22016, 151936, 128]);
  assert.deepEqual([text.heads, text.kvHeads, text.normEps, text.ropeTheta, text.tied], [32, 32, 1e-6, 5e5, false]);
  assert.deepEqual([text.attentionBias, text.outputBias, text.mlpBias, text.qkNorm], [false, false, false, true]);
  assert.deepEqual([vision.hiddenSize, vision.intermediateSize, vision.layers, vision.heads], [1152, 4304, 27, 16]);
  assert.deepEqual([vision.patchSize, vision.frames, vision.merge, vision.channels], [16, 2, 2, 3]);
  assert.deepEqual([vision.normEps, vision.activation, vision.places], [1e-6, "gelu_pytorch_tanh", 2304]);
  assert.deepEqual(
    [vision.deepstack, sections],
    [
      [8, 16, 24],
      [24, 20, 20],
    ],
  );
  assert.deepEqual([tokens.imageTokenId, tokens.videoTokenId], [151655, 151656]);
  const of = (part: object, more: object = {}): unknown => ({
    model_type: "qwen3_vl",
    text_config: { hidden_size: 3584, ...part },
    ...more,
  });
  const rope = { rope_type: "default", mrope_section: [22, 21, 21], mrope_interleaved: true };
  for (const spelling of [{ rope_theta: 7, rope_scaling: rope }, { rope_parameters: { ...rope, rope_theta: 7 } }]) {
    const parsed = parseQwen3VlConfig(of(spelling));
    assert.deepEqual([parsed.sections, parsed.text.ropeTheta], [rope.mrope_section, 7]);
  }
  assert.ok(parseQwen3VlConfig(of({ tie_word_embeddings: true })).text.tied);
  assert.ok(parseQwen3VlConfig(of({}, { tie_word_embeddings: true })).text.tied);
  assert.equal(parseQwen3VlConfig(of({ num_key_value_heads: null, num_attention_heads: 28 })).text.kvHeads, 28);
  const refused = (config: unknown, message: RegExp): void => {
    assert.throws(() => parseQwen3VlConfig(config, "the-file"), { code: "CONFIG_INVALID", message });
  };
  refused({ model_type: "qwen3_vl_moe" }, /the-file.*model_type/);
  refused(of({ num_experts: 8 }), /experts are not supported/);
  refused(of({ rope_scaling: { rope_type: "yarn", factor: 4 } }), /rope_scaling\.rope_type/);
  refused(of({ rope_scaling: { ...rope, mrope_section: [32, 32] } }), /mrope_section.*three axes/);
  refused(of({ num_attention_heads: 5 }), /heads of an even size/);
  refused(of({}, { vision_config: { out_hidden_size: 1152 } }), /out_hidden_size 1152 .*3584/);
  refused(of({}, { vision_config: { hidden_size: 1154 } }), /hidden_size 1154.*num_heads/);
  refused(of({}, { vision_config: { patch_size: 1e6 } }), /patch_size/);
});

/** Of each published size: its language model and tower, and what transformers counts on the meta device. */
const SIZES = {
  "2B": { text: [2048, 6144, 28, 16], small: true, parameters: 2_127_532_032, tensors: 625 },
  "4B": { text: [2560, 9728, 36, 32], small: true, parameters: 4_437_815_808, tensors: 713 },
  "8B": { text: [4096, 12288, 36, 32], small: false, parameters: 8_767_123_696, tensors: 750 },
} as const;

test("the published sizes have the parameters and tensors that transformers counts", () => {
  const one = keep(zeros([1]));
  for (const [size, { text, small, parameters, tensors }] of Object.entries(SIZES)) {
    const [hidden_size, intermediate_size, num_hidden_layers, num_attention_heads] = text;
    const heads = { num_attention_heads, num_key_value_heads: 8 };
    const tower = { depth: 24, hidden_size: 1024, intermediate_size: 4096, deepstack_visual_indexes: [5, 11, 17] };
    const config = {
      ...{ model_type: "qwen3_vl", tie_word_embeddings: small },
      text_config: { hidden_size, intermediate_size, num_hidden_layers, ...heads },
      vision_config: { ...(small && tower), out_hidden_size: hidden_size },
    };
    // None of them holds a number of its own.
    using model = createQwen3Vl(config, { take: (_, shape) => keep(scope(() => one.expand(...shape))) });
    const shapes = [...model.parameters().values()].map(({ shape }) => shape.reduce((all, side) => all * side, 1));
    assert.deepEqual([shapes.reduce((sum, count) => sum + count, 0), shapes.length], [parameters, tensors], size);
  }
  one.dispose();
});

test("the model with experts is refused by its name", async () => {
  const copy = await copyOf("untied", "moe", (tensors) => tensors, { model_type: "qwen3_vl_moe" });
  await assert.rejects(loadModel(copy), { code: "CONFIG_INVALID", message: /"qwen3_vl_moe" is not supported/ });
});
