/** LLaVA checkpoints: what is read from, written to and refused in the layouts of the public files. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createLlava, loadLlava, parseLlavaConfig } from "../../../src/models/llava/index.js";
import { loadMllm } from "../../../src/models/registry.js";
import { saveMllm } from "../../../src/models/save.js";
import type { Mllm } from "../../../src/models/types.js";
import { mapSource, randomSource } from "../../../src/nn/index.js";
import { cudaIsAvailable, liveTensors, noGrad, scope, zeros, type Tensor } from "../../../src/torch/index.js";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import { openCheckpoint, saveCheckpoint } from "../../../src/weights/index.js";
import { ROOT } from "../../support.js";
import { difference, ids, loadTiny, TINY } from "./support.js";

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

function bytes(tensor: Tensor | undefined): Buffer {
  return tensor ? Buffer.from(tensor.toArray().buffer) : Buffer.alloc(0);
}

function assertEqualParameters(actual: Mllm, expected: Mllm): void {
  const [own, other] = [actual.parameters(), expected.parameters()];
  assert.deepEqual([...own.keys()].sort(), [...other.keys()].sort());
  for (const [name, tensor] of other) assert.ok(bytes(tensor).equals(bytes(own.get(name))), name);
}

async function entries(path: string): Promise<Map<string, unknown>> {
  using checkpoint = await openCheckpoint(path);
  const list = checkpoint.names().map((name) => [name, { ...checkpoint.info(name), file: "" }] as const);
  return new Map(list.sort(([a], [b]) => (a < b ? -1 : 1)));
}

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

test("one error lists everything that does not fit", async () => {
  const stranger = zeros([1]);
  const rename = (name: string): string =>
    name.endsWith("linear_1.bias") ? "multi_modal_projector.linear_9.bias" : name;
  const copy = await renamedCopy("unfit", rename, new Map([["learned_weight", stranger]]));
  stranger.dispose();
  await atomicWriteJson(join(copy, "config.json"), {
    ...config,
    text_config: { ...config.text_config, intermediate_size: 50 },
  });
  const before = liveTensors();
  await assert.rejects(loadLlava(copy), (error: Error & { code?: string }) => {
    assert.equal(error.code, "CHECKPOINT_MISMATCH");
    assert.match(error.message, /missing \(1\): multi_modal_projector\.linear_1\.bias/);
    assert.match(error.message, /unexpected \(2\): .*learned_weight/);
    assert.match(error.message, /unexpected \(2\): .*linear_9\.bias/);
    assert.match(
      error.message,
      /of another shape \(9\): .*layers\.0\.mlp\.gate_proj\.weight is \[48, 32\].*\[50, 32\]/,
    );
    return true;
  });
  assert.equal(liveTensors(), before);
});

test("other dtypes: converted at load, written as they are", async () => {
  using half = await loadLlava(TINY, { dtype: "bfloat16" });
  assert.equal(half.dtype, "bfloat16");
  const saved = join(folder, "half");
  await saveMllm(half, saved);
  assert.equal(((await readJson(join(saved, "config.json"))) as { dtype: string }).dtype, "bfloat16");
  using back = await loadLlava(saved);
  assert.equal(back.dtype, "float32", "the default on the CPU");
  using tiny = await loadTiny();
  const inputIds = ids([1, 2, 3, 4]);
  const [exact, upcast, computed] = noGrad(() =>
    scope(() => [tiny, back, half].map((model) => model.logits(model.forward({ inputIds })).toFloat32Array())),
  );
  inputIds.dispose();
  const worst = (values: Float32Array = new Float32Array()): number =>
    Math.max(...values.map((value, i) => Math.abs(value - (exact?.[i] ?? NaN))));
  assert.ok(worst(upcast) > 1e-4 && worst(upcast) < 0.2, `bfloat16 weights: ${worst(upcast)}`);
  assert.ok(worst(computed) < 0.2, `bfloat16 arithmetic: ${worst(computed)}`);
});

test("new tokens: spare rows, then grown matrices, start as the mean of the real rows", async () => {
  using model = await loadTiny();
  const names = ["language_model.model.embed_tokens.weight", "language_model.lm_head.weight"];
  const matrix = (name = ""): Tensor => model.parameters().get(name) ?? assert.fail(name);
  const before = names.map((name) => matrix(name).toFloat32Array());
  model.growVocabulary([92, 93], 92);
  assert.equal(model.vocabSize, 100);
  model.growVocabulary([99, 100, 102], 94);
  assert.equal(model.vocabSize, 103);
  assert.equal((model.config["text_config"] as { vocab_size: number }).vocab_size, 103);
  scope(() => {
    names.forEach((name, i) => {
      const old = before[i] ?? assert.fail();
      const rows = matrix(name);
      assert.deepEqual(rows.narrow(0, 0, 92).toFloat32Array(), old.subarray(0, 92 * 32));
      assert.deepEqual(rows.narrow(0, 94, 5).toFloat32Array(), old.subarray(94 * 32, 99 * 32));
      const mean = rows.narrow(0, 0, 92).mean([0]);
      for (const row of [92, 93, 99, 100, 101, 102]) {
        assert.ok(difference(rows.select(0, row), mean) < 1e-6, `${name} row ${row}`);
      }
    });
  });
  assert.throws(() => model.growVocabulary([5], 92), { code: "USAGE" });
  assert.throws(() => model.growVocabulary([200], 104), { code: "USAGE" });
  const saved = join(folder, "grown");
  await saveMllm(model, saved);
  using again = await loadLlava(saved);
  assertEqualParameters(again, model);
});

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

test("the shape of the matrices counts more than the config's vocab_size", async () => {
  const copy = await renamedCopy("vocabulary", (name) => name);
  await atomicWriteJson(join(copy, "config.json"), {
    ...config,
    text_config: { ...config.text_config, vocab_size: 31064 },
  });
  using model = await loadLlava(copy);
  assert.equal(model.vocabSize, 100);
  assert.equal((model.config["text_config"] as { vocab_size: number }).vocab_size, 100);
});

test("fresh models: the same seed, the same weights; copies of a Map", () => {
  using one = createLlava(config, randomSource({ seed: 5 }));
  using same = createLlava(config, randomSource({ seed: 5 }));
  using other = createLlava(config, randomSource({ seed: 6 }));
  using copy = createLlava(config, mapSource(one.parameters()));
  assertEqualParameters(same, one);
  assertEqualParameters(copy, one);
  assert.throws(() => {
    assertEqualParameters(other, one);
  });
  const parameters = one.parameters();
  parameters.get("language_model.model.norm.weight")?.fill_(3);
  assert.throws(() => {
    assertEqualParameters(copy, one);
  });
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
