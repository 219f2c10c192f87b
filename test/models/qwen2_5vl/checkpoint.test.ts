/** Qwen2.5-VL checkpoints: what is read from, written to and refused in the layouts of the public files. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { attachLora } from "../../../src/models/lora.js";
import { memoryName } from "../../../src/models/common/qwen/names.js";
import { saveAdapter } from "../../../src/models/peft.js";
import { loadQwen25Vl, parseQwen25VlConfig } from "../../../src/models/qwen2_5vl/index.js";
import { saveMllm } from "../../../src/models/save.js";
import { liveTensors, zeros, type Tensor } from "../../../src/torch/index.js";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import { openSafetensors, saveCheckpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";
import { assertEqualParameters, entries } from "../support.js";

type Config = Record<string, unknown>;
type Name = "tied" | "untied";

const alive = liveTensors();
const names = (await readJson(fixture("qwen2_5vl/names.json"))) as Record<Name, string[]>;
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "qwen25vl-"));
});
after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

async function configOf(name: Name): Promise<Config> {
  return (await readJson(fixture(`qwen2_5vl/${name}/config.json`))) as Config;
}

/** A tiny checkpoint with other tensors and another config, in a folder of its own. */
async function copyOf(
  from: Name,
  name: string,
  change: (tensors: [string, Tensor][]) => Iterable<[string, Tensor]>,
  more: Config = {},
): Promise<string> {
  using model = await loadQwen25Vl(fixture(`qwen2_5vl/${from}`));
  const copy = join(folder, name);
  await saveCheckpoint(copy, new Map(change([...model.parameters()])));
  await atomicWriteJson(join(copy, "config.json"), { ...(await configOf(from)), ...more });
  return copy;
}

for (const name of ["tied", "untied"] as const) {
  test(`${name}: what is written is what Python wrote; the layout of its memory is read`, async () => {
    using model = await loadQwen25Vl(fixture(`qwen2_5vl/${name}`));
    assert.deepEqual([...model.parameters().keys()].map((key) => model.transformersName(key)).sort(), names[name]);
    const saved = join(folder, name);
    await saveMllm(model, saved);
    assert.deepEqual(await entries(saved), await entries(fixture(`qwen2_5vl/${name}`)));
    assert.deepEqual(await readJson(join(saved, "config.json")), await configOf(name));
    const copy = await copyOf(name, `${name}-memory`, (tensors) => tensors.map(([key, one]) => [memoryName(key), one]));
    using again = await loadQwen25Vl(copy);
    assertEqualParameters(again, model);
  });
}

test("a head in the file is used, whatever the config says; without one, the embedding; what is written says which", async () => {
  const head = zeros([100, 32]);
  const own = await copyOf("tied", "own", (tensors) => [...tensors, ["lm_head.weight", head]]);
  head.dispose();
  const none = await copyOf("untied", "none", (tensors) => tensors.filter(([key]) => key !== "lm_head.weight"));
  for (const [from, has] of [
    [own, true],
    [none, false],
  ] as const) {
    using model = await loadQwen25Vl(from);
    assert.equal(model.parameters().has("lm_head.weight"), has);
    assert.equal(model.config["tie_word_embeddings"], !has);
  }
});

test("adapters have the names that peft gives them", async () => {
  using model = await loadQwen25Vl(fixture("qwen2_5vl/untied"));
  using adapters = attachLora(model, { rank: 2, alpha: 4, targets: "all-linear" }, 1);
  const saved = join(folder, "adapter");
  await saveAdapter(saved, model, adapters, { base: "tiny" });
  using written = await openSafetensors(join(saved, "adapter_model.safetensors"));
  const maps = names.untied.filter((name) => /(_proj|attn\.qkv|attn\.proj|mlp\.[02])\.weight$/.test(name));
  const wanted = maps.flatMap((name) =>
    ["A", "B"].map((part) => `base_model.model.${name.replace(/weight$/, `lora_${part}.weight`)}`),
  );
  assert.deepEqual([...written.names()].sort(), wanted.sort());
});

test("configs: transformers' defaults, every spelling, what is not known", () => {
  const small = { hidden_size: 3584, num_attention_heads: 28, num_key_value_heads: 4 };
  const { text, vision, sections, tokensPerSecond } = parseQwen25VlConfig({ model_type: "qwen2_5_vl", ...small });
  assert.deepEqual([text.layers, text.intermediateSize, text.vocabSize, text.headDim], [80, 29568, 152064, 128]);
  assert.deepEqual([text.normEps, text.ropeTheta, text.tied, sections], [1e-5, 1e6, false, [16, 24, 24]]);
  assert.deepEqual([vision.hiddenSize, vision.intermediateSize, vision.layers, vision.heads], [3584, 3420, 32, 16]);
  assert.deepEqual([vision.normEps, vision.activation, vision.rms, tokensPerSecond], [1e-6, "silu", true, 4]);
  assert.deepEqual(vision.windows, { side: 4, except: new Set([7, 15, 23, 31]) });
  const of = (part: object, seen: object = {}): unknown => ({
    ...{ model_type: "qwen2_5_vl", ...small, ...part },
    vision_config: { hidden_size: 1280, ...seen },
  });
  const [mrope, theta] = [{ mrope_section: [32, 16, 16] }, { rope_theta: 7 }];
  for (const spelling of [
    // The public files; again from transformers 4.52 on, with all of it repeated; from 5 on.
    { ...theta, rope_scaling: { type: "mrope", ...mrope } },
    { text_config: { ...small, ...theta, rope_scaling: { type: "default", rope_type: "default", ...mrope } } },
    { text_config: { ...small, rope_parameters: { rope_type: "default", ...theta, ...mrope } } },
  ]) {
    const parsed = parseQwen25VlConfig(of(spelling));
    assert.deepEqual([parsed.sections, parsed.text.ropeTheta], [mrope.mrope_section, 7]);
  }
  const channels = (seen: object): number => parseQwen25VlConfig(of({}, seen)).vision.channels;
  assert.deepEqual([{ in_chans: 1 }, { in_channels: 1, in_chans: 3 }, {}].map(channels), [1, 1, 3]);
  const refused = (config: unknown, message: RegExp): void => {
    assert.throws(() => parseQwen25VlConfig(config, "the-file"), { code: "CONFIG_INVALID", message });
  };
  refused({ model_type: "qwen2_vl" }, /the-file.*Qwen2\.5-VL.*model_type/);
  refused(of({ use_sliding_window: true, max_window_layers: 28 }), /use_sliding_window/);
  refused(of({ layer_types: ["sliding_attention"] }), /layer_types/);
  refused(of({}, { window_size: 27 }), /window_size 27 .*2 x 14/);
  refused(of({}, { hidden_size: 1282 }), /hidden_size 1282.*num_heads/);
  refused(of({}, { out_hidden_size: 1280 }), /out_hidden_size 1280 .*3584/);
  refused(of({}, { fullatt_block_indexes: [-1] }), /fullatt_block_indexes/);
});
