import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { isRocError } from "../../src/errors.js";
import type { ImageBatch } from "../../src/models/types.js";
import {
  fillAnswer,
  generate,
  scoreByPrefill,
  type Generation,
  type GenerationStep,
  type RocTemplates,
  type ScoreReading,
} from "../../src/roc/index.js";
import { readScore } from "../../src/roc/reading.js";
import { liveTensors, scope } from "../../src/torch/index.js";
import { loadTokenizer, trainTokenizer } from "../../src/tokenizers/index.js";
import { FakeTokenizer, fakeParts, plainImage, type FakeParts } from "./support.js";

afterEach(() => assert.equal(liveTensors(), 0));

const ONE: RocTemplates = { prompts: ["<image>\nHow good?"], answers: ["The rate is {overall}. "] };
const THREE: RocTemplates = { prompts: ["<image>\nRate."], answers: ["Light {light}, color {color}; all {overall}."] };
const PICTURE = plainImage(200, 90, 30);

function run(
  parts: FakeParts,
  options?: Parameters<typeof generate>[2],
): { steps: GenerationStep[]; result: Generation } {
  const images = parts.processor.images([PICTURE]);
  try {
    const steps: GenerationStep[] = [];
    const generation = generate(parts, images, options);
    for (;;) {
      const { done, value } = generation.next();
      if (done) return { steps, result: value };
      steps.push(value);
    }
  } finally {
    images.pixelValues.dispose();
  }
}

function prefill(parts: FakeParts, ...pictures: (typeof PICTURE)[]): ScoreReading[][] {
  return scope(() => scoreByPrefill(parts, parts.processor.images(pictures)));
}

function difference(a: readonly ScoreReading[], b: readonly ScoreReading[]): number {
  assert.equal(a.length, b.length);
  const flat = (readings: readonly ScoreReading[]): number[] =>
    readings.flatMap(({ value, std, distribution }) => [value, std ?? NaN, ...(distribution ?? [])]);
  const other = flat(b);
  return Math.max(...flat(a).map((number, index) => Math.abs(number - (other[index] as number))));
}

for (const [what, templates] of [
  ["one score", ONE],
  ["three scores", THREE],
] as const) {
  test(`generation and one prefill read the same scores to 1e-4: ${what}`, () => {
    const parts = fakeParts(templates);
    using _ = parts.model;
    const { result } = run(parts);
    const [read = []] = prefill(parts, PICTURE);
    assert.equal(result.finished, "end");
    assert.ok(difference(result.scores, read) <= 1e-4);
    const distinct = new Set(result.scores.map(({ value }) => value.toFixed(6)));
    assert.equal(distinct.size, result.scores.length, "every position has its own score");
    const values = result.scores.map(({ value }) => value);
    assert.equal(result.text, fillAnswer(templates.answers[0] as string, values));
  });
}

test("the steps add up to the text; T_p is fed back, and the number has the decimals asked for", () => {
  const parts = fakeParts(ONE);
  using _ = parts.model;
  const { steps, result } = run(parts, { decimals: 4 });
  assert.equal(steps.map(({ text }) => text).join(""), result.text);
  assert.deepEqual(
    steps.map(({ tokenId }) => tokenId),
    result.tokenIds,
  );
  const scored = steps.filter(({ score }) => score);
  assert.equal(scored.length, 1);
  assert.equal(scored[0]?.tokenId, parts.vocabulary.positionId);
  assert.match(result.text, /^The rate is \d\.\d{4}\. $/);
});

test("T_s never win a step", () => {
  const parts = fakeParts(ONE);
  using model = parts.model;
  const start = parts.processor.prompt(ONE.prompts[0] as string).length - 1;
  const before = run(parts).result;
  model.follow(parts.vocabulary.scoreIds, start);
  scope(() => {
    model
      .parameters()
      .get("head")
      ?.narrow(0, parts.vocabulary.scoreIds[0] as number, 10)
      .mul_(1000);
  });
  assert.deepEqual(run(parts).result.tokenIds, before.tokenIds);
});

test("a trained LLaMA-like tokenizer: the number stands in the text as the template says", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roc-decode-"));
  try {
    const files = trainTokenizer([...ONE.prompts, ...ONE.answers, "Rate the beauty of this image.", "Q: A:"], {
      vocabSize: 300,
    });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text as string);
    const parts = fakeParts(ONE, await loadTokenizer(folder));
    using _ = parts.model;
    const { steps, result } = run(parts);
    assert.match(result.text, /^The rate is \d\.\d\d\. $/);
    assert.equal(steps.map(({ text }) => text).join(""), result.text);
    assert.ok(difference(result.scores, prefill(parts, PICTURE)[0] ?? []) <= 1e-4);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** As slow tokenizers before transformers 4.35: no white space round an added token in ids, blanks in the text. */
class StrippingTokenizer extends FakeTokenizer {
  override encode(text: string): number[] {
    return super.encode(text.replace(/\s*(\[SCORE\])\s*/g, "$1"));
  }
  override decode(ids: readonly number[]): string {
    return super.decode(ids).replace(/(?<=\S)(?=\[SCORE\])|(?<=\[SCORE\])(?=\S)/g, " ");
  }
}

for (const templates of [ONE, THREE, { ...ONE, answers: ["{overall} of 10"] }]) {
  test(`where ids hold no blanks round T_p, the text does: ${templates.answers.join("")}`, () => {
    const parts = fakeParts(templates, new StrippingTokenizer());
    using _ = parts.model;
    const { steps, result } = run(parts);
    const values = result.scores.map(({ value }) => value);
    assert.equal(result.text, fillAnswer(templates.answers[0] as string, values));
    assert.equal(steps.map(({ text }) => text).join(""), result.text);
  });
}

test("it stops at maxTokens, at a signal, and where the consumer leaves", () => {
  const parts = fakeParts(ONE);
  using _ = parts.model;
  const { result } = run(parts, { maxTokens: 4 });
  assert.equal(result.finished, "length");
  assert.equal(result.text, "The ");
  const controller = new AbortController();
  const images = parts.processor.images([PICTURE]);
  let steps = 0;
  assert.throws(
    () => {
      for (const _step of generate(parts, images, { signal: controller.signal })) if (++steps === 3) controller.abort();
    },
    (error) => isRocError(error) && error.code === "ABORTED",
  );
  assert.equal(steps, 3);
  for (const _step of generate(parts, images)) break;
  images.pixelValues.dispose();
});

test("one prefill is one forward, for a batch too, and a picture's score does not depend on its company", () => {
  const parts = fakeParts(THREE);
  using model = parts.model;
  const dark = plainImage(10, 20, 30);
  const forwards = model.forwards;
  const together = prefill(parts, PICTURE, dark, PICTURE);
  assert.equal(model.forwards, forwards + 1);
  assert.ok(difference(together[0] as ScoreReading[], prefill(parts, PICTURE)[0] as ScoreReading[]) <= 1e-5);
  assert.ok(difference(together[1] as ScoreReading[], prefill(parts, dark)[0] as ScoreReading[]) <= 1e-5);
  assert.deepEqual(together[0], together[2]);
  assert.ok(difference(together[0] as ScoreReading[], together[1] as ScoreReading[]) > 0.01, "pictures are told apart");
});

test("prompts of different lengths share a batch: padded behind, scored as alone", () => {
  const parts = fakeParts(ONE);
  using _ = parts.model;
  const pictures = [PICTURE, plainImage(10, 20, 30)];
  const grids = [1, 4].map((height) => [1, height, 1] as const);
  // As the families with a variable number of rows an image: one placeholder a row of the grid.
  const withGrids = (chosen: readonly number[]): ScoreReading[][] => {
    const processor = Object.assign(Object.create(parts.processor) as FakeParts["processor"], {
      prompt: (text: string, images?: ImageBatch) =>
        parts.processor.prompt(text.replace("<image>", "<image>".repeat(images?.imageGridThw?.[0]?.[1] ?? 0))),
    });
    const { pixelValues } = parts.processor.images(chosen.map((index) => pictures[index] as typeof PICTURE));
    using _pixels = pixelValues;
    const imageGridThw = chosen.map((index) => grids[index] as (typeof grids)[number]);
    return scoreByPrefill({ ...parts, processor }, { pixelValues, imageGridThw });
  };
  const together = withGrids([0, 1]);
  [0, 1].forEach((index) => {
    const [alone = []] = withGrids([index]);
    assert.ok(difference(together[index] as ScoreReading[], alone) <= 1e-5);
  });
});

test("only the T_s rows of the logits are computed, at the positions before each T_p", () => {
  const parts = fakeParts(THREE);
  using model = parts.model;
  const asked: unknown[] = [];
  const logits = model.logits.bind(model);
  model.logits = (hidden, rows) => {
    asked.push([hidden.shape, rows]);
    return logits(hidden, rows);
  };
  prefill(parts, PICTURE);
  assert.deepEqual(asked, [[[3, model.hiddenSize], parts.vocabulary.scoreIds]]);
});

test("[SCORE] in the prompt is not taken for the answer's; a tokenizer that splits T_p is an error", () => {
  const prompts = ["<image>\nWrite [SCORE]."];
  const parts = fakeParts({ ...ONE, prompts });
  using _ = parts.model;
  assert.equal(prefill(parts, PICTURE)[0]?.length, 1);
  const answer = (text: string): number[] => parts.processor.answer(text.replace("[SCORE]", "SCORE"));
  const processor = Object.assign(Object.create(parts.processor), { answer }) as FakeParts["processor"];
  assert.throws(
    () => prefill({ ...parts, processor }, PICTURE),
    (error) =>
      isRocError(error) && error.code === "TOKENIZER_INVALID" && /gives 0 times id \d+, not 1/.test(error.message),
  );
});

test("Eq. 5: expected value and spread of the softmax of raw logits", () => {
  const { vocabulary, model } = fakeParts(ONE, new FakeTokenizer());
  model.dispose();
  const logits = Array.from({ length: 10 }, (_, index) => (index === 2 ? Math.log(3) : index === 6 ? 0 : -Infinity));
  const { value, std, distribution } = readScore(logits, vocabulary);
  // Three quarters at 3, a quarter at 7.
  assert.ok(Math.abs(value - 4) < 1e-12);
  assert.ok(Math.abs(std - Math.sqrt(3)) < 1e-12);
  assert.ok(Math.abs((distribution[2] as number) - 0.75) < 1e-12);
  const huge = readScore(
    logits.map((logit) => logit + 1e4),
    vocabulary,
  );
  assert.ok(Math.abs(huge.value - 4) < 1e-9);
});
