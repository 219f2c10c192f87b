/** Several pictures in one prompt: readings that are those of the plain forward, losses at several places. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { isRocError } from "../../src/errors.js";
import type { RgbImage } from "../../src/image/index.js";
import type { ImageBatch } from "../../src/models/types.js";
import {
  askSets,
  checkSetAnswers,
  readSets,
  rocLoss,
  setAnswer,
  setNames,
  setPrompt,
  vocabularyFromConfig,
} from "../../src/roc/index.js";
import { inferenceMode, liveTensors, scope, tensor, type Tensor } from "../../src/torch/index.js";
import { startFrom, type Trainable } from "../../src/train/index.js";
import { ROWS } from "../models/rows.js";

const alive = liveTensors();
let root = "";
before(async () => {
  root = await mkdtemp(join(tmpdir(), "sets-"));
});
after(() => rm(root, { recursive: true }));
afterEach(() => assert.equal(liveTensors(), alive, "every tensor is freed"));

/** Pictures that differ, each of one colour with a bright half. */
const PICTURES: readonly RgbImage[] = [40, 130, 220].map((shade) => {
  const data = new Uint8Array(56 * 56 * 3).map((_, i) => (i < 56 * 28 * 3 ? shade : 255 - shade));
  return { width: 56, height: 56, data };
});

async function startOf(name: string): Promise<Trainable> {
  const row = ROWS.get(name);
  if (!row) throw new Error(name);
  return startFrom(await row.whole(join(root, name)), { strategy: "set" });
}

async function imagesOf({ prepare }: Trainable): Promise<RgbImage[]> {
  return Promise.all(PICTURES.map(async (picture) => prepare(picture)));
}

const ORDERS = [[0, 1, 2], [2, 0, 1]] as const; // prettier-ignore

for (const name of ["qwen2_vl", "internvl", "llava", "mplug_owl2"]) {
  test(`${name}: a score a picture by one prompt, the same as from the pictures' pixels at once`, async () => {
    const trainable = await startOf(name);
    const { parts } = trainable;
    const { model, processor, strategy, templates } = parts;
    try {
      const pictures = await imagesOf(trainable);
      const read = scope(() => {
        const images: ImageBatch[] = pictures.map((picture) => processor.batch([picture]));
        return readSets(parts, images, ORDERS);
      });
      // By hand, without features that were computed before.
      const [prompt = "", answer = ""] = [templates.prompts[0], templates.answers[0]];
      const ids = strategy.vocabulary;
      if (!ids) throw new Error("no score tokens");
      const plain = ORDERS.map((order) =>
        inferenceMode(() =>
          scope(() => {
            const images = processor.batch(order.map((index) => pictures[index] as RgbImage));
            const asked = processor.prompt(setPrompt(prompt, 3), images);
            const text = setAnswer(answer, "overall", 3).replace(/\{overall_\d\}/g, "[SCORE]");
            const tokens = [...asked, ...processor.answer(text)];
            const rows = tokens.flatMap((id, at) => (id === ids.positionId ? [at - 1] : []));
            const hidden = model.forward({ inputIds: tensor([tokens], { dtype: "int64" }), images, rows });
            const shares = model.logits(hidden, ids.scoreIds).softmax(-1).toNumbers();
            return [0, 1, 2].map((place) => ids.values.reduce((sum, value, k) => sum + value * (shares[place * ids.values.length + k] ?? NaN), 0)); // prettier-ignore
          }),
        ),
      );
      read.forEach((places, i) =>
        places.forEach(({ value }, place) => {
          // float32 of a few layers, of numbers around 5.
          assert.ok(Math.abs(value - (plain[i]?.[place] ?? NaN)) < 1e-4, `${value} and ${plain[i]?.[place]}`);
        }),
      );
      const asked = scope(() => askSets(parts, pictures.map((picture) => processor.batch([picture])), ORDERS, { prompt: "Which is best?", words: ["First", "Second", "Third"] })); // prettier-ignore
      for (const logits of asked) assert.ok(Math.abs(logits.reduce((sum, one) => sum + Math.exp(one), 0) - 1) < 1e-6);
    } finally {
      model.dispose();
    }
  });
}

test("texts of a set: as many pictures and places as it has; more than the score is refused", () => {
  assert.equal(setPrompt("<image>\nRate them.", 3), "<image><image><image>\nRate them.");
  assert.equal(setAnswer("They are {overall}.", "overall", 2), "They are {overall_1}, {overall_2}.");
  assert.deepEqual(setNames("overall", 2), ["overall_1", "overall_2"]);
  for (const answer of ["{overall} and {light}", "{overall}, since {comment}"])
    assert.throws(() => checkSetAnswers([answer]), (error) => isRocError(error) && error.code === "CONFIG_INVALID"); // prettier-ignore
});

test("the loss at several positions of one sentence: gradients are those of finite differences in float64", () => {
  const vocabulary = vocabularyFromConfig({ score_id: 2, output_first_id: 3, output_last_id: 7, min_score: 1, max_score: 5 }); // prettier-ignore
  if (!vocabulary) throw new Error("no score tokens");
  // Two sets: three positions and two, with words between them.
  const targets = [0, 2, 1, 2, 2, 0, 2, 1, 2];
  const groundTruth = [1.3, 3.1, 4.4, 2.2, 4.9];
  const input = { targets, groundTruth, stds: [0.5, 0.7, 0.4, 0.9, 0.6], groups: ["a", "a", "a", "b", "b"] };
  const weights = { l1: 1, ce: 0, emd: 0, soft: 0.5, thurstone: 0.7, fidelity: 0.3 };
  const width = 8;
  const numbers = Array.from({ length: targets.length * width }, (_, i) => Math.sin(1 + 2.3 * i));
  const lossOf = (hidden: Tensor): Tensor => {
    const model = { logits: (states: Tensor) => states };
    return rocLoss({ model, hidden, ...input }, vocabulary, weights).loss;
  };
  const at = (values: readonly number[]): number =>
    scope(() => lossOf(tensor(values as number[], { dtype: "float64" }).reshape(targets.length, width)).item());
  const gradient = scope(() => {
    const leaf = tensor(numbers, { dtype: "float64", requiresGrad: true });
    lossOf(leaf.reshape(targets.length, width)).backward();
    return leaf.grad?.toNumbers() ?? [];
  });
  const step = 1e-5;
  numbers.forEach((value, i) => {
    const moved = (by: number): number => at(numbers.with(i, value + by));
    const difference = (moved(step) - moved(-step)) / (2 * step);
    // Central differences err by step^2 and by rounding over step.
    assert.ok(Math.abs(difference - (gradient[i] ?? NaN)) < 1e-8, `${i}: ${difference} and ${gradient[i]}`);
  });
  // Pairs of two sets are none: without groups the loss is another.
  const alone = scope(() => {
    const hidden = tensor(numbers, { dtype: "float64" }).reshape(targets.length, width);
    const model = { logits: (states: Tensor) => states };
    return rocLoss({ model, hidden, ...input, groups: ["a", "a", "a", "a", "a"] }, vocabulary, weights).loss.item();
  });
  assert.ok(Math.abs(alone - at(numbers)) > 1e-4);
});
