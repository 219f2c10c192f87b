/** The method on pictures of several tiles each: a tiny InternVL of both layouts is trained and scores by each strategy. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { readJson } from "../../../src/files/index.js";
import { createInternVl, createInternVlProcessor } from "../../../src/models/internvl/index.js";
import { randomSource } from "../../../src/nn/index.js";
import { addScoreTokens, createStrategy, LOSS_PRESETS, STRATEGY_NAMES } from "../../../src/roc/index.js";
import { loadTokenizer } from "../../../src/tokenizers/index.js";
import { liveTensors, scope } from "../../../src/torch/index.js";
import { Random } from "../../../src/random.js";
import {
  adamW,
  collate,
  decayGroups,
  RuleOptimizer,
  strategyObjective,
  TextCache,
  type Picture,
} from "../../../src/train/index.js";
import { fixture } from "../../support.js";
import { picture } from "../qwen2vl/support.js";

const alive = liveTensors();
after(() => assert.equal(liveTensors(), alive, "every tensor is freed"));

/** Tiles of 28 pixels, 4 rows each. */
const VISION = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 8, patch_size: 7 };
const TEXT = { hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1 };
const LANGUAGE = { ...TEXT, model_type: "qwen2", vocab_size: 400, intermediate_size: 16, max_position_embeddings: 512 };
const CONFIGS = {
  hf: {
    model_type: "internvl",
    ...{ image_token_id: 398, text_config: LANGUAGE, vision_config: { ...VISION, image_size: 28 } },
  },
  original: {
    model_type: "internvl_chat",
    ...{ img_context_token_id: 398, llm_config: LANGUAGE, vision_config: { ...VISION, image_size: 28 } },
    ...{ ps_version: "v2", dynamic_image_size: true, use_thumbnail: true, max_dynamic_patch: 4 },
  },
};
/** One tile; 2 and a thumbnail; 3 and a thumbnail. */
const IMAGES = [picture(28, 28), picture(56, 28), picture(20, 60)];
const TEMPLATES = { prompts: ["<image>\nRate it."], answers: ["{overall}."] };
const SCALE = { min: 1, max: 10 };

for (const [layout, config] of Object.entries(CONFIGS)) {
  for (const name of STRATEGY_NAMES) {
    test(`${layout}: trained by the strategy ${name}, it scores pictures of different tiles`, async () => {
      const tokenizer = await loadTokenizer(fixture("internvl/tokenizer"));
      const imageContent = await readJson(fixture("internvl/tokenizer/preprocessor_config.json"));
      using model = createInternVl(config, randomSource({ seed: 3 }));
      const processor = createInternVlProcessor({
        config,
        tokenizer,
        imageContent: { ...(imageContent as object), max_patches: 4 },
      });
      const vocabulary = addScoreTokens(model, tokenizer);
      const strategy = createStrategy(name, { vocabulary, scale: SCALE });
      const parts = { model, processor, strategy, templates: TEMPLATES };
      const objective = strategyObjective(parts, { scale: SCALE, attributeScales: {} }, LOSS_PRESETS.paper);
      const pictures = IMAGES.map((image, i): Picture => {
        const sample = { id: String(i), image: "", score: 2 + 3 * i, split: "train" as const };
        return { sample, image: processor.pixels(image), random: new Random(1, "test", i) };
      });
      scope(() => {
        const label = { score: 3, distribution: null };
        const examples = pictures.map(({ image }) => ({
          image,
          prompt: "<image>?",
          answer: "{overall}",
          labels: { overall: label },
        }));
        const { input } = collate(examples, processor, strategy, new TextCache(processor));
        assert.deepEqual(input.images?.tiles, [1, 3, 4]);
        assert.deepEqual(input.inputIds.eq(398).sum([1]).toNumbers(), [4, 12, 16]);
      });
      const parameters = model.parameters();
      for (const parameter of parameters.values()) parameter.requiresGrad_();
      const losses: number[] = [];
      {
        using optimizer = new RuleOptimizer(decayGroups(parameters, 0), adamW());
        for (let step = 0; step < 20; step++) {
          scope(() => {
            const { loss } = objective.loss(pictures, (body) => body());
            loss.backward();
            losses.push(loss.item());
          });
          optimizer.step(0.01);
          optimizer.zeroGrad();
        }
      }
      for (const parameter of parameters.values()) parameter.requiresGrad_(false);
      assert.ok((losses.at(-1) ?? NaN) < 0.7 * (losses[0] ?? NaN), losses.join());
      const readings = scope(() => strategy.read(parts, processor.batch(pictures.map(({ image }) => image))));
      assert.equal(readings.length, 3);
      const alone = pictures.flatMap(({ image }) => scope(() => strategy.read(parts, processor.batch([image]))));
      for (const [i, reading] of readings.entries()) {
        const values = [reading, alone[i]].map((one) => one?.scores.map((score) => score?.value ?? NaN) ?? []);
        for (const [s, value] of (values[0] ?? []).entries()) {
          const other = values[1]?.[s] ?? NaN;
          assert.ok(Object.is(value, other) || Math.abs(value - other) < 1e-4, `${name}: ${value} and ${other}`);
        }
      }
    });
  }
}
