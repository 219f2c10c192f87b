/**
 * The original code's layout: flat config, its own names, the projector in a file and the vision tower in a folder of
 * their own. The weights are those of the tiny checkpoint, so that transformers' results hold here too
 * (test/fixtures/llava/make.py); the prompts are those of make-original.py.
 */
import assert from "node:assert/strict";
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { z } from "zod";
import { inspectForward } from "../../../src/engine/forward.js";
import {
  createLlava,
  loadLlava,
  loadLlavaProcessor,
  llavaName,
  type LlavaModel,
} from "../../../src/models/llava/index.js";
import { withVisionConfig } from "../../../src/models/llava/tower.js";
import { loadImages, loadMllm, loadModel } from "../../../src/models/registry.js";
import { saveMllm } from "../../../src/models/save.js";
import { randomSource } from "../../../src/nn/index.js";
import { addScoreTokens } from "../../../src/roc/index.js";
import { fromTypedArray, inferenceMode, liveTensors, scope, tensor, type Tensor } from "../../../src/torch/index.js";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import { openSafetensors, saveSafetensors, type Checkpoint } from "../../../src/weights/index.js";
import { FEATURES_ERROR, FORWARD_ERROR } from "../../rounding.js";
import { fixture } from "../../support.js";
import { picture, sha256 } from "../../image/support.js";
import { difference } from "../support.js";
import { loadTiny, openExpected, TINY } from "./support.js";

const ROWS = 16;
const TINY_IMAGE = 90;
const alive = liveTensors();
let folder: string;
let model: LlavaModel;
let expected: Checkpoint;
let config: Record<string, unknown>;
let clip: Record<string, unknown>;

const file = (...parts: string[]): string => join(folder, ...parts);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "llava-original-"));
  await writeOriginal();
  model = await loadLlava(file("llava"));
  expected = await openExpected();
});
after(async () => {
  model.dispose();
  expected.dispose();
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

/** `llava/` with the language model and mm_projector.bin, `openai/clip/` with a whole CLIP in float16's form. */
async function writeOriginal(): Promise<void> {
  const tiny = z
    .looseObject({ vision_config: z.looseObject({}), text_config: z.looseObject({}) })
    .parse(await readJson(join(TINY, "config.json")));
  config = {
    ...tiny.text_config,
    model_type: "llava",
    architectures: ["LlavaLlamaForCausalLM"],
    mm_vision_tower: "openai/clip",
    mm_vision_select_layer: -2,
    mm_vision_select_feature: "patch",
    mm_projector_type: "mlp2x_gelu",
    mm_hidden_size: 24,
    mm_use_im_start_end: false,
    image_aspect_ratio: "pad",
  };
  clip = { model_type: "clip", projection_dim: 24, text_config: {}, vision_config: tiny.vision_config };
  await atomicWriteJson(file("llava", "config.json"), config);
  await atomicWriteJson(file("openai", "clip", "config.json"), clip);
  await atomicWriteJson(file("openai", "clip", "preprocessor_config.json"), {
    feature_extractor_type: "CLIPFeatureExtractor",
    size: 28,
    crop_size: 28,
  });
  await copyFile(fixture("llava/original/mm_projector.bin"), file("llava", "mm_projector.bin"));
  await copyFile(fixture("sentencepiece/llama/tokenizer.model"), file("llava", "tokenizer.model"));
  using checkpoint = await openSafetensors(join(TINY, "model.safetensors"));
  const [language, tower] = [new Map<string, Tensor>(), new Map<string, Tensor>()];
  for (const name of checkpoint.names()) {
    if (name.startsWith("vision_tower.")) tower.set(name.replace("vision_tower.", ""), checkpoint.tensor(name));
    if (name.startsWith("language_model.")) language.set(name.replace("language_model.", ""), checkpoint.tensor(name));
  }
  const extra = tensor([1, 2]);
  language.set("model.layers.0.self_attn.rotary_emb.inv_freq", extra);
  const others = ["logit_scale", "visual_projection.weight", "text_projection.weight"];
  const computed = ["vision_model.embeddings.position_ids", "text_model.embeddings.position_ids"];
  for (const name of [...others, ...computed, "text_model.final_layer_norm.weight"]) tower.set(name, extra);
  await saveSafetensors(file("llava", "model.safetensors"), language);
  await saveSafetensors(file("openai", "clip", "model.safetensors"), tower);
  for (const one of new Set([...language.values(), ...tower.values()])) one.dispose();
}

/** Ids of the tiny checkpoint's fixture with this layout's placeholder. */
function replaced(ids: Tensor): Tensor {
  const values = ids.toNumbers().map((id) => (id === TINY_IMAGE ? -200 : id));
  return fromTypedArray(BigInt64Array.from(values, BigInt), ids.shape);
}

test("logits, features and padded batches are transformers'", () => {
  inferenceMode(() => {
    scope(() => {
      const pixels = expected.tensor("pixels");
      const images = { pixelValues: pixels.narrow(0, 0, 1) };
      assert.ok(difference(model.imageFeatures(images), expected.tensor("one.features")) < FEATURES_ERROR);
      const hidden = model.forward({ inputIds: replaced(expected.tensor("one.ids")), images });
      assert.ok(difference(model.logits(hidden).select(0, 0), expected.tensor("one.logits")) < FORWARD_ERROR);
      const mask = expected.tensor("right.mask");
      const batch = {
        inputIds: replaced(expected.tensor("right.ids")),
        attentionMask: mask,
        images: { pixelValues: pixels },
      };
      const found = model.logits(model.forward(batch)).mul(mask.unsqueeze(-1));
      assert.ok(difference(found, expected.tensor("right.logits").mul(mask.unsqueeze(-1))) < FORWARD_ERROR);
    });
  });
});

test("a whole -200 an image, or one a visual row: the same forward", () => {
  const given = [1, 5, -200, 7, -200, -200, 9];
  const expanded = given.flatMap((id) => (id === -200 ? new Array<number>(ROWS).fill(id) : id));
  assert.deepEqual(model.expandPlaceholders?.(given), expanded);
  assert.deepEqual(model.expandPlaceholders(expanded), expanded);
  scope(() => {
    const pixels = expected.tensor("pixels");
    const logits = [given, expanded].map((ids) => {
      const inputs = { input_ids: tensor([ids], { dtype: "int64" }), pixel_values: pixels };
      return inspectForward(model, new Map(Object.entries(inputs))).get("logits") ?? assert.fail();
    });
    assert.deepEqual(logits[0]?.shape, [1, expanded.length, 100]);
    assert.ok(logits[0] && logits[1] && difference(logits[0], logits[1]) === 0);
  });
});

test("parameters have the original code's names, whichever way they are asked for", async () => {
  using tiny = await loadTiny();
  const names = [...model.parameters().keys()];
  for (const name of [
    "model.embed_tokens.weight",
    "model.layers.2.mlp.up_proj.weight",
    "model.norm.weight",
    "lm_head.weight",
    "model.mm_projector.0.weight",
    "model.mm_projector.2.bias",
    "model.vision_tower.vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight",
  ]) {
    assert.ok(names.includes(name), name);
    assert.equal(model.parameterName(llavaName(name)), name);
    assert.equal(model.transformersName(name), name);
  }
  assert.deepEqual(names.map(llavaName).sort(), [...tiny.parameters().keys()].sort());
});

test("saved as the original code reads it, tower inside; loaded again without the tower's folder", async () => {
  // As many rows as the tokenizer has pieces.
  const known = await withVisionConfig(file("llava"), { ...config, vocab_size: 400 });
  using first = createLlava(known, randomSource({ seed: 1 }));
  const processor = await loadLlavaProcessor(file("llava"), known);
  const { positionId } = addScoreTokens(first, processor.tokenizer);
  await saveMllm(first, file("saved", "llava"), { maxShardBytes: 100_000 });
  await processor.save(file("saved", "llava"));
  const written = z.looseObject({}).parse(await readJson(file("saved", "llava", "config.json")));
  assert.deepEqual(written["vision_config"], clip["vision_config"]);
  assert.deepEqual([written["vocab_size"], written["unfreeze_mm_vision_tower"]], [first.vocabSize, true]);
  assert.equal("text_config" in written, false);
  const reloaded = await loadMllm(file("saved", "llava"));
  using again = reloaded.model;
  assert.deepEqual([...again.parameters().keys()].sort(), [...first.parameters().keys()].sort());
  assert.deepEqual(reloaded.processor.answer("It is [SCORE]."), processor.answer("It is [SCORE]."));
  assert.ok(reloaded.processor.answer("It is [SCORE].").includes(positionId));
  const outputs = [{ model: first, processor }, reloaded].map(({ model: net, processor: texts }) =>
    inferenceMode(() =>
      scope(() => {
        const images = texts.images([picture(40, 30)]);
        const inputIds = tensor([texts.prompt("<image>\nRate it.", images)], { dtype: "int64" });
        return net.logits(net.forward({ inputIds, images })).toFloat32Array();
      }),
    ),
  );
  assert.deepEqual(outputs[1], outputs[0]);
});

test("the tower: given, beside the checkpoint, inside without a prefix, or an error that says what to do", async () => {
  const elsewhere = file("apart", "llava");
  await atomicWriteJson(join(elsewhere, "config.json"), { ...config, model_type: "llava_llama" });
  for (const name of ["model.safetensors", "mm_projector.bin", "tokenizer.model"]) {
    await copyFile(file("llava", name), join(elsewhere, name));
  }
  await assert.rejects(loadModel(elsewhere), {
    code: "FILE_NOT_FOUND",
    message: /the vision tower openai\/clip is not there .*download openai\/clip\).*--vision-tower DIR/,
  });
  await assert.rejects(loadModel(elsewhere, { visionTower: file("nowhere") }), { message: /nowhere is not there/ });
  using given = await loadMllmModel(elsewhere, file("openai", "clip"));
  assert.equal(given.parameters().size, model.parameters().size);
  // As CLIPVisionModel alone is written.
  using whole = await openSafetensors(file("openai", "clip", "model.safetensors"));
  const vision = new Map<string, Tensor>();
  for (const name of whole.names().filter((one) => one.startsWith("vision_model.") && !one.endsWith("position_ids"))) {
    vision.set(name.replace("vision_model.", ""), whole.tensor(name));
  }
  await saveSafetensors(file("apart", "clip", "model.safetensors"), vision);
  for (const one of vision.values()) one.dispose();
  await atomicWriteJson(file("apart", "clip", "config.json"), clip["vision_config"]);
  using beside = await loadModel(elsewhere);
  assert.equal(beside.parameters().size, model.parameters().size);
  await atomicWriteJson(file("apart", "clip", "config.json"), { model_type: "siglip" });
  await assert.rejects(loadModel(elsewhere), { code: "CONFIG_INVALID", message: /not the config of a CLIP model/ });
});

async function loadMllmModel(path: string, visionTower: string): Promise<LlavaModel> {
  const loaded = await loadMllm(path, { visionTower });
  assert.ok(loaded.processor.prompt("<image>").includes(-200));
  return loaded.model as LlavaModel;
}

test("without mm_projector.bin the projector is missing by name", async () => {
  const bare = file("bare");
  await atomicWriteJson(join(bare, "config.json"), { ...config, mm_vision_tower: file("openai", "clip") });
  await copyFile(file("llava", "model.safetensors"), join(bare, "model.safetensors"));
  const message = /missing \(4\): multi_modal_projector\.linear_1\.weight/;
  await assert.rejects(loadLlava(bare), { code: "CHECKPOINT_MISMATCH", message });
});

test("pictures: padded as config.json says, the tower's own processor, the option before both", async () => {
  const source = picture(97, 61);
  const shown = async (extra: object, resize?: "crop" | "pad" | "stretch"): Promise<string> => {
    await atomicWriteJson(file("llava", "config.json"), { ...config, ...extra });
    return sha256((await loadImages(file("llava"), { resize })).pixels(source).data);
  };
  const padded = await shown({});
  assert.notEqual(padded, await shown({ image_aspect_ratio: "square" }));
  assert.equal(padded, await shown({ image_aspect_ratio: null }, "pad"));
  assert.equal(await shown({}, "crop"), await shown({ image_aspect_ratio: "square" }));
  // The usual tower's sizes are known: no folder of it is needed, nor a preprocessor_config.json.
  const usual = { mm_vision_tower: "openai/clip-vit-large-patch14-336" };
  assert.equal((await shown(usual)).slice(0, 16), "f48b2ee5f29c7149", "the hash of section 8.6");
  assert.equal((await shown({ ...usual, image_aspect_ratio: null }, "pad")).slice(0, 16), "f48b2ee5f29c7149");
  await shown({});
});

const prompts = z.object({
  answer: z.string(),
  cases: z.array(
    z.object({
      conversation: z.string(),
      question: z.string(),
      prompt: z.array(z.number()),
      whole: z.array(z.number()),
    }),
  ),
});

test("prompts are llava_v1's and v1's, tokenised a side at a time", async () => {
  const { answer, cases } = prompts.parse(await readJson(fixture("llava/original/prompts.json")));
  assert.equal(cases.length, 10);
  const expand = (ids: number[]): number[] => model.expandPlaceholders?.(ids) ?? assert.fail();
  for (const { conversation, question, prompt, whole } of cases) {
    const processor = await loadLlavaProcessor(file("llava"), config, { conversation });
    assert.deepEqual(processor.prompt(question), expand(prompt), `${conversation}: ${question}`);
    assert.deepEqual([...processor.prompt(question), ...processor.answer(answer)], expand(whole));
  }
  const other = loadLlavaProcessor(file("llava"), config, { conversation: "q_align" });
  await assert.rejects(other, { code: "USAGE", message: /known are: llava_v1, v1/ });
});

test("configs of later versions are refused by their fields", async () => {
  const bad: [object, RegExp][] = [
    [{ mm_projector_type: "linear" }, /mm_projector_type/],
    [{ mm_use_im_start_end: true }, /mm_use_im_start_end/],
    [{ image_aspect_ratio: "anyres" }, /image_aspect_ratio/],
  ];
  for (const [extra, message] of bad) {
    await atomicWriteJson(file("llava", "config.json"), { ...config, ...extra });
    await assert.rejects(loadLlava(file("llava")), { code: "CONFIG_INVALID", message });
  }
  await atomicWriteJson(file("llava", "config.json"), config);
  assert.ok((await readFile(file("llava", "config.json"), "utf8")).includes("mm_vision_tower"));
});
