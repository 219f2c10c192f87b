/** Malu's network of a Keras file, against Keras' computation of it. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { malu } from "../../../src/baselines/malu/index.js";
import { kerasResNet } from "../../../src/baselines/common/keras-resnet.js";
import type { Baseline } from "../../../src/baselines/types.js";
import { randomSource } from "../../../src/nn/index.js";
import { liveTensors, scope, tensor, type Tensor } from "../../../src/torch/index.js";
import { kerasNames, openSafetensors, openWeightsFile, type Checkpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";
import { assertClose, tensorsBelow } from "../common/parity.js";
import { noise } from "../common/pictures.js";

after(() => assert.equal(liveTensors(), 0));

const SIZE = 59;

async function published(settings: Record<string, unknown> = {}): Promise<Baseline> {
  using checkpoint = await openWeightsFile(fixture("baselines/malu/tiny.h5"));
  const original = malu.original?.(checkpoint);
  assert.ok(original);
  assert.deepEqual(original.config["depths"], [1, 2, 1, 1]);
  assert.equal(original.config["eps"], 2e-3, "as the file's own settings say");
  return malu.load({ ...original.config, size: SIZE, ...settings }, original.checkpoint, {}, "config.json");
}

/** Keras' variables by our names, in our layouts. */
function renamed(reference: Checkpoint, prefix: string): Map<string, Tensor> {
  const tensors = tensorsBelow(reference, prefix);
  const network = kerasResNet(
    { ...reference, path: "", info: (name: string) => reference.info(prefix + name) },
    new Map([...tensors.keys()].map((name) => [name, name])),
  );
  const entries = [...network].map(([name, { of, make }]) => [name, make(tensors.get(of[0] ?? "") as Tensor)] as const);
  const heads = [...tensors].flatMap(([name, value]) => {
    const [head = "", kind = ""] = name.split("/");
    if (/^(res|bn|conv)/.test(head)) return [];
    return [[`heads.${head}.${kind === "kernel" ? "weight" : kind}`, kind === "kernel" ? value.t() : value] as const];
  });
  return new Map([...entries, ...heads]);
}

for (const normalize of ["picture", "batch"] as const) {
  test(`a network in Keras' form is Keras': scores and features, normalised over the ${normalize}`, async () => {
    using reference = await openSafetensors(fixture("baselines/malu/reference.safetensors"));
    const model = await published({ normalize });
    assert.equal(model.mixesBatch, normalize === "batch");
    scope(() => {
      const answer = model.forward(model.inputs.batch(noise(SIZE)), false);
      assertClose(new Map(Object.entries(answer.outputs)), tensorsBelow(reference, `${normalize}/outputs/`), "output");
      const features = tensorsBelow(reference, `${normalize}/features/`);
      assertClose(new Map([["features", answer.features]]), features, "features");
    });
    model.dispose();
  });
}

test("one picture alone, normalised over the batch, has features of 0 and 1 alone: the script's way needs batches", async () => {
  const model = await published({ normalize: "batch" });
  scope(() => {
    for (const picture of noise(SIZE)) {
      const values = model.forward(model.inputs.batch([picture]), false).features.toNumbers();
      assert.ok(values.every((value) => Math.abs(value - 1) < 1e-5 || value === 0));
    }
  });
  model.dispose();
});

test("in training: outputs, weighted terms, gradients and running means are Keras'", async () => {
  using reference = await openSafetensors(fixture("baselines/malu/reference.safetensors"));
  const model = await published();
  const labels = {
    score: [0.9, 0.3, 0.5],
    BalacingElements: [0.5, -0.25, -1],
    MotionBlur: [0.5, 0.5, 0.5],
    Repetition: [1, 0, 1],
  };
  scope(() => {
    for (const parameter of model.parameters().values()) parameter.requiresGrad_();
    const answer = model.forward(model.inputs.batch(noise(SIZE)), true);
    assertClose(new Map(Object.entries(answer.outputs)), tensorsBelow(reference, "train/outputs/"), "output");
    const scores = Object.fromEntries(Object.entries(labels).map(([name, values]) => [name, tensor(values)]));
    const { loss, terms } = model.loss(answer, { scores });
    assertClose(new Map(Object.entries(terms)), tensorsBelow(reference, "train/terms/"), "term");
    loss.backward();
    const expected = renamed(reference, "train/gradients/");
    const gradients = [...model.parameters()].map(([name, { grad }]) => [name, grad] as const);
    // Heads whose attribute is not taught: 0 here, and none there.
    const taught = gradients.filter(([name]) => expected.has(name));
    for (const [name, grad] of gradients.filter(([name]) => !expected.has(name))) {
      assert.match(name, /^heads\.(MotionBlur|Repetition)\./);
      assert.ok(grad?.toNumbers().every((value) => value === 0));
    }
    assertClose(new Map(taught), expected, "gradient");
    const means = [...model.buffers()].filter(([name]) => name.endsWith("running_mean"));
    assertClose(new Map(means), renamed(reference, "train/means/"), "running mean");
  });
  model.dispose();
});

test("Keras' file of ImageNet's network is one to begin with; it is none of Malu's", async () => {
  using checkpoint = await openWeightsFile(fixture("baselines/malu/tiny.h5"));
  assert.equal(malu.pretrained?.(checkpoint, {}), undefined, "it has no third block in its last stage");
  assert.ok(kerasNames(checkpoint).has("conv1/kernel"));
});

test("scores lie on the scale that is asked for", () => {
  const wanted = { tiny: true, attributes: [{ name: "color", scale: { min: 1, max: 5 } }] };
  const model = malu.create(malu.configure({ ...wanted, scale: { min: 1, max: 10 } }), randomSource({ seed: 1 }));
  scope(() => {
    const { outputs } = model.forward(model.inputs.batch(noise(48)), false);
    for (const [name, most] of [
      ["score", 10],
      ["color", 5],
    ] as const) {
      assert.ok(outputs[name]?.toNumbers().every((value) => value > 1 && value < most));
    }
  });
  model.dispose();
});
