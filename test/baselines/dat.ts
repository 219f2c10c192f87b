/** What the tests of EAT and ICAA share: the tiny size of test/fixtures/baselines/dat.py. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Answer, Baseline, Targets } from "../../src/baselines/types.js";
import { backward, cat, noGrad, scope, type Tensor } from "../../src/torch/index.js";
import { difference } from "../models/support.js";
import { pixels, type Expected } from "./by-formula.js";
import { CONTRACT } from "./common/parity.js";

export const SMALL_DAT = {
  ...{ image_size: 32, train_image_size: 32, resample: "bicubic", patch_size: 2, dims: [4, 8, 16, 32] },
  ...{ stages: ["LS", "LS", "LD", "LD"], heads: [1, 2, 4, 4], groups: [1, 1, 2, 2], window_size: 2, expansion: 2 },
  ...{ offset_range: 2, drop_path_rate: 0 },
};

const BATCH = 3;

/** What a test holds against the authors' code. */
export interface Parity {
  readonly name: string;
  readonly expected: Expected;
  readonly model: Baseline;
  readonly targets: Targets;
  /** An answer as the authors give it, `[B, columns]`. */
  readonly predicted: (answer: Answer) => Tensor;
  readonly rename?: (name: string) => string;
}

function oneByOne(model: Baseline, inputs: Tensor, predicted: Parity["predicted"]): Tensor {
  const parts = Array.from({ length: BATCH }, (_, i) => inputs.narrow(0, i, 1));
  return cat(parts.map((pixelValues) => predicted(model.forward({ pixelValues }, false))));
}

/** Outputs of a batch and of pictures one by one, loss and gradients. */
export function assertParity(t: TestContext, { name, expected, model, targets, predicted, rename }: Parity): void {
  scope(() => {
    const inputs = { pixelValues: expected.pixels(BATCH, 32) };
    noGrad(() => {
      expected.near(t, predicted(model.forward(inputs, false)), `${name}.test`);
      expected.near(t, oneByOne(model, inputs.pixelValues, predicted), `${name}.alone`);
    });
    for (const one of model.parameters().values()) one.requiresGrad_();
    const { loss } = model.loss(model.forward(inputs, true), targets);
    expected.near(t, loss.reshape(1), `${name}.loss`);
    backward(loss);
    expected.allNear(t, `${name}.grad`, (parameter) => model.parameters().get(parameter)?.grad, rename);
  });
}

/** With points of a batch pictures see each other, with their own they do not. */
export function assertReferences(
  make: (reference: "batch" | "picture") => Baseline & Disposable,
  predicted: Parity["predicted"],
): void {
  scope(() => {
    for (const reference of ["batch", "picture"] as const) {
      using model = make(reference);
      const inputs = pixels(BATCH, 32);
      assert.equal(model.mixesBatch, reference === "batch");
      const [together, alone] = noGrad(() => [predicted(model.forward({ pixelValues: inputs }, false)), oneByOne(model, inputs, predicted)] as const); // prettier-ignore
      const error = difference(alone, together);
      assert.equal(error < CONTRACT, reference === "picture", `${reference}: ${error}`);
    }
  });
}
