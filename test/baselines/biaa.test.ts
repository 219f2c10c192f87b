/** BIAA against the authors' own code (test/fixtures/baselines/biaa/make.py); stated: the largest absolute error. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { biaa } from "../../src/baselines/biaa/index.js";
import { SCORE, type Baseline } from "../../src/baselines/types.js";
import { randomSource } from "../../src/nn/index.js";
import { backward, noGrad, scope, tensor, type Tensor } from "../../src/torch/index.js";
import { fixture } from "../support.js";
import { assertStart, byFormula, expectedOf, freed, outlineOf } from "./by-formula.js";

const expected = await expectedOf("biaa");

const SMALL = {
  ...{ model_type: "biaa", scale: { min: 1, max: 5 }, image_size: 64, train_image_size: 64, resample: "bilinear" },
  ...{ width: 8, depths: [1, 1, 1, 1], classes: 20, hidden: [1024, 512], dropout: 0 },
};

/** Slopes that 0 and 1 do not hide. */
const weights = byFormula((name, size) => (/\.relu\d\./.test(name) ? new Float32Array(size).fill(0.2) : undefined));

function model(changes = {}, source = weights): Baseline & Disposable {
  return freed(biaa.create({ ...SMALL, ...changes }, source));
}

/** The network's own number, of ratings that are divided by 5. */
function share(output: Tensor | undefined): Tensor {
  assert.ok(output);
  return output.unsqueeze(1).div(5);
}

test("outputs, loss, gradients and running statistics", (t) =>
  scope(() => {
    using network = model();
    const inputs = { pixelValues: expected.pixels(4, 64) };
    expected.near(t, share(noGrad(() => network.forward(inputs, false)).outputs[SCORE]), "test");
    for (const one of network.parameters().values()) one.requiresGrad_();
    const answer = network.forward(inputs, true);
    expected.near(t, share(answer.outputs[SCORE]), "train");
    const { loss } = network.loss(answer, { scores: { [SCORE]: expected.tensor("scores").squeeze(1) } });
    expected.near(t, loss.reshape(1), "loss");
    backward(loss);
    expected.allNear(t, "grad", (name) => network.parameters().get(name)?.grad);
    expected.allNear(t, "buffer", (name) => network.buffers().get(name));
  }));

test("a new network starts as the authors' does", () => {
  using network = model({ depths: [4, 4, 4, 4] }, randomSource({ seed: 5 }));
  assertStart("biaa", network);
});

test("scores lie between 0, or a lower end of the scale, and its upper end; pictures without a rating do not count", () =>
  scope(() => {
    using network = model({ scale: { min: -2, max: 2 } });
    const answer = noGrad(() => network.forward({ pixelValues: expected.pixels(4, 64) }, false));
    const scores = answer.outputs[SCORE]?.toNumbers() ?? [];
    const shares = expected.tensor("test").toNumbers();
    scores.forEach((score, i) => assert.ok(Math.abs(score - ((shares[i] ?? NaN) * 4 - 2)) < 1e-4));
    const { loss } = network.loss(answer, { scores: { [SCORE]: tensor([1, NaN, NaN, NaN]) } });
    assert.ok(Math.abs(loss.item() - ((scores[0] ?? NaN) - 1) ** 2 / 16) < 1e-4);
  }));

const published = JSON.parse(readFileSync(fixture("baselines/biaa/names.json"), "utf8")) as Record<string, number[]>;

test("the published network's names and shapes are those that its config makes; another head names what differs", () => {
  const found = biaa.original?.(outlineOf(published));
  assert.ok(found);
  using network = freed(biaa.load(found.config, found.checkpoint, { outline: true }, "meta.pth"));
  assert.deepEqual(network.outputs, [{ name: SCORE, scale: { min: 1, max: 5 } }]);
  const other = outlineOf({ ...published, "net.fc3.weight": [10, 512] });
  assert.throws(() => biaa.original?.(other), { code: "CHECKPOINT_MISMATCH", message: /net\.fc3\.weight \[10, 512\]/ });
  assert.equal(biaa.original?.(outlineOf({ "fc.weight": [2, 2] })), undefined);
});

test("training begins with torchvision's ResNet-18 and its logits; no distribution is predicted", () => {
  const config = biaa.configure({ scale: { min: 1, max: 5 } });
  const file = Object.fromEntries(
    Object.entries(published).flatMap(([name, shape]) =>
      name.startsWith("resnet_layer.") ? [[name.slice("resnet_layer.".length), shape]] : [],
    ),
  );
  const begun = biaa.pretrained?.(outlineOf(file), config);
  assert.deepEqual(begun?.info("resnet_layer.fc.weight").shape, [1000, 512]);
  assert.equal(biaa.pretrained?.(outlineOf({ ...file, "fc.weight": [365, 512] }), config), undefined);
  assert.throws(() => biaa.configure({ scale: { min: 1, max: 10 }, bins: 10 }), { code: "USAGE", message: /bins/ });
});
