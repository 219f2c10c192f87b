import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { z } from "zod";
import { isRocError } from "../../src/errors.js";
import { LOSS_PRESETS, rocLoss, type LossWeights, type RocLossInput } from "../../src/roc/index.js";
import { liveTensors, scope, tensor, type Tensor } from "../../src/torch/index.js";
import { sumError } from "../rounding.js";
import { fixture } from "../support.js";

const numbers = z.array(z.number());
const reference = z
  .object({
    shape: numbers,
    positionId: z.number(),
    scoreIds: numbers,
    values: numbers,
    scale: z.object({ min: z.number(), max: z.number() }),
    hidden: numbers,
    head: numbers,
    headShape: numbers,
    rows: numbers,
    targets: numbers,
    groundTruth: numbers,
    distributions: z.array(numbers.nullable()),
    cases: z
      .array(
        z.object({
          weights: z.object({ l1: z.number(), ce: z.number(), emd: z.number() }),
          loss: z.number(),
          textLoss: z.number(),
          l1Loss: z.number(),
          ceLoss: z.number(),
          emdLoss: z.number(),
          scores: numbers,
          hiddenGradient: numbers,
          headGradient: numbers,
        }),
      )
      .min(4),
  })
  .parse(JSON.parse(readFileSync(fixture("roc/losses.json"), "utf8")));

/** A loss adds the logits' exponentials of 17 tokens in 14 rows; some losses are 39, where one rounding is 2e-6. */
const TERMS = 17 + 14;

function close(actual: readonly number[], expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  const error = Math.max(...actual.map((value, index) => Math.abs(value - (expected[index] as number))));
  const bound = sumError(TERMS, Math.max(...expected.map(Math.abs)));
  assert.ok(error <= bound, `${what}: maximum absolute error ${error}`);
}

/** Hidden states and a head as leaves, and the input of the loss over them. */
function leaves(change: Partial<RocLossInput> = {}): { hidden: Tensor; head: Tensor; input: RocLossInput } {
  const hidden = tensor(reference.hidden)
    .reshape(...reference.shape)
    .detach()
    .requiresGrad_();
  const head = tensor(reference.head)
    .reshape(...reference.headShape)
    .detach()
    .requiresGrad_();
  const { targets, groundTruth, distributions } = reference;
  const rows = hidden.flatten(0, 1).indexSelect(0, tensor(reference.rows, { dtype: "int64" }));
  const model = { logits: (rowsOfHidden: Tensor): Tensor => rowsOfHidden.matmul(head.t()) };
  return { hidden, head, input: { model, hidden: rows, targets, groundTruth, distributions, ...change } };
}

for (const expected of reference.cases) {
  test(`values and gradients with weights ${JSON.stringify(expected.weights)} are PyTorch's`, () => {
    scope(() => {
      const { hidden, head, input } = leaves();
      const found = rocLoss(input, reference, expected.weights);
      for (const name of ["loss", "textLoss", "l1Loss", "ceLoss", "emdLoss"] as const) {
        close([found[name].item()], [expected[name]], name);
      }
      close(found.scores.toNumbers(), expected.scores, "scores");
      found.loss.backward();
      close((hidden.grad as Tensor).toNumbers(), expected.hiddenGradient, "gradient of hidden");
      close((head.grad as Tensor).toNumbers(), expected.headGradient, "gradient of head");
    });
  });
}

test("the score loss alone moves the T_s rows of the head, no word's row and not T_p's", () => {
  scope(() => {
    const { hidden, head, input } = leaves();
    const { l1Loss } = rocLoss(input, reference, LOSS_PRESETS.paper);
    l1Loss.backward();
    const gradient = (head.grad as Tensor).toNumbers();
    const width = reference.headShape[1] as number;
    const words = gradient.slice(0, (reference.positionId + 1) * width);
    const scores = gradient.slice((reference.positionId + 1) * width);
    assert.ok(words.every((value) => value === 0));
    assert.ok(scores.some((value) => value !== 0));
    assert.ok(hidden.grad !== null);
  });
});

test("a batch without T_p has text loss only, one without votes no distribution losses", () => {
  scope(() => {
    const { input } = leaves();
    const text = rocLoss(
      { ...input, targets: input.targets.map(() => 3), groundTruth: [], distributions: [] },
      reference,
      {
        l1: 1,
        ce: 1,
        emd: 1,
      },
    );
    assert.equal(text.loss.item(), text.textLoss.item());
    assert.deepEqual(text.scores.shape, [0]);
    const unvoted = rocLoss({ ...input, distributions: [null, null, null] }, reference, LOSS_PRESETS["released-ava"]);
    assert.equal(unvoted.ceLoss.item(), 0);
    assert.equal(unvoted.loss.item(), unvoted.textLoss.item());
  });
});

test("the EMD of equal distributions has a gradient of 0, not NaN", () => {
  scope(() => {
    const uniform = new Array<number>(5).fill(0.2);
    const { hidden, input } = leaves({ distributions: [uniform, uniform, uniform] });
    const flat = { logits: (rows: Tensor): Tensor => rows.sum(-1, true).mul(0).expand(rows.size(0), 17) };
    const { emdLoss } = rocLoss({ ...input, model: flat }, reference, { l1: 0, ce: 0, emd: 1 });
    // The root of the least that is added to its square, so that the root has a gradient, and of the rounding of five shares.
    assert.ok(emdLoss.item() <= Math.sqrt(1e-12 + sumError(5, 1) ** 2));
    emdLoss.backward();
    assert.ok((hidden.grad as Tensor).toNumbers().every((value) => value === 0));
  });
});

test("lengths that disagree and votes that are missing are errors", () => {
  const fails = (change: Partial<RocLossInput>, weights: LossWeights, code: string, message: RegExp): void => {
    assert.throws(
      () => scope(() => rocLoss(leaves(change).input, reference, weights)),
      (error) => isRocError(error) && error.code === code && message.test(error.message),
    );
  };
  fails({ groundTruth: [1, 2] }, LOSS_PRESETS.paper, "USAGE", /groundTruth has 2 values, 3 expected/);
  fails({ targets: [1] }, LOSS_PRESETS.paper, "USAGE", /hidden has 8 values, 1 expected/);
  fails({ distributions: [[1, 0], null, null] }, LOSS_PRESETS.paper, "USAGE", /3 times 5/);
  scope(() => {
    const { distributions: _, ...unvoted } = leaves().input;
    assert.throws(
      () => rocLoss(unvoted, reference, LOSS_PRESETS["released-ava"]),
      (error) => isRocError(error) && error.code === "TRAINING",
    );
    assert.doesNotThrow(() => rocLoss(unvoted, reference, LOSS_PRESETS.paper));
  });
  assert.equal(liveTensors(), 0);
});
