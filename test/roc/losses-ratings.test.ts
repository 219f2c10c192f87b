/** The losses on distributions and pairs, against PyTorch in float64 and against finite differences. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { z } from "zod";
import { isRocError } from "../../src/errors.js";
import { answerSlots, levelLoss, rocLoss, softTargets, type LossWeights } from "../../src/roc/index.js";
import { softRows } from "../../src/roc/soft-targets.js";
import { actingWeights, checkLoss } from "../../src/roc/weights.js";
import { scope, tensor, type DType, type Tensor } from "../../src/torch/index.js";
import { fixture } from "../support.js";

const numbers = z.array(z.number());
const NONE: LossWeights = { l1: 0, ce: 0, emd: 0 };
const rating = z.enum(["soft", "thurstone", "fidelity"]);
const reference = z
  .object({
    labels: z.array(z.object({ values: numbers, mean: z.number(), std: z.number(), targets: numbers })).min(300),
    ...{ positionId: z.number(), scoreIds: numbers, values: numbers },
    scale: z.object({ min: z.number(), max: z.number() }),
    ...{ hidden: numbers, head: numbers, targets: numbers, written: numbers, words: numbers, at: numbers },
    ...{ groundTruth: numbers, stds: z.array(z.number().nullable()), groups: z.array(z.string()) },
    cases: z
      .array(
        z.object({
          how: z.enum(["roc", "level"]),
          weights: z.record(z.string(), z.number()),
          ...{ loss: z.number(), textLoss: z.number(), terms: z.record(rating, z.number()) },
          ...{ hiddenGradient: numbers, headGradient: numbers },
        }),
      )
      .length(8),
  })
  .parse(JSON.parse(readFileSync(fixture("roc/ratings.json"), "utf8")));

function furthest(found: readonly number[], expected: readonly number[]): number {
  assert.equal(found.length, expected.length);
  return Math.max(0, ...found.map((value, i) => Math.abs(value - (expected[i] ?? NaN))));
}

/** The loss of the fixture's hidden states by a head, either as leaves of a dtype. */
function lossOf(
  how: "roc" | "level",
  weights: LossWeights,
  dtype: DType,
  change: { hidden?: readonly number[]; groundTruth?: readonly number[]; stds?: readonly (number | null)[] } = {},
): ReturnType<typeof levelLoss> & { hidden: Tensor; head: Tensor } {
  const { stds, groups, targets, written, words, at, positionId, scoreIds, values, scale, groundTruth } = reference;
  const leaf = (from: readonly number[]): Tensor =>
    tensor([...from], { dtype })
      .reshape(-1, 6)
      .detach()
      .requiresGrad_();
  const [hidden, head] = [leaf(change.hidden ?? reference.hidden), leaf(reference.head)];
  const model = { logits: (rows: Tensor): Tensor => rows.matmul(head.t()) };
  const input = { model, hidden, groundTruth: change.groundTruth ?? groundTruth, stds: change.stds ?? stds, groups };
  const found =
    how === "roc"
      ? rocLoss({ ...input, targets }, { positionId, scoreIds, values, scale }, weights)
      : levelLoss({ ...input, targets: written, slots: at.map((row) => ({ row, ids: words })) }, values, weights);
  return { ...found, hidden, head };
}

test("soft targets are DeQA's, sum to 1 and keep the mean", () => {
  for (const { values, mean, std, targets } of reference.labels) {
    const found = softTargets(mean, std, { values });
    const what = `mean ${mean}, std ${std} over ${values.join(" ")}`;
    assert.ok(furthest(found, targets) < 1e-6, `${what}: ${found.join(" ")}, not ${targets.join(" ")}`);
    assert.ok(Math.abs(found.reduce((sum, p) => sum + p, 0) - 1) < 1e-12, what);
    const kept = found.reduce((sum, p, i) => sum + p * (values[i] ?? 0), 0);
    // What is cut off at 0 moves the mean; between two scores nothing is.
    const isTwo = std < 0.2 * ((values[1] ?? 0) - (values[0] ?? 0));
    if (isTwo || !found.includes(0)) assert.ok(Math.abs(kept - mean) < 1e-8 * (values.at(-1) ?? 1), `${what}: ${kept}`);
  }
});

test("soft targets do not jump at the middle of the scale, and take a mean beyond an end as that end", () => {
  const values = [1, 2, 3, 4, 5];
  const [middle = [], beside = []] = softRows(
    [
      { mean: 3, std: 0.8 },
      { mean: 3.0005, std: 0.8 },
    ],
    values,
  );
  assert.ok(furthest(middle, beside) < 1e-3, `${middle.join(" ")} and ${beside.join(" ")}`);
  assert.deepEqual(softTargets(7, 0, { values }), [0, 0, 0, 0, 1]);
  assert.throws(() => softTargets(NaN, 1, { values }), { code: "DATA_INVALID" });
  assert.throws(() => softTargets(3, -1, { values }), { code: "DATA_INVALID" });
});

for (const { how, weights, ...expected } of reference.cases) {
  test(`${how} ${JSON.stringify(weights)}: values and gradients are PyTorch's`, () => {
    // Exponentials and roots of numbers up to 10 in float32: a few of its units.
    for (const [dtype, bound] of [
      ["float64", 1e-9],
      ["float32", 2e-5],
    ] as const) {
      // prettier-ignore
      scope(() => {
        const all = { ...NONE, ...weights };
        const { hidden, head, ...found } = lossOf(how, all, dtype);
        assert.ok(Math.abs(found.loss.item() - expected.loss) < bound, `${dtype} loss: ${found.loss.item()}`);
        assert.ok(Math.abs(found.textLoss.item() - expected.textLoss) < bound, `${dtype} text`);
        for (const name of rating.options) {
          const value = found[`${name}Loss`].item();
          const wanted = all[name] ? (expected.terms[name] ?? NaN) : 0;
          assert.ok(Math.abs(value - wanted) < bound, `${dtype} ${name}: ${value}, not ${wanted}`);
        }
        found.loss.backward();
        assert.ok(furthest((hidden.grad as Tensor).toNumbers(), expected.hiddenGradient) < bound, `${dtype} hidden`);
        assert.ok(furthest((head.grad as Tensor).toNumbers(), expected.headGradient) < bound, `${dtype} head`);
      });
    }
  });
}

test("gradients agree with finite differences", () => {
  const weights = { ...NONE, soft: 1, thurstone: 1, fidelity: 1 };
  for (const how of ["roc", "level"] as const) {
    const at = (hidden: readonly number[]): number =>
      scope(() => lossOf(how, weights, "float64", { hidden }).loss.item());
    const gradient = scope(() => {
      const { loss, hidden } = lossOf(how, weights, "float64");
      loss.backward();
      return (hidden.grad as Tensor).toNumbers();
    });
    for (const i of [6, 9, 20, 25, 38, 47]) {
      const moved = (by: number): number => at(reference.hidden.map((value, k) => (k === i ? value + by : value)));
      const slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
      assert.ok(Math.abs(slope - (gradient[i] ?? NaN)) < 1e-7, `${how} ${i}: ${slope} and ${gradient[i]}`);
    }
  }
});

test("equal scores, certain scores and certain ratings have finite losses and gradients", () => {
  const weights = { ...NONE, soft: 1, thurstone: 1, fidelity: 1 };
  const equal = reference.hidden.map((_, i) => (i % 6) / 6);
  const certain = reference.hidden.map((value) => 1000 * value);
  for (const how of ["roc", "level"] as const) {
    for (const hidden of [equal, certain, reference.hidden.map(() => 0)]) {
      for (const stds of [reference.stds, reference.stds.map(() => 0), reference.stds.map(() => 1e-30)]) {
        for (const groundTruth of [reference.groundTruth, [1, 10, 1, 10, 10], [5, 5, 5, 5, 5]]) {
          scope(() => {
            const { loss, hidden: leaf, head } = lossOf(how, weights, "float32", { hidden, stds, groundTruth });
            loss.backward();
            const all = [loss.item(), ...[leaf, head].flatMap(({ grad }) => (grad as Tensor).toNumbers())];
            assert.ok(all.every(Number.isFinite), `${how}: ${all.join(" ")}`);
          });
        }
      }
    }
  }
});

test("a picture alone makes no pair; ties pull scores together", () => {
  scope(() => {
    const vocabulary = { positionId: 3, scoreIds: [4, 5, 6], values: [1, 2, 3], scale: { min: 1, max: 3 } };
    const model = { logits: (rows: Tensor): Tensor => rows };
    const of = (rows: number[][], groundTruth: number[], groups?: string[]) => {
      const hidden = tensor(rows.flat()).reshape(-1, 7).detach().requiresGrad_();
      const input = { model, hidden, targets: rows.map(() => 3), groundTruth, ...(groups && { groups }) };
      const found = rocLoss(input, vocabulary, { ...NONE, thurstone: 1, fidelity: 1 });
      found.loss.backward();
      return { found, gradient: (hidden.grad as Tensor).toNumbers() };
    };
    const [low, high] = [[0, 0, 0, 0, 2, 0, 0], [0, 0, 0, 0, 0, 0, 2]]; // prettier-ignore
    const alone = of([low], [2]).found;
    assert.deepEqual([alone.thurstoneLoss.item(), alone.fidelityLoss.item()], [0, 0]);
    assert.equal(of([low, high], [2, 2], ["a", "b"]).found.fidelityLoss.item(), 0);
    const tie = of([low, high], [2, 2]);
    // Down the gradient the lower score's highest token gains, and the higher one's lowest.
    assert.ok((tie.gradient[6] ?? 0) < 0 && (tie.gradient[7 + 4] ?? 0) < 0, tie.gradient.join(" "));
    const right = of([low, high], [1, 3]).found.fidelityLoss.item();
    const wrong = of([low, high], [3, 1]).found.fidelityLoss.item();
    assert.ok(right < tie.found.fidelityLoss.item() || right < wrong, `${right} ${wrong}`);
  });
});

test("places of words: first tokens that differ, behind what the answers share", () => {
  const ids = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));
  const slots = answerSlots("A {light}, b {overall}.", ["bad", "ok"], ["bad", "ok"], ids);
  assert.deepEqual(slots, [
    { at: 2, ids: ids("bo") },
    { at: 9, ids: ids("bo") },
  ]);
  assert.throws(
    () => answerSlots("{overall}", ["bad"], ["bad", "best", "ok"], ids),
    (error) => isRocError(error) && error.code === "TOKENIZER_INVALID" && /first tokens/.test(error.message),
  );
});

test("digits have no distribution; what acts depends on the strategy", () => {
  assert.throws(() => checkLoss("direct", { ...NONE, soft: 1, fidelity: 2 }), {
    code: "CONFIG_INVALID",
    message: /weighs soft, fidelity.*strategy direct/,
  });
  for (const strategy of ["roc", "coupled", "level"] as const) checkLoss(strategy, { ...NONE, soft: 1 });
  checkLoss("direct", { ...NONE, l1: 1, soft: 0 });
  assert.deepEqual(actingWeights("level", { l1: 1, ce: 0, emd: 0, soft: 2 }), { text: 1, soft: 2 });
  assert.deepEqual(actingWeights("roc", { l1: 1, ce: 0, emd: 0, fidelity: 3 }), { text: 1, l1: 1, fidelity: 3 });
});
