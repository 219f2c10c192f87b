import assert from "node:assert/strict";
import { after, test } from "node:test";
import { isRocError, type ErrorCode } from "../../src/errors.js";
import {
  addScoreTokens,
  LOSS_PRESETS,
  toScale,
  vocabularyFromConfig,
  voteTargets,
  weightsFromConfig,
} from "../../src/roc/index.js";
import { liveTensors, scope, type Tensor } from "../../src/torch/index.js";
import { FakeMllm, FakeTokenizer } from "./support.js";

after(() => assert.equal(liveTensors(), 0));

function fails(body: () => unknown, code: ErrorCode, message: RegExp): void {
  assert.throws(body, (error) => isRocError(error) && error.code === code && message.test(error.message));
}

test("T_p comes first, then the T_s; new rows are the mean of the old ones", () => {
  const tokenizer = new FakeTokenizer();
  using model = new FakeMllm(tokenizer);
  const old = tokenizer.size;
  const mean = scope(() => (model.parameters().get("head") as Tensor).mean(0).toNumbers());
  const vocabulary = addScoreTokens(model, tokenizer);
  assert.equal(tokenizer.idToToken(old), "[SCORE]");
  assert.equal(vocabulary.positionId, old);
  assert.deepEqual(
    vocabulary.scoreIds.map((id) => tokenizer.idToToken(id)),
    Array.from({ length: 10 }, (_, i) => `[IMG${i}]`),
  );
  assert.deepEqual(vocabulary.values, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.equal(model.vocabSize, old + 11);
  const added = scope(() => (model.parameters().get("head") as Tensor).select(0, old + 10).toNumbers());
  assert.deepEqual(added, mean);
});

test("a config that names absurdly many score tokens is refused before they are counted out", () => {
  const config = { score_id: 1, output_first_id: 2, output_last_id: 2 ** 40, min_score: 1, max_score: 10 };
  fails(() => vocabularyFromConfig(config), "CONFIG_INVALID", /output_last_id.*at most 10000/);
});

test("the config holds the released checkpoint's keys and reads back as the same vocabulary", () => {
  const tokenizer = new FakeTokenizer();
  using model = new FakeMllm(tokenizer);
  const weights = LOSS_PRESETS["released-ava"];
  const vocabulary = addScoreTokens(model, tokenizer, { n: 5, min: 0, max: 100, weights });
  const id = vocabulary.positionId;
  const { model_type: _, ...keys } = model.config;
  assert.deepEqual(keys, {
    score_id: id,
    num_tokens: 5,
    img_token_num: 5,
    output_first_id: id + 1,
    output_last_id: id + 5,
    min_score: 0,
    max_score: 100,
    l1_weight: 0,
    ce_weight: 10,
    emd_weight: 0,
  });
  assert.deepEqual(vocabulary.values, [0, 25, 50, 75, 100]);
  assert.deepEqual(vocabularyFromConfig(model.config), vocabulary);
  assert.deepEqual(weightsFromConfig(model.config), weights);
});

test("a model that has score tokens keeps them and their rows", () => {
  const tokenizer = new FakeTokenizer();
  using model = new FakeMllm(tokenizer);
  const vocabulary = addScoreTokens(model, tokenizer);
  const size = model.vocabSize;
  assert.deepEqual(addScoreTokens(model, tokenizer), vocabulary);
  assert.equal(model.vocabSize, size);
  fails(() => addScoreTokens(model, tokenizer, { n: 20 }), "USAGE", /has 10 score tokens for 1 to 10, not 20/);
});

test("options that make no sense, and a tokenizer that has the tokens already, are errors", () => {
  const tokenizer = new FakeTokenizer();
  using model = new FakeMllm(tokenizer);
  fails(() => addScoreTokens(model, tokenizer, { n: 1 }), "USAGE", /n is 1/);
  fails(() => addScoreTokens(model, tokenizer, { min: 10, max: 1 }), "USAGE", /from 10 to 1/);
  tokenizer.addTokens(["[IMG3]"]);
  fails(() => addScoreTokens(model, tokenizer), "TOKENIZER_INVALID", /\[IMG3\]/);
});

const CONFIG = { score_id: 100, output_first_id: 101, output_last_id: 110, min_score: 1, max_score: 10 };

test("a config's errors name the key; a config without score tokens has no vocabulary", () => {
  assert.equal(vocabularyFromConfig({ model_type: "llava" }), undefined);
  assert.equal(weightsFromConfig({}), undefined);
  for (const key of Object.keys(CONFIG)) {
    fails(
      () => vocabularyFromConfig({ ...CONFIG, [key]: undefined }),
      "CONFIG_INVALID",
      new RegExp(`${key} is missing`),
    );
    fails(() => vocabularyFromConfig({ ...CONFIG, [key]: "7" }), "CONFIG_INVALID", new RegExp(`${key} is "7"`));
  }
  fails(() => vocabularyFromConfig({ ...CONFIG, output_last_id: 101 }), "CONFIG_INVALID", /output_last_id is 101/);
  fails(() => vocabularyFromConfig({ ...CONFIG, score_id: 105 }), "CONFIG_INVALID", /score_id is 105/);
  fails(() => vocabularyFromConfig({ ...CONFIG, max_score: 1 }), "CONFIG_INVALID", /max_score is 1/);
  fails(() => weightsFromConfig({ l1_weight: 1, ce_weight: 0 }), "CONFIG_INVALID", /emd_weight is missing/);
});

test("scores move between scales linearly", () => {
  assert.equal(toScale(3, { min: 1, max: 5 }, { min: 1, max: 10 }), 5.5);
  assert.equal(toScale(0, { min: 0, max: 1 }, { min: 1, max: 10 }), 1);
  fails(() => toScale(1, { min: 1, max: 1 }, { min: 1, max: 10 }), "USAGE", /from 1 to 1/);
});

test("votes become probabilities of the T_s with the mean of the votes", () => {
  const vocabulary = vocabularyFromConfig(CONFIG);
  assert.ok(vocabulary);
  const mean = (targets: readonly number[]): number =>
    targets.reduce((sum, target, index) => sum + target * (vocabulary.values[index] as number), 0);
  assert.deepEqual(
    voteTargets([1, 2, 3, 4, 0, 0, 0, 0, 5, 5], vocabulary),
    [0.05, 0.1, 0.15, 0.2, 0, 0, 0, 0, 0.25, 0.25],
  );
  // Five ratings on ten tokens: the middle one lies half way between s_5 and s_6.
  assert.deepEqual(voteTargets([0, 0, 8, 0, 0], vocabulary), [0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0]);
  assert.ok(
    Math.abs(mean(voteTargets([1, 0, 2, 4, 1], vocabulary)) - toScale(3.5, { min: 1, max: 5 }, vocabulary.scale)) <
      1e-12,
  );
  const many = Array.from({ length: 21 }, (_, rating) => (rating === 20 ? 3 : 0));
  assert.deepEqual(voteTargets(many, vocabulary), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  fails(() => voteTargets([0, 0, 0], vocabulary), "DATA_INVALID", /no histogram/);
  fails(() => voteTargets([1, -1, 3], vocabulary), "DATA_INVALID", /no histogram/);
});
