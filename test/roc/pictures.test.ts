/**
 * Several readings of a batch of pictures, of every family by strategies that read and write: they equal those of each picture alone, made from
 * nothing, and the vision part runs once.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { generate } from "../../src/generation/index.js";
import { namesOf } from "../../src/models/families.js";
import { loadMllm } from "../../src/models/registry.js";
import type { ImageBatch } from "../../src/models/types.js";
import {
  addScoreTokens,
  createStrategy,
  readAnswers,
  readPictures,
  readQuestions,
  splitImages,
  STRATEGY_NAMES,
  type Question,
  type RocTemplates,
  type StrategyName,
  type StrategyParts,
} from "../../src/roc/index.js";
import { readByPrefill } from "../../src/roc/prefill.js";
import { Pictures } from "../../src/roc/pictures.js";
import type { AnswerReading } from "../../src/roc/strategy.js";
import { LEVELS } from "../../src/roc/template.js";
import { inferenceMode, liveTensors, manualSeed, randn, scope, type Tensor } from "../../src/torch/index.js";
import { FORWARD_ERROR } from "../rounding.js";
import { picture } from "../image/support.js";
import { ids } from "../models/support.js";
import { ROWS } from "../models/rows.js";
import { registerToy } from "../models/toy/family.js";
import { FakeTokenizer, fakeParts, plainImage } from "./support.js";

const SCALE = { min: 1, max: 10 };
/** How far a score may move with the batch or with what was read before. */
const DRIFT = 1e-5;

/** The families by which every strategy is tried: what the others differ in, pictures and caches, one that reads and one that writes show. */
const ALL_STRATEGIES = new Set(["llava", "qwen3_5"]);
const TWO: readonly StrategyName[] = ["roc", "direct"];
/** Whether two cases are also tried that every family computes alike: what is written whether asked for or not, one picture's questions. */
const isThorough = (row: string): boolean => ALL_STRATEGIES.has(row);

/** How large the row of the end token is, so that comments of several lengths are written. */
const END: Readonly<Record<string, number>> = { mplug_owl2: 0.5, qwen2_vl: 1, qwen2_5_vl: 0.3, qwen3_5: 1.5 };

const alive = liveTensors();
const forget = registerToy();
let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "pictures-"));
});
after(async () => {
  forget();
  await rm(root, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

const BEHIND: RocTemplates = {
  prompts: ["<image>\nRate it."],
  answers: ["It is {overall}, light {light}. {comment}"],
};
const FIRST: RocTemplates = { ...BEHIND, answers: ["{comment} So {overall}, light {light}."] };
const QUESTIONS: readonly Question[] = [
  { answer: "Light {light}, color {color}." },
  { prompt: "What is it?", maxTokens: 7 },
  { prompt: "Which?\n<image>", answer: "{comment} So {overall}." },
  { prompt: "<image>\nRate it again.", answer: "All in all {overall}. {comment}" },
  { maxTokens: 5 },
];

/** Numbers near, texts the same. */
function assertAlike(
  found: readonly AnswerReading[],
  wanted: readonly AnswerReading[],
  what: string,
  bound = DRIFT,
): void {
  assert.equal(found.length, wanted.length, what);
  found.forEach((reading, i) => {
    const other = wanted[i] as AnswerReading;
    assert.deepEqual(reading.comment, other.comment, what);
    assert.equal(reading.text, other.text, what);
    assert.equal(reading.scores.length, other.scores.length, what);
    reading.scores.forEach((score, k) => {
      const [a, b] = [score, other.scores[k]].map((one) => (one ? [one.value, ...(one.distribution ?? [])] : []));
      assert.equal(a?.length, b?.length, what);
      a?.forEach((value, n) => assert.ok(Math.abs(value - (b?.[n] ?? NaN)) <= bound, `${what}: ${value}, ${b?.[n]}`));
    });
  });
}

for (const [name, row] of ROWS) {
  // Its weights are another's.
  if (["qwen2_vl, nested and tied", "llava_onevision, tied"].some((other) => row === ROWS.get(other))) continue;
  describe(name, () => {
    let parts: Omit<StrategyParts, "strategy" | "templates">;
    let ofStrategy: (strategy: StrategyName, templates: RocTemplates) => StrategyParts;
    before(async () => {
      parts = await loadMllm(await row.whole(join(root, name.replaceAll(/\W+/g, "-"))));
      const { model, processor } = parts;
      const vocabulary = addScoreTokens(model, processor.tokenizer);
      // It writes some words, numbers and scores, and comes to an end; untrained score tokens would be alike.
      const words = processor.answer("a bad poor fair good excellent sky, and 3 seas of light 7.50 in It is So");
      const head = [...model.parameters()].findLast(([key]) => namesOf(model).isVocabulary(key))?.[1] as Tensor;
      manualSeed(3);
      scope(() => {
        const draw = (id: number, size: number): unknown => {
          const own = head.select(0, id);
          return own.copy_(randn(own.shape).mul(size));
        };
        head.fill_(0);
        for (const id of new Set(words)) draw(id, 1);
        for (const id of [vocabulary.positionId, ...vocabulary.scoreIds]) draw(id, 0.6);
        draw(processor.endTokenId, END[name] ?? 2.5);
      });
      ofStrategy = (strategy, templates) => ({
        ...parts,
        templates,
        strategy: createStrategy(strategy, { vocabulary, scale: SCALE }),
      });
    });
    after(() => parts.model.dispose());

    /**
     * {@link DRIFT} is of logits as trained models have them, some 2 apart; words whose rows are drawn with size 1 are
     * sqrt(hiddenSize) apart, and the likelihood of a level is the sum of those of its tokens, each with a rounding of its own.
     */
    const boundOf = (strategy: StrategyName): number => {
      const { model, processor } = parts;
      const tokens = Math.max(...LEVELS.map((word) => processor.answer(word).length));
      return strategy === "level" ? (DRIFT * tokens * Math.sqrt(model.hiddenSize)) / 2 : DRIFT;
    };

    /** Of different shapes: in some families, rows of different number. */
    const imagesOf = (): ImageBatch => parts.processor.images([picture(60, 45), picture(30, 64), picture(90, 90)]);

    /** Forwards of the vision part during `body`. */
    function visionPasses(body: () => void): number {
      const { model } = parts;
      const imageFeatures = model.imageFeatures.bind(model);
      let count = 0;
      model.imageFeatures = (images) => {
        count += 1;
        return imageFeatures(images);
      };
      body();
      Object.assign(model, { imageFeatures });
      return count;
    }

    for (const strategy of isThorough(name) ? STRATEGY_NAMES : TWO) {
      for (const [what, templates] of [
        ["behind the scores", BEHIND],
        ["before them", FIRST],
      ] as const) {
        // It writes the same for both.
        if (strategy === "direct" && templates === FIRST && !isThorough(name)) continue;
        test(`${strategy}: a batch of mixed shapes is read as each alone; a comment ${what}`, () =>
          scope(() => {
            const one = ofStrategy(strategy, templates);
            const images = imagesOf();
            // Only a comment behind the scores that are read is left out unless asked for.
            const both = isThorough(name) || (templates === BEHIND && !one.strategy.generates);
            for (const comments of both ? [false, true] : [true]) {
              const alone = splitImages(images).flatMap((image) => readAnswers(one, image, { comments }));
              assertAlike(readAnswers(one, images, { comments }), alone, `comments: ${comments}`, boundOf(strategy));
              const written = new Set(
                alone.flatMap(({ comment, text }) => comment ?? (one.strategy.generates ? text : [])),
              );
              assert.ok(comments ? written.size > 1 : true, "the pictures are told apart");
            }
          }));
      }

      test(`${strategy}: many questions share one vision pass, and are answered as each alone`, () =>
        scope(() => {
          const one = ofStrategy(strategy, BEHIND);
          const images = imagesOf();
          for (const batch of [images, ...(isThorough(name) ? splitImages(images).slice(0, 1) : [])]) {
            const wanted = QUESTIONS.map((question) => readQuestions(one, batch, [question])[0] ?? []);
            const canonical = readAnswers(one, batch, { comments: true });
            let found: ReturnType<typeof readPictures> = [];
            const passes = visionPasses(() => {
              found = readPictures(one, batch, { comments: true, questions: QUESTIONS });
            });
            assert.equal(passes, 1);
            assertAlike(found.map(({ answer }) => answer), canonical, "canonical", boundOf(strategy)); // prettier-ignore
            QUESTIONS.forEach((question, k) => {
              const readings = found.flatMap(({ questions }) => questions[k] ?? []);
              assertAlike(readings, wanted[k] ?? [], JSON.stringify(question), boundOf(strategy));
            });
            assert.deepEqual(found[0]?.questions.map(({ names }) => names), [["light", "color"], [], ["overall"], ["overall"], []]); // prettier-ignore
          }
        }));
    }

    for (const fixed of [false, true])
      test(`in any order, of any length, with any padding: as of a fresh forward${fixed ? "; of fixed capacity" : ""}`, () =>
        inferenceMode(() =>
          scope(() => {
            const { model, processor } = parts;
            const batch = splitImages(imagesOf());
            using pictures = new Pictures(model, imagesOf(), { fixed });
            const prompts = ["<image>\nRate it.", "Why? <image>"].map((text) => pictures.prompts(processor, text));
            const tails = [[10, 11, 12, 13], [10, 11], [10, 11, 14, 15, 16, 17], []]; // prettier-ignore
            for (const [k, order] of [
              [0, 0],
              [0, 1],
              [1, 2],
              [0, 3],
              [0, 3],
              [1, 0],
            ] as const) {
              const texts = (prompts[k] ?? []).map((prompt, b) => {
                const own = [...prompt, ...(tails[(b + order) % tails.length] ?? [])];
                return { ids: own, at: [own.length - 1, prompt.length - 1] };
              });
              const hidden = pictures.hidden(texts);
              const fresh = texts.flatMap(({ ids: own, at }, b) => {
                const images = batch[b];
                return model.forward({ inputIds: ids(own), ...(images && { images }), rows: at }).toNumbers();
              });
              hidden
                .toNumbers()
                .forEach((value, i) => assert.ok(Math.abs(value - (fresh[i] ?? NaN)) < FORWARD_ERROR, `${k} ${order}`));
            }
            const [prompt = []] = prompts;
            const options = { maxNewTokens: 6, suppressIds: model.placeholderIds.filter((id) => id >= 0) };
            const wanted = prompt.map((own, b) => generate(model, [{ ids: own, images: batch[b] }], options)[0]?.ids);
            for (const _again of [1, 2]) assert.deepEqual(pictures.generate(prompt, options).map((one) => one.ids), wanted); // prettier-ignore
            pictures.dispose();
          }),
        ));
  });
}

const ONE: RocTemplates = { prompts: ["<image> rate it"], answers: ["is {overall} light {light}."] };

test("what is read once keeps nothing; what is read again feeds the new tokens only", () => {
  const parts = fakeParts(ONE);
  const { model } = parts;
  const fed: number[] = [];
  const forward = model.forward.bind(model);
  model.forward = (input, cache) => {
    fed.push(input.inputIds.size(1));
    return forward(input, cache);
  };
  try {
    scope(() => {
      const images = parts.processor.images([plainImage(200, 40, 90), plainImage(10, 240, 30)]);
      const wanted = readByPrefill(parts, images);
      const [whole = 0] = fed;
      using pictures = new Pictures(model, images);
      assert.deepEqual(readByPrefill(parts, pictures), wanted, "to the last bit");
      const before = liveTensors();
      const values = (readings: typeof wanted): number[] => readings.flat().map(({ value }) => value);
      const again = values(readByPrefill(parts, pictures));
      values(wanted).forEach((value, i) => assert.ok(Math.abs(value - (again[i] ?? NaN)) <= DRIFT));
      assert.equal(liveTensors(), before);
      const answers = ["is {overall} light {light}.", "is {overall} shade {light}."];
      readByPrefill(parts, pictures, answers);
      const prompt = parts.processor.prompt(ONE.prompts[0] as string).length;
      // From the position that predicts the first score on.
      assert.deepEqual(fed, [whole, whole, whole - prompt - 2, whole - prompt - 2]);
    });
  } finally {
    model.dispose();
  }
});

test("a forward that fails leaves pictures that can be read again", () => {
  const parts = fakeParts(ONE);
  const { model } = parts;
  const forward = model.forward.bind(model);
  try {
    scope(() => {
      using pictures = new Pictures(model, parts.processor.images([plainImage(200, 40, 90)]));
      const wanted = readByPrefill(parts, pictures);
      model.forward = (input, cache) => {
        forward(input, cache);
        throw new Error("out of memory");
      };
      assert.throws(() => readByPrefill(parts, pictures), /out of memory/);
      model.forward = forward;
      assert.deepEqual(readByPrefill(parts, pictures), wanted, "from nothing, to the last bit");
    });
  } finally {
    model.dispose();
  }
});

test("without a template the model writes, and its scores are numbers in the text", () => {
  const parts = fakeParts({ prompts: ["<image> rate it"], answers: ["is {overall} of 10"] }, new FakeTokenizer());
  try {
    scope(() => {
      const images = parts.processor.images([plainImage(200, 40, 90), plainImage(10, 240, 30)]);
      const [written = []] = readQuestions(parts, images, [{}]);
      const scores = readByPrefill(parts, images);
      written.forEach(({ text, prompt, scores: [score] }, b) => {
        assert.equal(prompt, "<image> rate it");
        assert.ok(Math.abs((score?.value ?? NaN) - (scores[b]?.[0]?.value ?? NaN)) < DRIFT);
        assert.equal(text, `is ${score?.value.toFixed(2)} of 10`);
      });
    });
  } finally {
    parts.model.dispose();
  }
});

test("questions that make no sense are named", () => {
  const parts = fakeParts(ONE);
  try {
    const refused = (question: Question, message: RegExp): void =>
      scope(() => {
        const images = parts.processor.images([plainImage(1, 2, 3)]);
        assert.throws(() => readQuestions(parts, images, [{}, question]), { code: "USAGE", message });
      });
    refused({ prompt: "<image><image> Which?" }, /questions\[1\]\.prompt: must hold <image> exactly once/);
    refused({ answer: "no score" }, /questions\[1\]\.answer: must hold a placeholder such as \{overall\}/);
    refused({ answer: "{a} {a}" }, /questions\[1\]\.answer: names a score twice/);
    refused({ answer: "{comment} {comment} {a}" }, /questions\[1\]\.answer: holds \{comment\} twice/);
    for (const name of ["{b c}", "{1}", "{ü}", "{}", "{rule-of-thirds}", "{ light}", "{_a}"]) {
      const named = new RegExp(
        `questions\\[1\\]\\.answer: holds "\\${name}", which .*letter from a to z.*digits and _`,
      );
      refused({ answer: `Light {light}, ${name}.` }, named);
      refused({ answer: name }, named);
    }
    refused({ answer: "Light {light}, thirds {thirds" }, /\.answer: holds "\{thirds", which/);
    refused({ answer: "Light {{light}}" }, /\.answer: holds "\{", which/);
    refused({ answer: "Light {light}, thirds}" }, /\.answer: holds "\}", which/);
    refused({ answer: `{light {${"x y".repeat(500)}}` }, /^.{0,300}$/);
    for (const prompt of ["", " \n\t"]) refused({ prompt }, /questions\[1\]\.prompt: is empty/);
    refused({ answer: " " }, /questions\[1\]\.answer: is empty/);
    refused(
      { prompt: "a".repeat(10_001) },
      /questions\[1\]\.prompt: Too big: 10\d+ characters, where 10000 are the most/,
    );
    refused({ answer: "a".repeat(10_001) }, /questions\[1\]\.answer: Too big: 10001 characters/);
    refused({ question: "Why?" } as Question, /questions\[1\]: .*"question"/);
    refused({ maxTokens: 0 }, /questions\[1\]\.maxTokens: must be a whole number above 0/);
  } finally {
    parts.model.dispose();
  }
});

test("a question that is longer than the model's positions is refused before anything is computed", () => {
  const parts = fakeParts(ONE);
  const { model, processor } = parts;
  try {
    scope(() => {
      const images = processor.images([plainImage(200, 40, 90)]);
      const prompt = "<image>\nHow is the light?";
      const length = processor.prompt(prompt).length;
      const read = (questions: readonly Question[], positions: number | undefined): ReturnType<typeof readPictures> => {
        model.maxPositions = positions;
        model.forwards = 0;
        return readPictures(parts, images, { questions });
      };
      const refused = (questions: readonly Question[], positions: number, message: RegExp): void => {
        assert.throws(() => read(questions, positions), { code: "USAGE", message });
        assert.equal(model.forwards, 0);
      };
      refused([{}, { prompt }], length, new RegExp(`questions\\[1\\] \\("How is the light\\?"\\).* ${length + 1} tokens.*picture's.*${length} positions`)); // prettier-ignore
      const canonical = processor.prompt(ONE.prompts[0] as string).length;
      const texts = [canonical + 2, undefined].map((most) => read([{}], most)[0]?.questions[0]?.text);
      assert.equal(texts[0], texts[1]?.slice(0, 2), "writing ends with the positions");
      assert.equal(texts[0], "is");
      const answer = "Light {light}.";
      const tokens = processor.answer("Light [SCORE].").length;
      refused([{ prompt, answer }], length + tokens - 1, new RegExp(`${length + tokens} tokens`));
      read([{ prompt, answer }], length + tokens);
      // A comment leaves room for the scores behind it.
      const further = `${prompt} Where does it come from, and where does it go?`;
      const size = processor.prompt(further).length;
      const behind = "{comment}So {light}.";
      const rest = processor.answer("So [SCORE].").length;
      refused([{ prompt: further, answer: behind }], size + rest, /tokens/);
      const [commented] = read([{ prompt: further, answer: behind }], size + rest + 3);
      assert.ok((commented?.questions[0]?.comment?.length ?? 9) <= 3);
      const long = "Describe the light. ".repeat(400);
      refused([{ prompt: long }], length, /^.{0,300}$/);
    });
  } finally {
    model.dispose();
  }
});
