/** Accumulated forwards against one large batch, with the real objective and answers of different lengths. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Random } from "../../src/random.js";
import { type Sample } from "../../src/data/index.js";
import { createStrategy, LOSS_PRESETS, type LossWeights } from "../../src/roc/index.js";
import { createDemo } from "../../src/studies/demo/create.js";
import {
  strategyObjective,
  type LossCounts,
  type Objective,
  type Picture,
  type Trainable,
} from "../../src/train/index.js";
import { scope } from "../../src/torch/index.js";

const SIZES = {
  ...{ imageSize: 28, patch: 14, resize: "stretch" as const, visionWidth: 24, visionLayers: 2, visionHeads: 2 },
  ...{ textWidth: 32, textLayers: 2, textHeads: 2, vocabulary: 300 },
};
const WEIGHTS = LOSS_PRESETS["paper-ava"];

let folder = "";
let trainable: Trainable;
let standard: Objective;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-accumulate-"));
  trainable = await createDemo(folder, 1, SIZES, WEIGHTS);
  standard = strategyObjective(trainable.parts, { scale: { min: 1, max: 10 } }, WEIGHTS);
  for (const parameter of trainable.parts.model.parameters().values()) parameter.requiresGrad_();
});
after(async () => {
  trainable.parts.model.dispose();
  await rm(folder, { recursive: true });
});

/** Some with votes, some with attributes: their answers have one score or eight. */
function pictures(): Picture[] {
  const names = ["exposure", "contrast", "saturation", "harmony", "motion", "noise"];
  return Array.from({ length: 6 }, (_, i) => {
    const attributes = i < 2 ? {} : { attributes: Object.fromEntries(names.map((name, k) => [name, 1 + k])) };
    const votes = i % 2 === 0 ? { votes: [0, 1, 2, 3, 4, 5, 4, 3, 2, i] } : {};
    const sample: Sample = { id: String(i), image: "", score: 2 + i, split: "train", ...attributes, ...votes };
    const data = Uint8Array.from({ length: 28 * 28 * 3 }, (_, k) => (k * (i + 3)) % 256);
    return { sample, random: new Random("draw", i, 0), image: { width: 28, height: 28, data } };
  });
}

/** Loss, terms and gradients of the pictures in forwards of `size`. */
function step(
  size: number,
  weigh: boolean,
  objective = standard,
): { figures: Record<string, number>; gradients: Map<string, number[]> } {
  const parameters = trainable.parts.model.parameters();
  const batches = (): Picture[][] => {
    const all = pictures();
    return Array.from({ length: all.length / size }, (_, i) => all.slice(i * size, (i + 1) * size));
  };
  const counts = batches().map((batch) => objective.counts?.(batch) as LossCounts);
  const total = (name: keyof LossCounts): number => counts.reduce((sum, count) => sum + count[name], 0);
  const figures: Record<string, number> = {};
  return scope(() => {
    for (const [i, batch] of batches().entries()) {
      const own = counts[i] as LossCounts;
      const shares = {
        text: own.text / total("text"),
        score: own.score / total("score"),
        votes: own.votes / total("votes"),
        pairs: own.pairs / Math.max(1, total("pairs")),
      };
      const { loss, terms } = objective.loss(batch, (body) => body(), weigh ? shares : undefined);
      loss.backward();
      for (const [name, term] of Object.entries({ loss, ...terms })) figures[name] = (figures[name] ?? 0) + term.item();
    }
    const gradients = new Map([...parameters].map(([name, { grad }]) => [name, grad?.toNumbers() ?? []]));
    for (const parameter of parameters.values()) parameter.zeroGrad();
    return { figures, gradients };
  });
}

test("three accumulated forwards have the loss, terms and gradients of one of all pictures", () => {
  const whole = step(6, false);
  const parts = step(2, true);
  const counts = scope(() => standard.counts?.(pictures()));
  assert.ok(counts && counts.score > 6 && counts.votes === 3 && counts.text > counts.score, JSON.stringify(counts));
  for (const name of ["loss", "text", "l1", "ce"]) {
    assert.ok(Math.abs((parts.figures[name] ?? NaN) - (whole.figures[name] ?? NaN)) < 1e-5, name);
  }
  for (const [name, gradient] of whole.gradients) {
    const found = parts.gradients.get(name) ?? [];
    const worst = Math.max(0, ...gradient.map((value, i) => Math.abs(value - (found[i] ?? NaN))));
    assert.ok(worst < 1e-5, `${name}: ${worst}`);
  }
  const even = step(2, false);
  assert.ok(
    Math.abs((even.figures["loss"] ?? NaN) / 3 - (whole.figures["loss"] ?? NaN)) > 1e-3,
    "answers differ in length",
  );
});

/** An objective of a strategy with losses on distributions. */
function objectiveOf(name: "roc" | "level", more: Partial<LossWeights>): Objective {
  const { parts } = trainable;
  const strategy = createStrategy(name, { vocabulary: parts.strategy.vocabulary, scale: { min: 1, max: 10 } });
  const weights = { ...LOSS_PRESETS.paper, ...more };
  return strategyObjective({ ...parts, strategy }, { scale: { min: 1, max: 10 } }, weights);
}

for (const name of ["roc", "level"] as const) {
  test(`${name}: the soft distribution's loss is that of one batch of all pictures`, () => {
    const objective = objectiveOf(name, { soft: 2 });
    const [whole, parts] = [step(6, false, objective), step(2, true, objective)];
    const terms = name === "roc" ? ["loss", "text", "l1", "ce", "emd", "soft"] : ["loss", "text", "soft"];
    assert.deepEqual(Object.keys(whole.figures), terms);
    for (const term of ["loss", "text", "soft"]) {
      assert.ok(Math.abs((parts.figures[term] ?? NaN) - (whole.figures[term] ?? NaN)) < 1e-5, term);
    }
    const { text = NaN, soft = NaN, l1 = 0, loss = NaN } = whole.figures;
    assert.ok(Math.abs(text + 2 * soft + l1 - loss) < 1e-4 && soft > 0.01);
  });

  test(`${name}: pairs are those of a forward, of the same name; the step's loss is their mean`, () => {
    const objective = objectiveOf(name, { thurstone: 1, fidelity: 3 });
    const counts = (from: number, to: number): number =>
      scope(() => objective.counts?.(pictures().slice(from, to)))?.pairs ?? NaN;
    // Six scores, and six attributes of four pictures.
    const drawn = counts(0, 6);
    assert.ok(drawn >= 15 && drawn <= 15 + 6 * 6, String(drawn));
    const each = [counts(0, 2), counts(2, 4), counts(4, 6)];
    const whole = step(2, true, objective).figures;
    const apart = each.map((_, i) => scope(() => {
      const { terms } = objective.loss(pictures().slice(2 * i, 2 * i + 2), (body) => body());
      return { thurstone: terms["thurstone"]?.item() ?? NaN, fidelity: terms["fidelity"]?.item() ?? NaN };
    })); // prettier-ignore
    for (const term of ["thurstone", "fidelity"] as const) {
      const mean = apart.reduce((sum, one, i) => sum + one[term] * (each[i] ?? 0), 0) / each.reduce((a, b) => a + b, 0);
      assert.ok(Math.abs((whole[term] ?? NaN) - mean) < 1e-6, `${term}: ${whole[term]} and ${mean}`);
    }
    assert.equal(counts(0, 1), 0);
    const alone = scope(() => objective.loss(pictures().slice(0, 1), (body) => body()).terms["fidelity"]?.item());
    assert.equal(alone, 0);
  });
}
