/** Explanations of families that cut a picture into tiles: what a tile gives lands where the tile is in the photo. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import sharp from "sharp";
import { createModel, type ExplainMethod, type Explanation } from "../../src/engine/index.js";
import { readJson } from "../../src/files/index.js";
import type { RgbImage } from "../../src/image/index.js";
import { createInternVl, createInternVlProcessor } from "../../src/models/internvl/index.js";
import { createLlavaOnevision, createLlavaOnevisionProcessor } from "../../src/models/llavaonevision/index.js";
import { randomSource } from "../../src/nn/index.js";
import { addScoreTokens, createStrategy, type StrategyParts } from "../../src/roc/index.js";
import { loadTokenizer, type Tokenizer } from "../../src/tokenizers/index.js";
import { liveTensors, manualSeed, noGrad, randn, scope } from "../../src/torch/index.js";
import { fixture } from "../support.js";

const SIDE = 28;
const TEMPLATES = { prompts: ["<image>\nRate it."], answers: ["{overall}."] };
const STATISTICS = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] };

type Parts = StrategyParts;

async function internVl(): Promise<Parts> {
  const tokenizer = await loadTokenizer(fixture("internvl/tokenizer"));
  const text = { hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1 };
  const vision = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 8, patch_size: 7 };
  const config = {
    ...{ model_type: "internvl", image_token_id: 398, vision_config: { ...vision, image_size: SIDE } },
    text_config: { ...text, model_type: "qwen2", vocab_size: 400, intermediate_size: 16, max_position_embeddings: 512 },
  };
  const imageContent = { ...((await readJson(fixture("internvl/tokenizer/preprocessor_config.json"))) as object), max_patches: 4 }; // prettier-ignore
  const model = createInternVl(config, randomSource({ seed: 3 }));
  return readable({ model, processor: createInternVlProcessor({ config, tokenizer, imageContent }) }, tokenizer);
}

async function onevision(): Promise<Parts> {
  const tokenizer = await loadTokenizer(fixture("tokenizers/qwen"));
  const { ids } = (await readJson(fixture("llava_onevision/processor.json"))) as { ids: Record<string, number> };
  tokenizer.addTokens(["<image>", "<video>"]);
  const tiny = (await readJson(fixture("llava_onevision/tied/config.json"))) as Record<string, object>;
  const config = {
    ...{ ...tiny, image_token_index: ids["<image>"], video_token_index: ids["<video>"] },
    text_config: { ...tiny["text_config"], vocab_size: 400 },
  };
  const image = { ...STATISTICS, size: { height: 14, width: 14 }, image_grid_pinpoints: tiny["image_grid_pinpoints"] };
  const model = createLlavaOnevision(config, randomSource({ seed: 3 }));
  const processor = createLlavaOnevisionProcessor({
    config,
    tokenizer,
    imageFiles: { image },
    chatTemplate: undefined,
  });
  return readable({ model, processor }, tokenizer);
}

/** A score of the strategy of the paper, by random weights that are large enough for a picture to move it. */
function readable(parts: Pick<Parts, "model" | "processor">, tokenizer: Tokenizer): Parts {
  const vocabulary = addScoreTokens(parts.model, tokenizer);
  manualSeed(5);
  noGrad(() =>
    scope(() => {
      for (const weight of parts.model.parameters().values())
        if (weight.shape.length > 1) weight.copy_(randn(weight.shape).mul(0.3));
    }),
  );
  return {
    ...parts,
    strategy: createStrategy("roc", { vocabulary, scale: { min: 1, max: 10 } }),
    templates: TEMPLATES,
  };
}

/** Grey but for a square, half brighter and half darker, so that its mean is that grey: what replaces it is its surroundings. */
const SQUARE = { left: 84, top: 28, side: 20 };
function marked(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3).fill(128);
  const { left, top, side } = SQUARE;
  for (let y = top; y < top + side; y++)
    for (let x = left; x < left + side; x++) data.fill(x < left + side / 2 ? 68 : 188, (y * width + x) * 3, (y * width + x + 1) * 3); // prettier-ignore
  return { width, height, data };
}

function png({ data, width, height }: RgbImage): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** Cells of a map that are within so many cells of the square. */
function nearSquare({ columns, rows, photo }: Explanation, reach: number): (cell: number) => boolean {
  const { left, top, side } = SQUARE;
  const within = (cell: number, cells: number, pixels: number, from: number): boolean =>
    cell + 1 + reach > (from / pixels) * cells && cell - reach < ((from + side) / pixels) * cells;
  return (cell) =>
    within(cell % columns, columns, photo.width, left) && within(Math.floor(cell / columns), rows, photo.height, top);
}

const alive = liveTensors();
after(() => assert.equal(liveTensors(), alive, "every tensor is freed"));

/** With the tiles of the marked photo and the small picture beside them. */
for (const [name, make, tiles] of [
  ["InternVL", internVl, 2 + 1],
  ["LLaVA-OneVision", onevision, 8 + 1],
] as const) {
  const explained = async (method: ExplainMethod, evaluations: number): Promise<Explanation> => {
    const parts = await make();
    const prepared = await parts.processor.prepare(marked(112, 56));
    assert.deepEqual(scope(() => parts.processor.batch([prepared]).tiles), [tiles]); // prettier-ignore
    using model = createModel(parts);
    const map = await model.explain?.(
      { name: "marked.png", data: await png(marked(112, 56)) },
      { method, evaluations },
    );
    assert.ok(map);
    return map;
  };

  test(`${name}: the gradient's map of a photo of several tiles is where the photo has something, and adds up`, async () => {
    const map = await explained("gradient", 64);
    // The small picture beside the tiles blurs the most: four pixels of the photo to one, and the kernel reaches two of these.
    const isNear = nearSquare(map, 2.5);
    for (const [cell, value] of map.values.entries()) if (!isNear(cell)) assert.equal(value, 0, `cell ${cell}`);
    const sum = map.values.reduce((total, value) => total + value, 0);
    const size = map.values.reduce((total, value) => total + Math.abs(value), 0);
    assert.ok(size > 0.1, `${size}`);
    assert.ok(Math.abs(sum - (map.score - map.without)) < 0.01 * size, `${sum}, not ${map.score - map.without}`);
  });
  test(`${name}: so is that of occlusion`, async () => {
    const map = await explained("occlusion", 200);
    // No part is smaller than a cell; only those that were halved are that small.
    const isNear = nearSquare(map, 2.5 + 3);
    let most = 0;
    for (const [cell, value] of map.values.entries())
      if (isNear(cell)) most = Math.max(most, Math.abs(value));
      else assert.ok(Math.abs(value) < 1e-6, `cell ${cell}: ${value}`);
    assert.ok(most > 0.01, `${most}`);
  });
}
