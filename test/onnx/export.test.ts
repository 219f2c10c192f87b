/** Exported models by onnxruntime against libtorch: the demo weights, and what the demo has not. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as runtime from "onnxruntime-web";
import sharp from "sharp";
import { createModel, DEMO_MODEL, load } from "../../src/engine/index.js";
import { loadOnnx } from "../../src/eval/onnx/model.js";
import { createImageProcessor } from "../../src/image/index.js";
import { plainSquare } from "../../src/image/plain-squares.js";
import { createLlava, createLlavaProcessor } from "../../src/models/llava/index.js";
import type { MllmProcessor } from "../../src/models/types.js";
import { randomSource } from "../../src/nn/index.js";
import { buildOnnx } from "../../src/onnx/build.js";
import { exportOnnx } from "../../src/onnx/export.js";
import { pictureForm } from "../../src/onnx/picture.js";
import { strategyOf, type RocTemplates, type StrategyParts } from "../../src/roc/index.js";
import { loadTokenizer } from "../../src/tokenizers/index.js";
import { noGrad, scope } from "../../src/torch/index.js";
import { ROOT } from "../support.js";

const FOLDER = mkdtempSync(join(tmpdir(), "onnx-export-"));
after(() => rmSync(FOLDER, { recursive: true, force: true }));

const PHOTOS = ["abstract-dull", "architecture-garish", "landscape-good", "portrait-good"].map((name) => `${ROOT}examples/photos/${name}.jpg`); // prettier-ignore

/** Of scores on 1 to 10. */
const CLOSE = 1e-4;

function near(found: number | null | undefined, wanted: number | null | undefined, what: string): void {
  assert.ok(Math.abs((found ?? NaN) - (wanted ?? NaN)) < CLOSE, `${what}: ${found} instead of ${wanted}`);
}

test("the demo weights: scores, spreads and distributions of photos, and what the manifest says of them", async () => {
  const { folder, files, manifest } = await exportOnnx(DEMO_MODEL, join(FOLDER, "demo"));
  assert.deepEqual(Object.keys(files), ["manifest.json", "model.onnx"]);
  using ours = await load(DEMO_MODEL, { dtype: "float32" });
  const file = join(folder, "model.onnx");
  const theirs = await loadOnnx(file, {}, { min: 0, max: 1 });
  for (const photo of PHOTOS) {
    const [wanted, found] = [await ours.scoreOne(photo), await theirs.scoreOne(photo)];
    near(found.score, wanted.score, `score of ${photo}`);
    near(found.std, wanted.std, `spread of ${photo}`);
    wanted.distribution?.forEach((share, i) => near(found.distribution?.[i], share, `share ${i} of ${photo}`));
    assert.deepEqual(found.scale, wanted.scale);
  }
  theirs.dispose();
  const bytes = readFileSync(file);
  const { model, checkpoint, scores, scale } = manifest;
  assert.deepEqual(JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")), manifest);
  assert.deepEqual(model, { file: "model.onnx", bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex"), opset: 17 }); // prettier-ignore
  assert.deepEqual([checkpoint.name, checkpoint.digest, checkpoint.demo], [ours.name, ours.digest, true]);
  assert.deepEqual([scores, scale], [["overall"], ours.scale]);
  // The weights are float16: none takes more than two bytes.
  assert.ok(bytes.length < readFileSync(join(DEMO_MODEL, "model.safetensors")).length * 1.05);
});

/** A LLaVA that differs from the demo's by these keys, with random weights. */
async function randomParts(change: Change): Promise<StrategyParts> {
  const config = JSON.parse(readFileSync(join(DEMO_MODEL, "config.json"), "utf8")) as Record<string, object>;
  const tokenizer = await loadTokenizer(DEMO_MODEL);
  const text_config = { ...config["text_config"], hidden_size: 32, intermediate_size: 40, ...change.text };
  const vision_config = { ...config["vision_config"], hidden_size: 24, intermediate_size: 40, num_hidden_layers: 3, ...change.vision }; // prettier-ignore
  const whole = { ...config, ...change.whole, text_config, vision_config };
  const model = createLlava(whole, randomSource({ seed: 5 }));
  // Weights of 0.02 would hide most faults.
  noGrad(() => scope(() => { for (const [name, tensor] of model.parameters()) if (!name.includes("norm")) tensor.mul_(3); })); // prettier-ignore
  const size = (vision_config as { image_size?: number }).image_size ?? 112;
  const pixels = { image_processor_type: "CLIPImageProcessor", do_center_crop: false, size: { height: size, width: size }, ...change.pixels }; // prettier-ignore
  const imageProcessor = createImageProcessor(pixels, change.resize ? { resize: change.resize } : {});
  const processor: MllmProcessor = createLlavaProcessor({ config: whole, tokenizer, imageProcessor });
  const templates: RocTemplates = {
    prompts: ["<image>\nHow good is it?"],
    answers: [change.answer ?? "It is {overall}. "],
    ...(change.ratings && { ratingScale: change.ratings }),
  };
  const strategy = strategyOf(model.config, templates);
  assert.ok(strategy);
  return { model, processor, templates, strategy };
}

interface Change {
  readonly text?: object;
  readonly vision?: object;
  readonly whole?: object;
  readonly pixels?: object;
  readonly resize?: "pad" | "crop" | "stretch";
  readonly answer?: string;
  readonly ratings?: { readonly min: number; readonly max: number };
}

/** Runs the file's graph on a picture that is prepared without native code. */
async function runGraph(parts: StrategyParts, png: Buffer) {
  const built = buildOnnx(parts);
  const { width, height, steps } = built.picture;
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const pixels = plainSquare({ width: info.width, height: info.height, data }, steps);
  runtime.env.wasm.numThreads = 1;
  runtime.env.logLevel = "error";
  const session = await runtime.InferenceSession.create(built.bytes);
  const outputs = await session.run({ pixels: new runtime.Tensor("uint8", pixels.data, [1, height, width, 3]) });
  await session.release();
  const numbers = (name: string): number[] => Array.from(outputs[name]?.data as Float32Array);
  return { ...built, values: numbers("scores"), spreads: numbers("spreads"), distribution: numbers("distribution") };
}

const VARIANTS: Readonly<Record<string, Change>> = {
  "heads that share keys, biases, tied rows": {
    text: { num_key_value_heads: 2, attention_bias: true, mlp_bias: true, rope_theta: 500 },
    whole: { tie_word_embeddings: true },
  },
  "several feature layers with the class token, other activations, pixels beyond the last patch": {
    whole: { vision_feature_layer: [-2, -1], vision_feature_select_strategy: "full", projector_hidden_act: "gelu_pytorch_tanh", multimodal_projector_bias: false }, // prettier-ignore
    vision: { hidden_act: "gelu", image_size: 60, patch_size: 14 },
    text: { hidden_act: "relu" },
  },
  "attributes, another scale of ratings, the picture on a square": {
    answer: "Light {light}, all in all {overall}, colour {colour}. ",
    ratings: { min: 0, max: 100 },
    resize: "pad",
  },
  "the middle of the picture, values that are not normalised": {
    pixels: { size: { shortest_edge: 112 }, do_center_crop: true, crop_size: 112, do_normalize: false },
  },
};

for (const [name, change] of Object.entries(VARIANTS)) {
  test(`random weights: ${name}`, async () => {
    const parts = await randomParts(change);
    const model = createModel(parts);
    const scores: number[] = [];
    for (const photo of PHOTOS.slice(1, 3)) {
      const png = await sharp(photo).png().toBuffer();
      const wanted = await model.scoreOne(png);
      const found = await runGraph(parts, png);
      near(found.values[found.main], wanted.score, "score");
      near(found.spreads[found.main], wanted.std, "spread");
      wanted.distribution?.forEach((share, i) => near(found.distribution[i], share, `share ${i}`));
      found.scores.forEach((one, i) => {
        if (i !== found.main) near(found.values[i], wanted.attributes?.[one], one);
      });
      assert.deepEqual(found.scale, wanted.scale);
      scores.push(wanted.score);
    }
    model.dispose();
    assert.ok(Math.abs((scores[0] ?? 0) - (scores[1] ?? 0)) > 20 * CLOSE, `pictures differ: ${scores.join(", ")}`);
  });
}

const READ_ALIKE: Readonly<Record<string, Change>> = {
  "more than it crops, aspect kept": { pixels: { size: { shortest_edge: 128 }, do_center_crop: true, crop_size: 112 } },
  "more than it crops, both sides": { pixels: { size: { height: 160, width: 150 }, do_center_crop: true, crop_size: 112 } }, // prettier-ignore
  "less than it crops": { pixels: { size: { shortest_edge: 90 }, do_center_crop: true, crop_size: 112 } },
  "more than it crops, on a square": { pixels: { size: { shortest_edge: 128 }, do_center_crop: true, crop_size: 112 }, resize: "pad" }, // prettier-ignore
  "as much as it crops": { pixels: { size: { shortest_edge: 112 }, do_center_crop: true, crop_size: 112 } },
};

for (const [name, change] of Object.entries(READ_ALIKE)) {
  test(`eval --onnx makes the pixels that the checkpoint's own processor makes: it resizes to ${name}`, async () => {
    const parts = await randomParts(change);
    const file = join(FOLDER, `${name.replaceAll(/\W+/g, "-")}.onnx`);
    writeFileSync(file, buildOnnx(parts).bytes);
    const ours = createModel(parts);
    const theirs = await loadOnnx(file, {}, { min: 0, max: 1 });
    for (const photo of PHOTOS.slice(1, 3)) {
      const [wanted, found] = [await ours.scoreOne(photo), await theirs.scoreOne(photo)];
      near(found.score, wanted.score, `score of ${photo}`);
      near(found.std, wanted.std, `spread of ${photo}`);
    }
    theirs.dispose();
    ours.dispose();
  });
}

test("pixels without native code are those of the image processor, to the byte", () => {
  let seed = 1;
  const noise = (): number => (seed = (seed * 48271) % 2147483647) & 255;
  const side = { shortest_edge: 30 };
  const common = { image_processor_type: "CLIPImageProcessor", crop_size: 30 };
  const cases = [
    { config: { ...common, do_center_crop: false, size: { height: 30, width: 30 } }, override: {} },
    { config: { ...common, size: side }, override: {} },
    { config: { ...common, size: side }, override: { resize: "pad" as const } },
    { config: { ...common, do_center_crop: false, size: { height: 40, width: 20 } }, override: {} },
  ];
  for (const [width, height] of [
    [61, 40],
    [7, 90],
    [30, 30],
    [200, 31],
    [12, 9],
  ] as const) {
    // prettier-ignore
    const image = { width, height, data: Uint8Array.from({ length: 3 * width * height }, noise) };
    for (const { config, override } of cases) {
      const wanted = createImageProcessor(config, override).pixels(image);
      const found = plainSquare(image, pictureForm({ config, override }).steps);
      assert.deepEqual(found, wanted, `${width} x ${height}, ${JSON.stringify(config)}`);
    }
  }
});

test("what cannot be exported is refused by name, and a filled folder stays as it is", async () => {
  const refused = async (change: Change, message: RegExp): Promise<void> => {
    const parts = await randomParts(change);
    try {
      assert.throws(() => buildOnnx(parts), { code: "USAGE", message });
    } finally {
      parts.model.dispose();
    }
  };
  await refused({ answer: "{comment} It is {overall}. " }, /a comment before its scores/);
  await refused({ resize: "stretch" }, /resizes pictures twice/);
  const parts = await randomParts({});
  const other = Object.create(parts.model, { family: { value: "qwen2_vl" } }) as StrategyParts["model"];
  assert.throws(() => buildOnnx({ ...parts, model: other }), { code: "USAGE", message: /family qwen2_vl cannot be exported; it can be of the family llava/ }); // prettier-ignore
  parts.model.dispose();
  // Neither is loaded: the one has no weights, the other's are of no model.
  for (const [model_type, message] of [
    ["qwen2_5_vl", /a model of the family qwen2_5_vl cannot be exported/],
    ["nima", /a classical system cannot be exported/],
  ] as const) {
    const untrained = join(FOLDER, model_type);
    mkdirSync(untrained);
    writeFileSync(join(untrained, "config.json"), JSON.stringify({ model_type }));
    await assert.rejects(exportOnnx(untrained, join(FOLDER, "none")), { code: "USAGE", message });
  }
  const folder = join(FOLDER, "filled");
  mkdirSync(folder);
  writeFileSync(join(folder, "mine.txt"), "mine");
  await assert.rejects(exportOnnx(DEMO_MODEL, folder), { code: "USAGE", message: /is not empty/ });
  assert.equal(readFileSync(join(folder, "mine.txt"), "utf8"), "mine");
  assert.deepEqual([existsSync(join(FOLDER, "none")), readdirSync(FOLDER).filter((name) => name.startsWith("."))], [false, []]); // prettier-ignore
});
