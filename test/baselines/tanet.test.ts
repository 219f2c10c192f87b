/** TANet against the authors' own code (test/fixtures/baselines/tanet/make.py); stated: the largest absolute error. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { tanet } from "../../src/baselines/tanet/index.js";
import { SCORE, type Baseline } from "../../src/baselines/types.js";
import { randomSource } from "../../src/nn/index.js";
import { backward, cat, noGrad, scope, tensor, type Tensor } from "../../src/torch/index.js";
import { outlineSource } from "../../src/weights/index.js";
import { difference } from "../models/support.js";
import { fixture } from "../support.js";
import { assertStart, byFormula, expectedOf, freed, outlineOf, pixels } from "./by-formula.js";
import { CONTRACT } from "./common/parity.js";

const expected = await expectedOf("tanet");

const SMALL = {
  ...{ image_size: 64, train_image_size: 64, resample: "bicubic", theme_width: 8, theme_depths: [1, 1, 1, 1] },
  ...{ theme_classes: 20, theme_features: 16, mobilenet_width: 0.25, mobilenet_features: 1280, rgb_grid: 3 },
  ...{ theme_dropout: 0, dropout: 0 },
};
const HEADS = {
  ava: { scale: { min: 1, max: 10 }, bins: 10 },
  tad: { scale: { min: 0, max: 10 } },
};
type HeadName = keyof typeof HEADS;

/** Biases of MobileNetV2's batch norms that keep its numbers away from the kinks of ReLU6. */
const MOVED = new Set(expected.under("moved"));

/** The authors' own start of a slope is left for one that 0 and 1 do not hide. */
const weights = byFormula((name, size) => {
  if (MOVED.has(name)) return scope(() => expected.tensor(`moved.${name}`).toFloat32Array());
  return /\.relu\d\./.test(name) ? new Float32Array(size).fill(0.2) : undefined;
});

function model(head: HeadName, theme: "picture" | "batch", source = weights): Baseline & Disposable {
  return freed(tanet.create({ model_type: "tanet", ...SMALL, ...HEADS[head], theme }, source));
}

test("a new network starts as the authors' does", () => {
  using network = model("tad", "batch", randomSource({ seed: 5 }));
  assertStart("tanet", network);
});

function targets(head: HeadName) {
  const scores = { [SCORE]: expected.tensor("scores").squeeze(1) };
  return head === "ava" ? { scores, distribution: expected.tensor("votes") } : { scores };
}

/** What the authors predict: a number as a tenth of the score. */
function predicted(output: Tensor | undefined, head: HeadName): Tensor {
  assert.ok(output);
  return head === "ava" ? output : output.unsqueeze(1).div(10);
}

/** Cases of the fixture: the authors' networks, and one with each picture's own theme. */
const CASES = [
  { name: "ava", head: "ava", theme: "batch" },
  { name: "tad", head: "tad", theme: "batch" },
  { name: "own", head: "ava", theme: "picture" },
] as const;

for (const { name, head, theme } of CASES) {
  test(`${name}: outputs, loss, gradients and running statistics`, (t) =>
    scope(() => {
      using network = model(head, theme);
      assert.equal(network.mixesBatch, theme === "batch");
      const inputs = { pixelValues: expected.pixels(8, 64) };
      const tested = noGrad(() => network.forward(inputs, false));
      expected.near(t, predicted(tested.outputs[SCORE], head), `${name}.test`);
      for (const one of network.parameters().values()) one.requiresGrad_();
      const answer = network.forward(inputs, true);
      expected.near(t, predicted(answer.outputs[SCORE], head), `${name}.train`);
      const { loss } = network.loss(answer, targets(head));
      expected.near(t, loss.reshape(1), `${name}.loss`);
      backward(loss);
      expected.allNear(t, `${name}.grad`, (parameter) => network.parameters().get(parameter)?.grad);
      expected.allNear(t, `${name}.buffer`, (buffer) => network.buffers().get(buffer));
    }));
}

test("per picture: no picture sees the others, and the theme counts; the published code's pictures see each other", () =>
  scope(() => {
    for (const head of ["ava", "tad"] as const) {
      const inputs = pixels(4, 64);
      const parts = Array.from({ length: 4 }, (_, i) => inputs.narrow(0, i, 1));
      const apart = (network: Baseline): Tensor =>
        cat(parts.map((pixelValues) => network.forward({ pixelValues }, false).outputs[SCORE] as Tensor));
      for (const theme of ["picture", "batch"] as const) {
        using network = model(head, theme);
        const [together, alone] = noGrad(() => [network.forward({ pixelValues: inputs }, false), apart(network)] as const); // prettier-ignore
        const error = difference(alone, together.outputs[SCORE] as Tensor);
        assert.equal(error < CONTRACT, theme === "picture", `${head}, ${theme}: ${error}`);
        const [, themes] = [10, 20].map((end) => together.features.narrow(1, end - 10, 10));
        assert.ok(
          (themes as Tensor)
            .sub((themes as Tensor).narrow(0, 0, 1))
            .abs()
            .max()
            .item() > 1e-3,
        );
      }
    }
  }));

test("one picture of the published variant has a theme of zeros (AVA) or ones (TAD66K); training on it stays finite", () =>
  scope(() => {
    for (const [head, theme] of [
      ["ava", 0],
      ["tad", 1],
    ] as const) {
      using network = model(head, "batch");
      const { features } = noGrad(() => network.forward({ pixelValues: pixels(1, 64) }, false));
      assert.deepEqual(
        features.narrow(1, 10, 10).toNumbers(),
        Array.from({ length: 10 }, () => theme),
      );
      const trained = noGrad(() => network.forward({ pixelValues: pixels(1, 64) }, true));
      assert.ok(trained.features.toNumbers().every(Number.isFinite));
      assert.ok([...network.buffers().values()].every((one) => one.toNumbers().every(Number.isFinite)));
    }
  }));

test("pictures without a rating do not count", () =>
  scope(() => {
    for (const head of ["ava", "tad"] as const) {
      using network = model(head, "picture");
      const scoreOf = (from: number, count: number) => network.forward({ pixelValues: pixels(4, 64).narrow(0, from, count) }, false); // prettier-ignore
      const { distribution, scores } = targets(head);
      const rated = { scores: { [SCORE]: (scores[SCORE]).narrow(0, 0, 3) }, ...(distribution && { distribution: distribution.narrow(0, 0, 3) }) }; // prettier-ignore
      const unrated = { scores: { [SCORE]: cat([rated.scores[SCORE], tensor([NaN])]) }, ...(distribution && { distribution: distribution.narrow(0, 0, 4) }) }; // prettier-ignore
      const [all, some] = noGrad(() => [
        network.loss(scoreOf(0, 4), unrated).loss.item(),
        network.loss(scoreOf(0, 3), rated).loss.item(),
      ]);
      assert.ok(Math.abs((all ?? NaN) - (some ?? NaN)) < 1e-5, `${all} and ${some}`);
    }
  }));

test("the scene classifier is no parameter: nothing trains it, and a checkpoint holds it", () => {
  using network = freed(
    tanet.create(tanet.configure({ scale: { min: 1, max: 10 }, bins: 5, tiny: true }), randomSource({ seed: 1 })),
  );
  assert.equal(network.outputs[0]?.values?.length, 5);
  assert.ok([...network.parameters().keys()].every((name) => !name.startsWith("res365_last")));
  assert.ok(network.buffers().has("res365_last.conv1.weight"));
});

/** Names and shapes of the authors' networks. */
function published(head: HeadName): Record<string, number[]> {
  const all = JSON.parse(readFileSync(fixture("baselines/tanet/names.json"), "utf8")) as Record<
    HeadName,
    Record<string, number[]>
  >;
  return { ...all.ava, ...all[head] };
}

for (const head of ["ava", "tad"] as const) {
  test(`${head}: the published file's names and shapes are those of the network that its config makes`, () => {
    const file = outlineOf(published(head));
    const found = tanet.original?.(file);
    assert.ok(found);
    using network = freed(tanet.load(found.config, found.checkpoint, { outline: true }, "published.pth"));
    assert.equal(network.outputs[0]?.values?.length, HEADS[head as "ava"].bins);
  });
}

test("other weights are none of its; a head of another size names what differs", () => {
  assert.equal(tanet.original?.(outlineOf({ "fc.weight": [2, 2] })), undefined);
  const other = outlineOf({ ...published("ava"), "head.2.weight": [5, 30] });
  assert.throws(() => tanet.original?.(other), {
    code: "CHECKPOINT_MISMATCH",
    message: /head\.2\.weight is \[5, 30\]/,
  });
});

test("Places365's ResNet, MobileNetV2 and a whole TANet are what training begins with; ImageNet's ResNet is not", () => {
  const names = published("ava");
  const part = (prefix: string, rename: (name: string) => string): Record<string, number[]> =>
    Object.fromEntries(
      Object.entries(names).flatMap(([name, shape]) =>
        name.startsWith(prefix) ? [[rename(name.slice(prefix.length)), shape]] : [],
      ),
    );
  const config = tanet.configure({ scale: { min: 1, max: 10 }, bins: 10 });
  const scenes = part("res365_last.", (name) => `module.${name}`);
  const begun = tanet.pretrained?.(outlineOf(scenes), config);
  assert.deepEqual(begun?.info("res365_last.fc.weight").shape, [365, 512]);
  const imagenet = tanet.pretrained?.(outlineOf({ ...scenes, "module.fc.weight": [1000, 512] }), config);
  assert.equal(imagenet, undefined);
  const mobile = {
    ...part("mobileNet.base_model.0.", (name) => `features.${name}`),
    "classifier.1.weight": [1000, 1280],
  };
  const look = tanet.pretrained?.(outlineOf(mobile), config);
  assert.deepEqual(look?.info("mobileNet.base_model.0.0.0.weight").shape, [32, 3, 3, 3]);
  using fresh = freed(tanet.create(config, outlineSource("float32")));
  const whole = tanet.pretrained?.(outlineOf(names), config);
  assert.ok(!whole?.has("head.2.weight") && whole?.has("head_rgb.2.weight"));
  for (const name of [begun, look, whole].flatMap((one) => one?.names() ?? []))
    assert.ok(fresh.parameters().has(name) || fresh.buffers().has(name), name);
});
