/** The reference sheet's Qwen2-VL vectors (backbones, section 8.3), made with transformers, float32, eager, CPU. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createQwen2Vl } from "../../../src/models/qwen2vl/index.js";
import { fromTypedArray, liveTensors, noGrad, scope } from "../../../src/torch/index.js";
import { filled, filler, ids, maxError } from "../support.js";

const CONFIG = {
  model_type: "qwen2_vl",
  image_token_id: 150,
  video_token_id: 151,
  vision_config: { depth: 3, embed_dim: 32, hidden_size: 64, num_heads: 2, mlp_ratio: 4, patch_size: 14 },
  vocab_size: 160,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  rope_scaling: { type: "mrope", mrope_section: [4, 6, 6] },
  tie_word_embeddings: true,
};
const IMAGE = 150;
const IDS = [1, 2, 3, 152, ...new Array<number>(6).fill(IMAGE), 153, 7, 8, 152, IMAGE, IMAGE, 153, 9, 10, 11];

function meanAbs(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + Math.abs(value), 0) / values.length;
}

function close(actual: ArrayLike<number>, expected: readonly number[], what: string): void {
  const error = maxError(actual, expected);
  assert.ok(error < 1e-5, `${what}: max abs error ${error}`);
}

test("image features, logits and positions of section 8.3 to 1e-5", () => {
  const before = liveTensors();
  const model = createQwen2Vl(CONFIG, filled);
  const { features, logits, positions } = noGrad(() =>
    scope(() => {
      const pixels = filler("pixel_values", 32 * 1176).map((v) => 2 * v);
      const pixelValues = fromTypedArray(Float32Array.from(pixels), [32, 1176]);
      const images = { pixelValues, imageGridThw: [[1, 4, 6] as const, [1, 2, 4] as const] };
      const inputIds = ids(IDS);
      return {
        features: model.imageFeatures(images).toFloat32Array(),
        logits: model.logits(model.forward({ inputIds, images })).toFloat32Array(),
        positions: model.positionIds({ inputIds, images }).toNumbers(),
      };
    }),
  );
  model.dispose();
  const [t, h, w] = [0, 1, 2].map((axis) => positions.slice(axis * IDS.length, (axis + 1) * IDS.length));
  assert.deepEqual(t, [0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 7, 8, 9, 10, 11, 11, 13, 14, 15, 16]);
  assert.deepEqual(h, [0, 1, 2, 3, 4, 4, 4, 5, 5, 5, 7, 8, 9, 10, 11, 11, 13, 14, 15, 16]);
  assert.deepEqual(w, [0, 1, 2, 3, 4, 5, 6, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
  const [first, last] = [logits.subarray(0, 160), logits.subarray(-160)];
  assert.equal(features.length, 8 * 64);
  close(
    features.subarray(0, 8),
    [0.210249, 2.959608, 0.565732, -0.395597, 0.382635, 1.765344, 1.482461, 0.633066],
    "image features, first 8",
  );
  close(features.subarray(-4), [0.257107, -0.273768, 1.578386, -0.888456], "image features, last 4");
  close(
    first.subarray(0, 8),
    [-0.548926, 1.1253, -0.964494, 0.705492, 2.27704, 0.070788, 0.166836, 0.433542],
    "logits of the first position",
  );
  close(
    last.subarray(0, 8),
    [-0.78958, 0.487063, 0.493113, 1.08674, 1.152149, 0.990403, 0.764228, -1.95588],
    "logits of the last position",
  );
  close(last.subarray(-4), [1.676332, 0.702615, 1.324928, 0.080663], "logits of the last position, last 4");
  close([features, last, logits].map(meanAbs), [0.88301, 0.652864, 0.736305], "means of absolute values");
  assert.equal(liveTensors(), before);
});
