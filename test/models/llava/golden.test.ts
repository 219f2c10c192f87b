/** The reference sheet's LLaVA vectors (backbones, section 8.2), made with transformers, float32, eager, CPU. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createLlava } from "../../../src/models/llava/index.js";
import { fromTypedArray, liveTensors, noGrad, scope } from "../../../src/torch/index.js";
import { filled, filler, ids, maxError } from "../support.js";

const CONFIG = {
  model_type: "llava",
  image_token_index: 90,
  vision_config: {
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 5,
    num_attention_heads: 4,
    image_size: 56,
    patch_size: 14,
  },
  text_config: {
    vocab_size: 100,
    hidden_size: 48,
    intermediate_size: 80,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    rms_norm_eps: 1e-5,
  },
};

function meanAbs(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + Math.abs(value), 0) / values.length;
}

function close(actual: ArrayLike<number>, expected: readonly number[], what: string): void {
  const error = maxError(actual, expected);
  assert.ok(error < 1e-5, `${what}: max abs error ${error}`);
}

test("the filler starts as the sheet says", () => {
  const start = filler("language_model.model.embed_tokens.weight", 4).map((v) => Math.fround(0.2 * v));
  assert.ok(maxError(start, [-0.1455175877, -0.0711717904, 0.0261126794, 0.0595444292]) < 1e-9);
});

test("image features and logits of section 8.2 to 1e-5", () => {
  const before = liveTensors();
  const model = createLlava(CONFIG, filled);
  const { features, logits } = noGrad(() =>
    scope(() => {
      const pixels = filler("pixel_values", 3 * 56 * 56).map((v) => 2 * v);
      const images = { pixelValues: fromTypedArray(Float32Array.from(pixels), [1, 3, 56, 56]) };
      const inputIds = ids([1, 5, 6, ...new Array<number>(16).fill(90), 7, 8, 9]);
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
    [-0.269153, 0.461554, 0.926595, -0.349026, 0.894026, 0.154646, -0.297897, 0.267546],
    "image features, first 8",
  );
  close(features.subarray(-4), [-0.005925, -0.55671, 0.105474, 0.13904], "image features, last 4");
  close(
    first.subarray(0, 8),
    [0.252633, 0.234161, -1.156459, -0.112907, -0.369492, -0.643829, -1.201455, -1.077354],
    "logits of the first position",
  );
  close(
    last.subarray(0, 8),
    [1.013673, -0.581929, 0.852397, -0.360633, -0.754778, -0.668683, 0.128788, -0.143808],
    "logits of the last position",
  );
  close(last.subarray(-4), [0.508822, -0.216092, 0.585756, -0.812643], "logits of the last position, last 4");
  close(
    [features, first, last, logits].map(meanAbs),
    [0.365721, 0.5276, 0.617678, 0.594815],
    "means of absolute values",
  );
  assert.equal(liveTensors(), before);
});
