/** The method on a family whose prompts depend on the pictures' sizes: a tiny Qwen2-VL is trained and scores. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Random } from "../../../src/random.js";
import { type Sample } from "../../../src/data/index.js";
import type { RgbImage } from "../../../src/image/index.js";
import type { QwenProcessor } from "../../../src/models/common/qwen/processor.js";
import { createQwen2Vl, createQwen2VlProcessor } from "../../../src/models/qwen2vl/index.js";
import type { Qwen2VlModel } from "../../../src/models/qwen2vl/index.js";
import { randomSource } from "../../../src/nn/index.js";
import { addScoreTokens, generate, LOSS_PRESETS, rocStrategy, scoreByPrefill } from "../../../src/roc/index.js";
import type { Generation, RocTemplates, ScoreVocabulary } from "../../../src/roc/index.js";
import { loadTokenizer } from "../../../src/tokenizers/index.js";
import { liveTensors, scope } from "../../../src/torch/index.js";
import {
  adamW,
  collate,
  decayGroups,
  RuleOptimizer,
  strategyObjective,
  TextCache,
  type Picture,
} from "../../../src/train/index.js";
import { readJson } from "../../../src/files/index.js";
import { fixture } from "../../support.js";
import { picture } from "./support.js";

const TOKENIZER = fixture("qwen2vl/tokenizer");
const TEMPLATES: RocTemplates = { prompts: ["<image>\nRate it."], answers: ["The rate is {overall}."] };
const CONFIG = {
  model_type: "qwen2_vl",
  vision_config: { depth: 1, embed_dim: 16, num_heads: 2, hidden_size: 16 },
  ...{ vocab_size: 400, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 2 },
  ...{ num_attention_heads: 2, num_key_value_heads: 1, tie_word_embeddings: true },
  rope_scaling: { type: "mrope", mrope_section: [2, 1, 1] },
  ...{ image_token_id: 395, video_token_id: 396 },
};
/** Grids of 4 x 6, 6 x 4 and 4 x 4 patches. */
const SIZES = [
  [84, 56],
  [56, 84],
  [56, 56],
] as const;
const IMAGES: readonly RgbImage[] = SIZES.map(([width, height]) => picture(width, height));

const alive = liveTensors();
let model: Qwen2VlModel;
let processor: QwenProcessor;
let vocabulary: ScoreVocabulary;

before(async () => {
  const image = await readJson(join(TOKENIZER, "preprocessor_config.json"));
  const tokenizer = await loadTokenizer(TOKENIZER);
  processor = createQwen2VlProcessor({ config: CONFIG, tokenizer, imageFiles: { image } });
  model = createQwen2Vl(CONFIG, randomSource({ seed: 4 }));
  vocabulary = addScoreTokens(model, tokenizer);
});
after(() => {
  model.dispose();
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

function example(index: number, text = "<image>\nRate it.") {
  const image = IMAGES[index] as RgbImage;
  return { image, prompt: text, answer: "Good {overall}.", labels: { overall: { score: 3, distribution: null } } };
}

test("the first new token is the tokenizer's next one, and the tied matrix grows once", () => {
  assert.equal(vocabulary.positionId, 397);
  assert.deepEqual(vocabulary.scoreIds.slice(0, 2), [398, 399]);
  assert.equal(model.vocabSize, 408);
  assert.equal(model.config["vocab_size"], 408);
});

test("a batch's prompts have as many placeholders as their pictures have rows; equal ones are made once", (t) => {
  const strategy = rocStrategy(vocabulary);
  const texts = new TextCache(processor);
  const prompts = t.mock.method(processor, "prompt").mock;
  scope(() => {
    const examples = [example(0), example(1), example(2), example(0)];
    const { input } = collate(examples, processor, strategy, texts);
    const rows = input.inputIds.eq(CONFIG.image_token_id).sum([1]).toNumbers();
    assert.deepEqual(rows, [6, 6, 4, 6]);
    assert.deepEqual(input.images?.imageGridThw, [
      [1, 4, 6],
      [1, 6, 4],
      [1, 4, 4],
      [1, 4, 6],
    ]);
    assert.equal(model.forward(input).size(0), input.rows?.length);
    assert.equal(prompts.callCount(), 3, "once for each grid");
    collate([example(0), example(0, "<image>\nAnother.")], processor, strategy, texts);
    assert.equal(prompts.callCount(), 4, "a text and a grid that were there, and another text");
  });
});

function answerTo(image: RgbImage): Generation {
  return scope(() => {
    const steps = generate({ model, processor, templates: TEMPLATES, vocabulary }, processor.images([image]), {
      maxTokens: 24,
    });
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  });
}

test("trained for some steps it writes the answer; generation and one prefill for all pictures agree to 1e-4", () => {
  const parts = { model, processor, strategy: rocStrategy(vocabulary), templates: TEMPLATES };
  const scales = { scale: { min: 1, max: 10 }, attributeScales: {} };
  const objective = strategyObjective(parts, scales, LOSS_PRESETS.paper);
  const pictures = IMAGES.map((image, i): Picture => {
    const sample: Sample = { id: String(i), image: "", score: 2 + 3 * i, split: "train" };
    return { sample, image, random: new Random(1, "test", i) };
  });
  const parameters = model.parameters();
  for (const parameter of parameters.values()) parameter.requiresGrad_();
  const losses: number[] = [];
  {
    using optimizer = new RuleOptimizer(decayGroups(parameters, 0), adamW());
    const steps = 160;
    for (let step = 0; step < steps; step++) {
      scope(() => {
        const { loss } = objective.loss(pictures, (body) => body());
        loss.backward();
        losses.push(loss.item());
      });
      // Small at last, so that the rounding of sums does not decide what comes out.
      optimizer.step(0.015 * (1 - step / steps));
      optimizer.zeroGrad();
    }
  }
  for (const parameter of parameters.values()) parameter.requiresGrad_(false);
  const [first = 0, last = 0] = [losses[0], losses.at(-1)];
  assert.ok(last < first / 10, `the loss fell from ${first} to ${last}`);

  const read = scope(() => scoreByPrefill({ ...parts, vocabulary }, processor.images(IMAGES)));
  IMAGES.forEach((image, i) => {
    const { text, scores, finished } = answerTo(image);
    assert.equal(finished, "end", text);
    assert.match(text, /^The rate is \d+\.\d\d\.$/);
    const [written, prefilled] = [scores[0]?.value ?? NaN, read[i]?.[0]?.value ?? NaN];
    assert.ok(Math.abs(written - prefilled) < 1e-4, `${written} and ${prefilled}`);
    assert.ok(Math.abs(written - (2 + 3 * i)) < 2, `picture ${i}: ${written}`);
  });
  assert.deepEqual(
    objective.predict(IMAGES).map(Math.round),
    read.map(([reading]) => Math.round(reading?.value ?? NaN)),
  );
});
