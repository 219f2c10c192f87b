/** Answers with a comment, before or behind the scores. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import {
  addScoreTokens,
  createStrategy,
  fillComment,
  parseScores,
  parseTemplates,
  readAnswers,
  rocStrategy,
  scoreByPrefill,
  scoreNames,
  type RocTemplates,
} from "../../src/roc/index.js";
import { liveTensors, scope } from "../../src/torch/index.js";
import { readQuestions } from "../../src/roc/questions.js";
import { FakeMllm, FakeProcessor, FakeTokenizer, plainImage } from "./support.js";

const made: FakeMllm[] = [];
afterEach(() => {
  for (const model of made.splice(0)) model.dispose();
  assert.equal(liveTensors(), 0);
});

const PICTURES = [plainImage(200, 40, 90), plainImage(10, 240, 30)];

/** A model that writes `answer`, with score tokens. */
function partsWriting(templates: RocTemplates, answer: string) {
  const processor = new FakeProcessor();
  const model = new FakeMllm(processor.tokenizer);
  made.push(model);
  const vocabulary = addScoreTokens(model, processor.tokenizer);
  model.sharpen(vocabulary);
  const start = processor.prompt(templates.prompts[0] as string).length - 1;
  model.follow([...processor.answer(answer), processor.endTokenId], start);
  return { model, processor, templates, vocabulary, strategy: rocStrategy(vocabulary) };
}

test("a comment is no score, and stands once", () => {
  assert.deepEqual(scoreNames("{comment} light {light}, all {overall}"), ["light", "overall"]);
  assert.equal(fillComment("{comment} It is {overall}.", "A {strange} $& one."), "A strange $& one. It is {overall}.");
  const check = (answer: string) => parseTemplates({ prompts: ["<image>"], answers: [answer] }, "t");
  assert.throws(() => check("{comment}"), /placeholder/);
  assert.throws(() => check("{comment} {overall} {comment}"), /twice/);
});

test("a comment before the score is written first, and the score is read behind it", () => {
  const templates: RocTemplates = { prompts: ["<image> say"], answers: ["{comment} So it is {overall}."] };
  const parts = partsWriting(templates, "nice sky So it is [SCORE].");
  const images = scope(() => parts.processor.images(PICTURES));
  const readings = readAnswers(parts, images);
  const filled = { ...parts, templates: { ...templates, answers: ["nice sky So it is {overall}."] } };
  const expected = scoreByPrefill(filled, images);
  readings.forEach(({ comment, scores, text }, i) => {
    assert.equal(comment, "nice sky");
    assert.equal(text, `nice sky So it is ${expected[i]?.[0]?.value.toFixed(2)}.`);
    assert.ok(Math.abs((scores[0]?.value ?? NaN) - (expected[i]?.[0]?.value ?? NaN)) < 1e-5);
  });
  assert.notEqual(readings[0]?.scores[0]?.value, readings[1]?.scores[0]?.value);
  images.pixelValues.dispose();
});

test("a comment behind the scores changes none of them, and is written when asked for", () => {
  const templates: RocTemplates = { prompts: ["<image> say"], answers: ["It is {overall}. {comment}"] };
  const parts = partsWriting(templates, "It is [SCORE]. nice sky");
  const images = scope(() => parts.processor.images(PICTURES));
  const [plain] = readAnswers(parts, images);
  const bare = { ...parts, templates: { ...templates, answers: ["It is {overall}."] } };
  assert.equal(plain?.scores[0]?.value, scoreByPrefill(bare, images)[0]?.[0]?.value);
  assert.equal(plain?.comment, undefined);
  const [commented] = readAnswers(parts, images, { comments: true });
  assert.ok(Math.abs((commented?.scores[0]?.value ?? NaN) - (plain?.scores[0]?.value ?? NaN)) < 1e-5);
  assert.equal(commented?.comment, "nice sky");
  assert.equal(commented?.text, `${plain?.text} nice sky`);
  images.pixelValues.dispose();
});

test("direct: a comment may stand anywhere in what is parsed", () => {
  const scale = { min: 1, max: 10 };
  const read = (text: string, template: string) => parseScores(text, template, scale).map((score) => score?.value);
  assert.deepEqual(read("A 3 storey house. It is 4.5", "{comment} It is {overall}."), [4.5]);
  assert.deepEqual(read("It is 4.5. Fine light.", "It is {overall}. {comment}"), [4.5]);
  assert.deepEqual(read("It is 4.5", "It is {overall}. {comment}"), [4.5]);
  const templates: RocTemplates = { prompts: ["<image> say"], answers: ["{comment} It is {overall}."] };
  const parts = partsWriting(templates, "a house It is 4.50.");
  const images = scope(() => parts.processor.images(PICTURES.slice(0, 1)));
  const [answer] = readAnswers({ ...parts, strategy: createStrategy("direct", { scale }) }, images);
  assert.equal(answer?.scores[0]?.value, 4.5);
  images.pixelValues.dispose();
});

test("a comment ends at, and is penalised by, what generation_config.json names, also for what is in the cache", () => {
  const templates: RocTemplates = { prompts: ["<image> say"], answers: ["It is {overall}. {comment}"] };
  const parts = partsWriting(templates, "It is [SCORE]. blue sky#tail");
  const comment = (config: object): string | undefined => {
    parts.model.generationConfig = JSON.stringify(config);
    const images = scope(() => parts.processor.images(PICTURES.slice(0, 1)));
    const [reading] = readAnswers(parts, images, { comments: true });
    images.pixelValues.dispose();
    return reading?.comment;
  };
  const [end] = parts.processor.answer("#");
  assert.equal(comment({ eos_token_id: end }), "blue sky");
  const longer = comment({ eos_token_id: [end], min_new_tokens: 12 }) ?? "";
  assert.match(longer, /^blue sky[^]+/);
  assert.equal(longer.includes("#"), false);
  // The prompt has a blank, an "s" and a "y".
  const unlike = comment({ eos_token_id: [end], no_repeat_ngram_size: 1 }) ?? "";
  assert.match(unlike, /blue/);
  assert.doesNotMatch(unlike, /[ y]/);
});

test("a question that holds a token of the model is refused, naming it", () => {
  class WithSpecial extends FakeTokenizer {
    override decode(ids: readonly number[], { skipSpecialTokens = false } = {}): string {
      return super.decode(skipSpecialTokens ? ids.filter((id) => id !== this.tokenToId("#")) : ids);
    }
  }
  const templates: RocTemplates = { prompts: ["<image> say"], answers: ["It is {overall}."] };
  const parts = { ...partsWriting(templates, "yes"), processor: new FakeProcessor(new WithSpecial()) };
  const images = scope(() => parts.processor.images(PICTURES));
  const ask = (prompt: string) => readQuestions(parts, images, [{ prompt, maxTokens: 2 }]).length;
  assert.equal(ask("<image> Why?"), 1);
  assert.throws(() => ask("Why#?"), {
    code: "USAGE",
    message: /questions\[0\]\.prompt holds "#", a token of the model/,
  });
  images.pixelValues.dispose();
});
