/** MAINet's public network against the authors' own code (test/fixtures/baselines/mainet/make.py); stated: the largest absolute error. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mainet } from "../../src/baselines/mainet/index.js";
import { SCORE, type Baseline, type Inputs } from "../../src/baselines/types.js";
import { randomSource } from "../../src/nn/index.js";
import { Random } from "../../src/random.js";
import { backward, fromTypedArray, noGrad, scope } from "../../src/torch/index.js";
import { filler } from "../models/support.js";
import { assertStart, byFormula, expectedOf, freed, outlineOf } from "./by-formula.js";

const expected = await expectedOf("mainet");

const SMALL = {
  ...{ model_type: "mainet", scale: { min: -1, max: 1 }, resample: "bicubic" },
  ...{ image_width: 96, image_height: 64, smaller_widths: [64, 48] as const, width: 4, depths: [1, 1, 1, 1] },
  ...{ hidden: 12, layers: 2, heads: 2, head_size: 12, feed_forward: 10, head_features: 20, grid: 4, dropout: 0 },
};

function model(changes = {}, source = byFormula()): Baseline & Disposable {
  return freed(mainet.create({ ...SMALL, ...changes }, source));
}

const SIZES = { pixelValues: [64, 96], smaller: [32, 64], smallest: [32, 32] } as const;

function inputs(): Inputs {
  const entries = Object.entries(SIZES).map(([name, [height, width]], i) => {
    const shape = [3, 3, height, width];
    const values = filler(`pixels${i}`, 9 * height * width);
    return [
      name,
      fromTypedArray(
        Float32Array.from(values, (value) => Math.fround(value) * 2),
        shape,
      ),
    ] as const;
  });
  return Object.fromEntries(entries);
}

test("outputs, loss and gradients", (t) =>
  scope(() => {
    using network = model();
    for (const one of network.parameters().values()) one.requiresGrad_();
    const answer = network.forward(inputs(), false);
    const score = answer.outputs[SCORE];
    assert.ok(score);
    expected.near(t, score, "score");
    const { loss } = network.loss(answer, { scores: { [SCORE]: expected.tensor("scores") } });
    expected.near(t, loss.reshape(1), "loss");
    backward(loss);
    expected.allNear(t, "grad", (name) => network.parameters().get(name)?.grad);
  }));

test("a new network starts as the authors' does", () => {
  using network = model({ layers: 6 }, randomSource({ seed: 5 }));
  assertStart("mainet", network);
});

test("a picture comes in three sizes, whose rows are whole places; in training all are mirrored or none", async () => {
  using network = model({}, randomSource({ seed: 1 }));
  const data = Uint8Array.from({ length: 200 * 150 * 3 }, (_, i) => (i * 7) % 256);
  const picture = { width: 200, height: 150, data };
  const prepared = await network.inputs.prepare(picture);
  assert.deepEqual([prepared.width, prepared.height], [96, 64 + 32 + 32]);
  const byFacts = await mainet.prepareBy(structuredClone(network.inputs.steps));
  assert.deepEqual(await byFacts(picture), prepared);
  scope(() => {
    const batch = network.inputs.batch([prepared]);
    const shapes = Object.fromEntries(Object.entries(batch).map(([name, { shape }]) => [name, shape.slice(2)]));
    assert.deepEqual(shapes, { pixelValues: [64, 96], smaller: [32, 64], smallest: [32, 48] });
    const values = (one: Inputs, name: string): number[] =>
      one[name]?.select(0, 0).select(0, 0).select(0, 0).toNumbers() ?? [];
    const turned = [0, 1, 2, 3, 4, 5].map((seed) => network.inputs.batch([prepared], [new Random(seed, "mirror")]));
    const isMirrored = turned.map((one) =>
      Object.keys(SIZES).map((name) => values(one, name).join() === values(batch, name).reverse().join()),
    );
    assert.ok(isMirrored.every((sizes) => new Set(sizes).size === 1));
    assert.equal(new Set(isMirrored.flat()).size, 2);
    const { pixelValues } = batch;
    assert.ok(pixelValues);
    assert.throws(() => network.forward({ pixelValues }, false), { code: "USAGE", message: /smaller is missing/ });
    assert.ok(Number.isFinite(noGrad(() => network.forward(batch, false)).outputs[SCORE]?.item()));
  });
});

test("sizes without a place, distributions and attributes are refused; torchvision's ResNet-50 is what training begins with", () => {
  assert.throws(() => model({ smaller_widths: [64, 24] }), {
    code: "CONFIG_INVALID",
    message: /no place of 32 pixels/,
  });
  const scale = { min: 0, max: 1 };
  assert.throws(() => mainet.configure({ scale, bins: 10 }), { code: "USAGE", message: /bins/ });
  assert.throws(() => mainet.configure({ scale, attributes: [{ name: "light", scale }] }), { code: "USAGE" });
  using network = model();
  const shapes = [...network.parameters(), ...network.buffers()].flatMap(([name, { shape }]) =>
    name.startsWith("model_backbone.") ? [[name.slice("model_backbone.".length), shape] as const] : [],
  );
  const begun = mainet.pretrained?.(outlineOf(Object.fromEntries(shapes)), SMALL);
  assert.ok(begun?.has("model_backbone.layer4.0.bn3.running_var"));
  assert.equal(mainet.pretrained?.(outlineOf(Object.fromEntries(shapes)), mainet.configure({ scale })), undefined);
});
