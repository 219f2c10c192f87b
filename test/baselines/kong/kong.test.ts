/** Kong's network of a Caffe file, against OpenCV's and PyTorch's computation of it. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { kong } from "../../../src/baselines/kong/index.js";
import { comparedPairs } from "../../../src/baselines/kong/pairs.js";
import type { Baseline, Targets } from "../../../src/baselines/types.js";
import { randomSource } from "../../../src/nn/index.js";
import { liveTensors, scope, tensor } from "../../../src/torch/index.js";
import { openSafetensors, openWeightsFile } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";
import { assertClose, tensorsBelow } from "../common/parity.js";
import { noise } from "../common/pictures.js";

after(() => assert.equal(liveTensors(), 0));

const SIZE = 67;

async function published(settings: Record<string, unknown>): Promise<Baseline> {
  using checkpoint = await openWeightsFile(fixture("baselines/kong/tiny.caffemodel"));
  const original = kong.original?.(checkpoint);
  assert.ok(original);
  return kong.load({ ...original.config, ...settings }, original.checkpoint, {}, "config.json");
}

const NaNs = [NaN, NaN, NaN];

function targets(): Targets {
  const scores = {
    score: [0.9, 0.3, 0.5],
    BalacingElements: [0.5, NaN, -1],
    ColorHarmony: [-0.25, 0.75, 0.5],
    Repetition: NaNs,
  };
  return {
    scores: Object.fromEntries(Object.entries(scores).map(([name, values]) => [name, tensor(values)])),
    raters: [["a"], ["b", "c"], ["c"]],
  };
}

const ours = (name: string): string => name.replace("BalancingElement", "BalacingElements");

test("a network in Caffe's form is OpenCV's and PyTorch's: pixels to scores, losses, gradients", async () => {
  using reference = await openSafetensors(fixture("baselines/kong/reference.safetensors"));
  const model = await published({ clip: false, dropout: 0 });
  assert.deepEqual(
    model.outputs.map(({ name }) => name),
    ["score", "BalacingElements", "ColorHarmony", "Repetition"],
  );
  const prepared = await Promise.all(noise(SIZE).map((picture) => model.inputs.prepare(picture)));
  scope(() => {
    for (const parameter of model.parameters().values()) parameter.requiresGrad_();
    const answer = model.forward(model.inputs.batch(prepared), true);
    const renamed = (part: string): Map<string, ReturnType<typeof tensor>> =>
      new Map([...tensorsBelow(reference, `tiny/${part}/`)].map(([name, value]) => [ours(name), value]));
    assertClose(new Map(Object.entries(answer.outputs)), renamed("outputs"), "output");
    assertClose(new Map([["features", answer.features]]), renamed("features"), "features");
    const { loss, terms } = model.loss(answer, targets());
    assertClose(new Map(Object.entries(terms)), renamed("terms"), "term");
    loss.backward();
    const gradients = [...model.parameters()].flatMap(([name, { grad }]) => (grad ? [[name, grad] as const] : []));
    // The attribute that no picture has a rating of has gradients of 0 here.
    const unrated = ["fc9_Repetition.weight", "fc9_Repetition.bias"];
    for (const [name, grad] of gradients.filter(([name]) => unrated.includes(name))) {
      assert.ok(
        grad.toNumbers().every((value) => value === 0),
        name,
      );
    }
    assertClose(new Map(gradients.filter(([name]) => !unrated.includes(name))), renamed("gradients"), "gradient");
  });
  model.dispose();
});

test("numbers beyond a range are put at its end in a test; attributes without a bad side end at 0", async () => {
  const model = await published({});
  const prepared = noise(SIZE);
  scope(() => {
    const answer = model.forward(model.inputs.batch(prepared), false);
    // The reference has scores of 2 and more.
    assert.deepEqual(answer.outputs["score"]?.toNumbers(), [1, 1, 1]);
    for (const parameter of ["fc9_Repetition.bias", "fc9_ColorHarmony.bias"]) {
      model.parameters().get(parameter)?.sub_(5);
    }
    const low = model.forward(model.inputs.batch(prepared), false);
    assert.deepEqual(low.outputs["Repetition"]?.toNumbers(), [0, 0, 0]);
    assert.deepEqual(low.outputs["ColorHarmony"]?.toNumbers(), [-1, -1, -1]);
  });
  model.dispose();
});

test("pairs are those of ratings far apart or of one rater, the better first; of equal ratings none", () => {
  assert.deepEqual(comparedPairs([0.1, 0.6, 0.3], 0.5), [[1, 0]]);
  assert.deepEqual(comparedPairs([0.1, 0.6, 0.3], 0.5, [["x"], ["y"], ["x"]]), [
    [1, 0],
    [2, 0],
  ]);
  assert.deepEqual(comparedPairs([0.5, 0.5], 0, [["x"], ["x"]]), []);
  assert.deepEqual(comparedPairs([0.9, 0.3, 0.5], 0.5, [[], ["b", "c"], ["c"]]), [
    [0, 1],
    [2, 1],
  ]);
});

test("on another scale scores are the same share of it; a distribution is refused", () => {
  const wanted = { tiny: true, attributes: [{ name: "light", scale: { min: 1, max: 5 } }] };
  const models = [
    { min: 0, max: 1 },
    { min: 1, max: 11 },
  ].map((scale) => kong.create({ ...kong.configure({ ...wanted, scale }), dropout: 0 }, randomSource({ seed: 3 })));
  scope(() => {
    const [one, ten] = models.map((model) => model.forward(model.inputs.batch(noise(SIZE)), true).outputs["score"]);
    const scaled = one?.toNumbers().map((value) => 1 + 10 * value) ?? [];
    assert.ok(
      Math.abs((scaled[0] ?? 0) - (scaled[1] ?? 0)) > 1e-7,
      "a narrow network tells pictures apart before it is trained",
    );
    ten?.toNumbers().forEach((value, i) => assert.ok(Math.abs(value - (scaled[i] ?? NaN)) < 1e-4, `${value}`));
  });
  for (const model of models) model.dispose();
  assert.throws(() => kong.configure({ scale: { min: 1, max: 10 }, bins: 10 }), { code: "USAGE" });
});

test("a Caffe file without its mean picture, and one that lacks a layer, are told", async () => {
  using checkpoint = await openWeightsFile(fixture("baselines/kong/tiny.caffemodel"));
  const without = (name: string): typeof checkpoint => ({
    ...checkpoint,
    path: checkpoint.path,
    names: () => checkpoint.names().filter((one) => one !== name),
    has: (one) => one !== name && checkpoint.has(one),
    info: (one) => checkpoint.info(one),
    tensor: (one) => checkpoint.tensor(one),
    drop: (one) => {
      checkpoint.drop(one);
    },
    dispose: () => undefined,
    [Symbol.dispose]: () => undefined,
  });
  assert.throws(() => kong.original?.(without("mean")), {
    code: "CHECKPOINT_MISMATCH",
    message: /mean_AADB_regression_warp256\.binaryproto/,
  });
  assert.throws(() => kong.original?.(without("fc8_ColorHarmony/0")), { message: /lacks fc8_ColorHarmony/ });
  assert.equal(kong.original?.(without("fc11_score/0")), undefined);
});

test("training begins with the layers that CaffeNet's file shares with it", async () => {
  using checkpoint = await openWeightsFile(fixture("baselines/kong/tiny.caffemodel"));
  const found = kong.pretrained?.(checkpoint, {});
  const layers = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"];
  assert.deepEqual(
    found?.names(),
    layers.flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]),
  );
  assert.deepEqual(found.info("fc6.weight").shape, [128, 8]);
});
