/** HLA-GCN against the authors' own code over torch (test/fixtures/baselines/hlagcn/make.py); stated: the largest absolute error. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nearness } from "../../src/baselines/hlagcn/graph.js";
import { hlagcn } from "../../src/baselines/hlagcn/index.js";
import { SCORE, type Baseline, type Targets } from "../../src/baselines/types.js";
import { randomSource } from "../../src/nn/index.js";
import { Random } from "../../src/random.js";
import { backward, noGrad, scope, tensor } from "../../src/torch/index.js";
import { filler } from "../models/support.js";
import { assertStart, byFormula, expectedOf, freed, outlineOf } from "./by-formula.js";

const expected = await expectedOf("hlagcn");

const SMALL = {
  ...{ model_type: "hlagcn", scale: { min: 1, max: 10 }, bins: 10 },
  ...{ image_size: 96, train_image_size: 96, resample: "bilinear" },
  ...{ width: 4, depths: [1, 1, 1, 1], channels: 16, gcn_layers: 2, latent_nodes: 5 },
};

/** Of the three factors of the second module's nodes, smaller ones: variances of a million show no error of 1e-4. */
const weights = byFormula((name, size) =>
  /lagcn2\.conv_(state|proj)\.weight/.test(name)
    ? Float32Array.from(filler(name, size), (value) => value * 0.06)
    : undefined,
);

function model(changes = {}, source = weights): Baseline & Disposable {
  return freed(hlagcn.create({ ...SMALL, ...changes }, source));
}

function inputs() {
  return { pixelValues: expected.pixels(3, 96), aspect: expected.tensor("ratio") };
}

function targets(scores = [5, 5, 5]): Targets {
  return { scores: { [SCORE]: tensor(scores) }, distribution: expected.tensor("votes") };
}

test("outputs, loss, gradients and running statistics", (t) =>
  scope(() => {
    using network = model();
    const tested = noGrad(() => network.forward(inputs(), false)).outputs[SCORE];
    assert.ok(tested);
    expected.near(t, tested, "test");
    for (const one of network.parameters().values()) one.requiresGrad_();
    const answer = network.forward(inputs(), true);
    expected.near(t, answer.outputs[SCORE] ?? tensor([]), "train");
    const { loss } = network.loss(answer, targets());
    expected.near(t, loss.reshape(1), "loss");
    backward(loss);
    expected.allNear(t, "grad", (name) => network.parameters().get(name)?.grad);
    expected.allNear(t, "buffer", (name) => network.buffers().get(name));
  }));

test("near places weigh more: as published the aspect stretches rows, by the option columns", (t) =>
  scope(() => {
    const aspect = expected.tensor("ratio");
    const rows = nearness([3, 3], aspect, "rows");
    expected.near(t, rows, "near");
    // Of one picture's middle place, to the one above it and to the one on its left.
    const weights = (stretch: "rows" | "columns"): [above: number, left: number] => {
      const flat = nearness([3, 3], tensor([2]), stretch).toNumbers();
      return [flat[4 * 9 + 1] ?? NaN, flat[4 * 9 + 3] ?? NaN];
    };
    assert.deepEqual(weights("columns"), weights("rows").reverse());
    assert.ok(weights("rows")[0] < weights("rows")[1]);
  }));

test("a new network starts as the authors' does", () => {
  using network = model({ depths: [2, 2, 2, 2] }, randomSource({ seed: 5 }));
  assertStart("hlagcn", network);
});

test("pictures become squares that keep their shape; the score depends on it", async () => {
  using network = freed(
    hlagcn.create(hlagcn.configure({ scale: { min: 1, max: 10 }, tiny: true }), randomSource({ seed: 1 })),
  );
  const picture = (width: number, height: number) => {
    const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7) % 256);
    return { width, height, data };
  };
  const prepared = await Promise.all([
    network.inputs.prepare(picture(400, 100)),
    network.inputs.prepare(picture(70, 280)),
  ]);
  const byFacts = await hlagcn.prepareBy(structuredClone(network.inputs.steps));
  assert.deepEqual(await byFacts(picture(400, 100)), prepared[0]);
  scope(() => {
    const randoms = [new Random(1, "a"), new Random(1, "b")];
    for (const batch of [network.inputs.batch(prepared), network.inputs.batch(prepared, randoms)]) {
      assert.deepEqual(batch["pixelValues"]?.shape, [2, 3, 64, 64]);
      assert.deepEqual(batch["aspect"]?.toNumbers(), [4, 0.25]);
    }
    const { pixelValues } = network.inputs.batch(prepared);
    assert.ok(pixelValues);
    const scored = (aspect: number) => noGrad(() => network.forward({ pixelValues, aspect: tensor([aspect, aspect]) }, false)); // prettier-ignore
    assert.notDeepEqual(scored(4).outputs[SCORE]?.toNumbers(), scored(1).outputs[SCORE]?.toNumbers());
    assert.throws(() => network.forward({ pixelValues }, false), { code: "USAGE", message: /aspect/ });
  });
});

test("pictures without a rating do not count; of one number the model predicts a distribution too", () =>
  scope(() => {
    using network = model();
    const answer = noGrad(() => network.forward(inputs(), false));
    const part = {
      outputs: { [SCORE]: (answer.outputs[SCORE] ?? tensor([])).narrow(0, 0, 2) },
      features: answer.features,
    };
    const two = { scores: { [SCORE]: tensor([5, 5]) }, distribution: expected.tensor("votes").narrow(0, 0, 2) };
    const [some, both] = [network.loss(answer, targets([5, 5, NaN])), network.loss(part, two)];
    assert.ok(Math.abs(some.loss.item() - both.loss.item()) < 1e-6);
    const { bins } = hlagcn.configure({ scale: { min: 0, max: 10 } });
    assert.equal(bins, 10);
  }));

test("torchvision's ResNet-50 is what training begins with; ResNets of another shape are not", () => {
  const config = hlagcn.configure({ scale: { min: 1, max: 10 }, bins: 10 });
  using network = freed(hlagcn.create({ ...config, width: 4 }, randomSource({ seed: 1 })));
  const shapes = [...network.parameters(), ...network.buffers()].flatMap(([name, { shape }]) =>
    /^(conv1|bn1|layer\d)\./.test(name) ? [[name, shape] as const] : [],
  );
  const file = { ...Object.fromEntries(shapes), "fc.weight": [1000, 128], "bn1.num_batches_tracked": [] };
  const begun = hlagcn.pretrained?.(outlineOf(file), { ...config, width: 4 });
  assert.deepEqual(
    begun?.names(),
    shapes.map(([name]) => name),
  );
  assert.equal(hlagcn.pretrained?.(outlineOf(file), config), undefined);
  assert.equal(hlagcn.pretrained?.(outlineOf(file), { ...config, width: 4, depths: [3, 4, 5, 3] }), undefined);
});
