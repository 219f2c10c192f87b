/** The reference sheet's mPLUG-Owl2 vectors (backbones, sections 8.4 and 8.5), made with the reference code, float32. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createMplugOwl2,
  IMAGE_ID,
  parseMplugOwl2Config,
  patchPlaces,
  queryPlaces,
} from "../../../src/models/mplugowl2/index.js";
import { OwlVision } from "../../../src/models/mplugowl2/vision.js";
import { Params, randomSource, type ParamSource } from "../../../src/nn/index.js";
import { fromTypedArray, liveTensors, noGrad, scope, type Tensor } from "../../../src/torch/index.js";
import { filled, filler, ids, maxError } from "../support.js";
import { isTable } from "./support.js";

const CONFIG = {
  model_type: "mplug_owl2",
  vocab_size: 100,
  hidden_size: 48,
  intermediate_size: 80,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  rms_norm_eps: 1e-6,
  visual_config: {
    visual_model: {
      hidden_size: 32,
      intermediate_size: 64,
      num_hidden_layers: 3,
      num_attention_heads: 4,
      image_size: 56,
      patch_size: 14,
    },
    visual_abstractor: {
      num_learnable_queries: 6,
      hidden_size: 32,
      encoder_hidden_size: 32,
      intermediate_size: 48,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      grid_size: 4,
    },
  },
};

/** The tables of places are computed. */
function source(): ParamSource {
  const fresh = randomSource({ seed: 1 });
  return { take: (name, shape, init) => (isTable(name) ? fresh : filled).take(name, shape, init) };
}

function meanAbs(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + Math.abs(value), 0) / values.length;
}

function close(actual: ArrayLike<number>, expected: readonly number[], what: string): void {
  const error = maxError(actual, expected);
  assert.ok(error < 1e-5, `${what}: max abs error ${error}`);
}

function pixelValues(): Tensor {
  const pixels = filler("pixel_values", 3 * 56 * 56).map((v) => 2 * v);
  return fromTypedArray(Float32Array.from(pixels), [1, 3, 56, 56]);
}

test("vision tower of section 8.4 to 1e-5", () => {
  const params = new Params(filled).at("model", "vision_model");
  const vision = new OwlVision(params, parseMplugOwl2Config(CONFIG).vision);
  const rows = noGrad(() => scope(() => vision.forward(pixelValues()).toFloat32Array()));
  for (const tensor of params.tensors.values()) tensor.dispose();
  assert.equal(rows.length, 17 * 32);
  close(
    rows.subarray(0, 8),
    [-0.847038, -1.206384, 1.110468, -0.820242, -0.34547, 1.772719, 0.880619, 0.792899],
    "class token, first 8",
  );
  close([meanAbs(rows)], [0.829146], "mean of absolute values");
});

test("abstractor rows and logits of section 8.4 to 1e-5", () => {
  const before = liveTensors();
  const model = createMplugOwl2(CONFIG, source());
  const { features, logits } = noGrad(() =>
    scope(() => {
      const images = { pixelValues: pixelValues() };
      const inputIds = ids(model.expandPlaceholders([1, 5, 6, IMAGE_ID, 7, 8, 9]));
      assert.equal(inputIds.size(1), 13);
      return {
        features: model.imageFeatures(images).toFloat32Array(),
        logits: model.logits(model.forward({ inputIds, images })).toFloat32Array(),
      };
    }),
  );
  model.dispose();
  const [first, last] = [logits.subarray(0, 100), logits.subarray(-100)];
  close(
    features.subarray(0, 8),
    [0.553323, -1.146869, 0.27695, 0.560871, -0.04399, 0.070765, -0.222892, -0.532337],
    "abstractor, first 8",
  );
  close(features.subarray(-4), [-0.121878, 0.013471, 0.102064, -0.13634], "abstractor, last 4");
  close(
    first.subarray(0, 8),
    [1.140158, -0.029131, 0.145621, -0.172868, 0.858165, -0.371844, -1.590561, -0.263043],
    "logits of the first position",
  );
  close(
    last.subarray(0, 8),
    [1.490705, 0.548051, -0.411637, -0.360208, -0.140872, 0.500268, -0.016545, -0.228571],
    "logits of the last position",
  );
  close(last.subarray(-4), [-0.37662, -0.327802, -1.104381, 1.721989], "logits of the last position, last 4");
  close([features, last, logits].map(meanAbs), [0.590179, 0.558817, 0.630885], "means of absolute values");
  assert.equal(liveTensors(), before);
});

test("tables of places in full size, section 8.5", () => {
  const queries = queryPlaces(64, 1024);
  const query = (row: number, columns: readonly number[]) => columns.map((i) => queries[row * 1024 + i] ?? NaN);
  close(query(1, [0, 1, 511, 512]), [0.841471, 0.831705, 0.000102, 0.540302], "q_pos[1]");
  close(query(63, [0, 100, 612]), [0.167356, -0.841778, -0.539823], "q_pos[63]");
  const patches = patchPlaces(32, 1024);
  assert.equal(patches.length, 1025 * 1024);
  assert.ok(
    patches.subarray(0, 1024).every((value) => value === 0),
    "the class token has no place",
  );
  const places: [number, number, number][] = [
    [1, 0, 0],
    [1, 256, 1],
    [2, 0, 0.841471],
    [2, 512, 0],
    [2, 768, 1],
    [33, 0, 0],
    [33, 512, 0.841471],
    [1024, 0, -0.404038],
    [1024, 512, -0.404038],
    [1024, 300, 0.996579],
  ];
  for (const [row, column, value] of places)
    close([patches[row * 1024 + column] ?? NaN], [value], `k_pos[${row},${column}]`);
});
