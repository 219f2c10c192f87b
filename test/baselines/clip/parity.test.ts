/** Against transformers 5.24 and PyTorch's own layers (test/fixtures/baselines/clip/make.py), float32 on the CPU. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { laion } from "../../../src/baselines/clip/index.js";
import { laionFacts } from "../../../src/baselines/clip/facts.js";
import { original } from "../../../src/baselines/clip/original.js";
import { SCORE, type Baseline } from "../../../src/baselines/types.js";
import { withDropout } from "../../../src/nn/index.js";
import { backward, fromTypedArray, liveTensors, noGrad, randn, scope, type Tensor } from "../../../src/torch/index.js";
import { openCheckpoint, type Checkpoint } from "../../../src/weights/index.js";
import { difference } from "../../models/support.js";
import { FEATURES_ERROR, RELATIVE_ERROR, sumError } from "../../rounding.js";
import { fixture } from "../../support.js";
import { configOf, HERE, loaded, openExpected, towerWith } from "./support.js";

const alive = liveTensors();
let expected: Checkpoint;

before(async () => {
  expected = await openExpected();
});

after(() => {
  expected.dispose();
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

function score(model: Baseline, pixelValues: Tensor, training = false): Tensor {
  return model.forward({ pixelValues }, training).outputs[SCORE] as Tensor;
}

/** Scores are up to 12 embeddings of length 1 through a head whose outputs stay below 8. */
const HEAD_ERROR = sumError(12 + 16 + 8 + 6 + 4, 8);

for (const name of ["linear", "mlp", "relu"]) {
  test(`${name}: embedding, score, and the gradients of all parameters`, async (t) => {
    const model = loaded(await towerWith(name));
    for (const parameter of model.parameters().values()) parameter.requiresGrad_(true);
    scope(() => {
      const answer = model.forward({ pixelValues: expected.tensor("pixels") }, false);
      const scores = { [SCORE]: expected.tensor("rated") };
      const { loss, terms } = model.loss(answer, { scores });
      assert.deepEqual(Object.keys(terms), ["mse"]);
      const errors = {
        embedding: difference(answer.features, expected.tensor("embeds")),
        score: difference(answer.outputs[SCORE] as Tensor, expected.tensor(`${name}.score`)),
      };
      t.diagnostic(JSON.stringify(errors));
      assert.ok(errors.embedding < FEATURES_ERROR && errors.score < FEATURES_ERROR + HEAD_ERROR, JSON.stringify(errors)); // prettier-ignore
      backward(loss);
      const wanted = expected.names().filter((other) => other.startsWith(`${name}.grad.`));
      const names = wanted.map((other) => other.slice(`${name}.grad.`.length)).sort();
      assert.deepEqual([...model.parameters().keys()].sort(), names, "every parameter has a gradient to compare with");
      let [worst, largest] = [0, 0];
      for (const [parameter, tensor] of model.parameters()) {
        const reference = expected.tensor(`${name}.grad.${parameter}`);
        assert.ok(tensor.grad, parameter);
        worst = Math.max(worst, difference(tensor.grad, reference));
        largest = Math.max(largest, reference.abs().max().item());
      }
      t.diagnostic(`gradients: max abs error ${worst.toExponential(1)} of ${largest.toFixed(2)}`);
      assert.ok(worst < RELATIVE_ERROR * largest, `max abs error ${worst}`);
    });
    model.dispose();
  });

  test(`${name}: dropout draws PyTorch's masks in training, and none otherwise`, async (t) => {
    const model = loaded(await towerWith(name));
    noGrad(() =>
      scope(() => {
        const pixels = expected.tensor("pixels");
        const error = difference(withDropout(11, () => score(model, pixels, true)), expected.tensor(`${name}.dropout`)); // prettier-ignore
        t.diagnostic(`max abs error ${error.toExponential(1)}`);
        assert.ok(error < FEATURES_ERROR + HEAD_ERROR, `max abs error ${error}`);
        const apart = difference(expected.tensor(`${name}.dropout`), expected.tensor(`${name}.score`));
        assert.equal(apart > 0.01, name !== "linear", "the masks matter");
      }),
    );
    model.dispose();
  });
}

test("pixel values are those of transformers' processor to the bit, on a thread without libtorch too", async () => {
  const model = loaded(await towerWith("linear"));
  const prepare = await laionFacts.prepareBy(structuredClone(model.inputs.steps));
  const pictures = [0, 1, 2].map((i) =>
    scope(() => {
      const pixels = expected.tensor(`picture.${i}`);
      const [height = 0, width = 0] = pixels.shape;
      return { width, height, data: Uint8Array.from(pixels.toNumbers()) };
    }),
  );
  for (const ways of [{ prepare }, model.inputs]) {
    const prepared = await Promise.all(pictures.map((picture) => ways.prepare(picture)));
    scope(() => {
      const { pixelValues } = model.inputs.batch(prepared);
      assert.deepEqual(pixelValues?.toNumbers(), expected.tensor("pixels").toNumbers());
    });
  }
  model.dispose();
});

test("an all-in-one folder (a .bin, the tower's fields at the top) scores as tower and head", async () => {
  const folder = fixture(`${HERE}/one`);
  const found = original(await openCheckpoint(folder), await configOf(folder));
  assert.ok(found);
  assert.equal(found.what, "a CLIP tower with a linear head (LAION v1)");
  const model = loaded(found);
  noGrad(() =>
    scope(() => {
      const error = difference(score(model, expected.tensor("pixels")), expected.tensor("linear.score"));
      assert.ok(error < FEATURES_ERROR + HEAD_ERROR, `max abs error ${error}`);
    }),
  );
  model.dispose();
});

test("v2's chain without activations is one affine map in evaluation", async () => {
  const { config, checkpoint } = await towerWith("mlp");
  const maps = [0, 2, 4, 6, 7].map((i) => ["weight", "bias"].map((part) => `layers.${i}.${part}`));
  const model = laion.load(config, checkpoint, {}, "config.json");
  noGrad(() =>
    scope(() => {
      // Collapsed: W = W5 W4 W3 W2 W1, b in the same way.
      let [weight, bias] = [undefined, undefined] as [Tensor | undefined, Tensor | undefined];
      for (const [w, b] of maps as [string, string][]) {
        const [map, shift] = [checkpoint.tensor(w), checkpoint.tensor(b)];
        weight = weight ? map.matmul(weight) : map;
        bias = bias ? map.matmul(bias).add(shift) : shift;
      }
      const { outputs, features } = model.forward({ pixelValues: randn([5, 3, 16, 16]) }, false);
      const collapsed = features.matmul((weight as Tensor).t()).add(bias as Tensor).squeeze(1); // prettier-ignore
      const error = difference(outputs[SCORE] as Tensor, collapsed);
      assert.ok(error < HEAD_ERROR, `max abs error ${error}`);
    }),
  );
  checkpoint.dispose();
  model.dispose();
});

test("pictures without a rating do not count in the loss", async () => {
  const model = loaded(await towerWith("mlp"));
  noGrad(() =>
    scope(() => {
      const all = model.forward({ pixelValues: expected.tensor("pixels") }, false);
      const one = model.forward({ pixelValues: expected.tensor("pixels").narrow(0, 1, 1) }, false);
      const rated = (values: readonly number[]) => ({ scores: { [SCORE]: fromTypedArray(Float32Array.from(values), [values.length]) } }); // prettier-ignore
      const [some, alone] = [model.loss(all, rated([NaN, 7.5, NaN])), model.loss(one, rated([7.5]))];
      assert.ok(Math.abs(some.loss.item() - alone.loss.item()) < 1e-3);
    }),
  );
  model.dispose();
});
