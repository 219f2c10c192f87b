/** bench:laptop at sizes that take seconds: one is measured, one computed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { benchLaptop } from "../../bench/laptop.js";
import { PUBLISHED } from "../../bench/published-sizes.js";

/** Of a published config, one layer of little width. */
function shrunk(name: string, text: object, vision: object): (typeof PUBLISHED)[string] {
  const config = PUBLISHED[name]?.config ?? {};
  const nested = "text_config" in config;
  const part = (key: string): object => config[key] as object;
  const own = { vision_config: { ...part("vision_config"), ...vision } };
  return { config: { ...config, ...(nested ? { text_config: { ...part("text_config"), ...text } } : text), ...own }, parameters: 0 }; // prettier-ignore
}

const TEXT = { hidden_size: 64, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 4, num_key_value_heads: 2 }; // prettier-ignore
const CLIP = { hidden_size: 32, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 2 };
const SIZES = {
  small: shrunk(
    "InternVL3-1B",
    { ...TEXT, vocab_size: 500, max_position_embeddings: 500 },
    { ...CLIP, image_size: [448, 448] },
  ),
  tiles: shrunk("LLaVA-OneVision-0.5B", { ...TEXT, vocab_size: 500 }, CLIP),
  other: shrunk("Qwen2-VL-2B", { vocab_size: 160000 }, {}),
};

test("bench:laptop measures small sizes in both dtypes, and computes the others from them", async () => {
  const small = { ...SIZES.small.config, image_token_id: 400 };
  const tiles = { ...SIZES.tiles.config, image_token_index: 400 };
  const sizes = {
    other: SIZES.other,
    small: { config: small, parameters: 0 },
    tiles: { config: tiles, parameters: 0 },
  };
  const { rows, picture } = await benchLaptop({ rounds: 1, threads: 1, sizes, measured: ["small", "tiles"] });
  assert.deepEqual(picture, { width: 640, height: 480 });
  assert.deepEqual(rows.map(({ model, dtype, how }) => [model, dtype, how]), [["small", "bfloat16", "measured"], ["small", "float32", "measured"], ["tiles", "bfloat16", "measured"], ["tiles", "float32", "measured"], ["other", "bfloat16", "computed"], ["other", "float32", "computed"]]); // prettier-ignore
  for (const { seconds, peakBytes, parameters, model } of rows) {
    assert.ok(seconds > 0 && Number.isFinite(seconds), model);
    assert.ok(peakBytes > 2 * parameters, model);
  }
  const [, , , , bfloat16, float32] = rows;
  assert.ok((float32?.peakBytes ?? 0) - (bfloat16?.peakBytes ?? 0) > 2e9);
});
