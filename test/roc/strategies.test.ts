/** The strategies: what they write, at which tokens they regress, and what they read from a model that they cannot see into. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { isRocError } from "../../src/errors.js";
import {
  createStrategy,
  LEVELS,
  parseScores,
  STRATEGY_NAMES,
  strategyOf,
  type RocTemplates,
  type Strategy,
} from "../../src/roc/index.js";
import { cat, liveTensors, scope, tensor } from "../../src/torch/index.js";
import { FakeMllm, fakeParts, FakeProcessor, plainImage } from "./support.js";

const TEMPLATES: RocTemplates = {
  prompts: ["<image> rate it"],
  answers: ["score {overall} light {light}."],
};
const SCALE = { min: 1, max: 10 };
const PICTURE = plainImage(200, 40, 90);

const made: { dispose(): void }[] = [];
afterEach(() => {
  for (const model of made.splice(0)) model.dispose();
  assert.equal(liveTensors(), 0);
});

function strategies(): { parts: ReturnType<typeof fakeParts>; named: Record<string, Strategy> } {
  const parts = fakeParts(TEMPLATES);
  made.push(parts.model);
  const options = { vocabulary: parts.vocabulary, scale: SCALE };
  return { parts, named: Object.fromEntries(STRATEGY_NAMES.map((name) => [name, createStrategy(name, options)])) };
}

test("what stands in an answer for a score", () => {
  const { named } = strategies();
  const written = (name: string, ...scores: number[]) => scores.map((score) => named[name]?.write(score));
  assert.deepEqual(written("roc", 1, 7.25), ["[SCORE]", "[SCORE]"]);
  assert.deepEqual(written("direct", 7.254, 10), ["7.25", "10.00"]);
  // Five bins of equal width over 1..10: 1 to 2.8, 2.8 to 4.6, ...
  assert.deepEqual(written("level", 1, 2.79, 2.81, 5.5, 8.21, 10), [
    "bad",
    "bad",
    "poor",
    "fair",
    "excellent",
    "excellent",
  ]);
  assert.deepEqual(written("coupled", 1, 1.49, 1.51, 10), ["[IMG0]", "[IMG0]", "[IMG1]", "[IMG9]"]);
});

test("the score loss is taken at T_p, at every T_s, or nowhere", () => {
  const { parts, named } = strategies();
  assert.deepEqual(named["roc"]?.slotIds, [parts.vocabulary.positionId]);
  assert.deepEqual(named["coupled"]?.slotIds, parts.vocabulary.scoreIds);
  assert.deepEqual([named["level"]?.slotIds, named["direct"]?.slotIds], [[], []]);
});

/** The distribution of candidates behind a prefix, by one forward without a cache. */
function distributionBehind(
  parts: ReturnType<typeof fakeParts>,
  before: string,
  candidates: readonly string[],
): number[] {
  const { model, processor } = parts;
  return scope(() => {
    const images = processor.images([PICTURE]);
    const prompt = processor.prompt(TEMPLATES.prompts[0] as string);
    const ids = candidates.map((text) => processor.answer(before + text));
    const length = ids[0]?.findIndex((id, at) => ids.some((other) => other[at] !== id)) ?? -1;
    const prefix = [...prompt, ...(ids[0] ?? []).slice(0, length)];
    const hidden = model.forward({ inputIds: tensor([prefix], { dtype: "int64" }), images });
    const logits = model.logits(hidden.select(1, -1)).squeeze(0);
    const chosen = ids.map((row) => logits.narrow(0, row[length] as number, 1));
    return cat(chosen).to("float64").softmax(0).toNumbers();
  });
}

for (const [name, texts, values] of [
  ["level", LEVELS, [1, 3.25, 5.5, 7.75, 10]],
  ["coupled", Array.from({ length: 10 }, (_, i) => `[IMG${i}]`), Array.from({ length: 10 }, (_, i) => i + 1)],
] as const) {
  test(`${name}: the expectation over the candidates' logits, the likeliest one put in before the next score`, () => {
    const { parts, named } = strategies();
    const strategy = named[name] as Strategy;
    const [answer] = scope(() => strategy.read({ ...parts, strategy }, parts.processor.images([PICTURE])));
    const first = distributionBehind(parts, "score ", texts);
    const likeliest = texts[first.indexOf(Math.max(...first))] as string;
    const second = distributionBehind(parts, `score ${likeliest} light `, texts);
    for (const [i, distribution] of [first, second].entries()) {
      const reading = answer?.scores[i];
      const expectation = distribution.reduce((sum, share, k) => sum + share * (values[k] as number), 0);
      assert.ok(Math.abs((reading?.value ?? NaN) - expectation) < 1e-5, `${reading?.value} for ${expectation}`);
      assert.ok(reading?.distribution?.every((share, k) => Math.abs(share - (distribution[k] as number)) < 1e-5));
    }
  });
}

test("direct: the numbers of the generated text, and null for what is none", () => {
  const read = (text: string) =>
    parseScores(text, "score {overall} light {light}.", SCALE).map((score) => score?.value);
  assert.deepEqual(read("score 7.25 light 3"), [7.25, 3]);
  assert.deepEqual(read(" score 7.25\n light 3.50."), [7.25, 3.5]);
  assert.deepEqual(read("score 7.25 light great"), [undefined, undefined]);
  assert.deepEqual(read("score 11 light 3"), [undefined, 3]);
  assert.deepEqual(read("the score is 7"), [undefined, undefined]);
  assert.deepEqual(read("score 7. light 3"), [undefined, undefined]);
  const [reading] = parseScores("it is 4.5", "it is {overall}", SCALE);
  assert.deepEqual(reading, { value: 4.5, std: null, distribution: null });
});

test("direct: generates until the end token", () => {
  const templates: RocTemplates = { prompts: ["<image> rate it"], answers: ["score {overall}."] };
  const processor = new FakeProcessor();
  const model = new FakeMllm(processor.tokenizer);
  made.push(model);
  const start = processor.prompt(templates.prompts[0] as string).length - 1;
  model.follow([...processor.answer("score 7.25."), processor.endTokenId], start);
  const strategy = createStrategy("direct", { scale: SCALE });
  const [answer] = scope(() => strategy.read({ model, processor, templates, strategy }, processor.images([PICTURE])));
  assert.equal(answer?.text, "score 7.25.");
  assert.equal(answer?.scores[0]?.value, 7.25);
});

test("direct: what the checkpoint's generation_config.json asks for counts, and ends the text", () => {
  const templates: RocTemplates = { prompts: ["<image> rate it"], answers: ["score {overall}."] };
  const processor = new FakeProcessor();
  const model = new FakeMllm(processor.tokenizer);
  made.push(model);
  const start = processor.prompt(templates.prompts[0] as string).length - 1;
  model.follow(processor.answer("score 7.25.#99"), start);
  const strategy = createStrategy("direct", { scale: SCALE });
  const read = (config: object) => {
    model.generationConfig = JSON.stringify(config);
    return scope(() => strategy.read({ model, processor, templates, strategy }, processor.images([PICTURE])))[0]?.text;
  };
  const [end] = processor.answer("#");
  assert.equal(read({ eos_token_id: [3, end] }), "score 7.25.");
  assert.equal(read({ eos_token_id: end, suppress_tokens: processor.answer("7") })?.includes("7"), false);
  const unlike = read({ eos_token_id: end, no_repeat_ngram_size: 1 }) ?? "";
  assert.equal(unlike.includes("r"), false, "the prompt has one");
  assert.throws(() => read({ eos_token_id: "x" }), /generation_config\.json: eos_token_id/);
});

test("a checkpoint says its strategy; the released one, with score tokens alone, is roc", () => {
  const config = { score_id: 5, output_first_id: 6, output_last_id: 15, min_score: 1, max_score: 10 };
  assert.equal(strategyOf(config, undefined)?.name, "roc");
  assert.equal(strategyOf(config, { ...TEMPLATES, strategy: "coupled" })?.name, "coupled");
  assert.deepEqual(strategyOf({}, { ...TEMPLATES, strategy: "level", scale: { min: 0, max: 1 } })?.scale, {
    min: 0,
    max: 1,
  });
  assert.equal(strategyOf({}, TEMPLATES), undefined);
  const fails = (error: unknown) => isRocError(error) && error.code === "USAGE";
  assert.throws(() => strategyOf({}, { ...TEMPLATES, strategy: "roc" }), fails);
  assert.throws(() => strategyOf({}, { ...TEMPLATES, strategy: "direct" }), fails);
});
