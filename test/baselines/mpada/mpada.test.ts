/** MP_ada of a TensorFlow checkpoint, against the authors' own blocks and loss. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { mpada } from "../../../src/baselines/mpada/index.js";
import type { Baseline } from "../../../src/baselines/types.js";
import { randomSource } from "../../../src/nn/index.js";
import { Random } from "../../../src/random.js";
import { liveTensors, scope, tensor, type Tensor } from "../../../src/torch/index.js";
import { openSafetensors, openWeightsFile, type Checkpoint } from "../../../src/weights/index.js";
import { fixture } from "../../support.js";
import { assertClose, tensorsBelow } from "../common/parity.js";
import { noise } from "../common/pictures.js";

after(() => assert.equal(liveTensors(), 0));

const CROP = 37;

async function published(settings: Record<string, unknown> = {}): Promise<Baseline> {
  using checkpoint = await openWeightsFile(fixture("baselines/mpada/tiny.index"));
  const original = mpada.original?.(checkpoint);
  assert.ok(original);
  assert.deepEqual(original.config["depths"], [2, 2, 1, 1]);
  const config = { ...original.config, crop: CROP, crops: 2, scale: { min: 0, max: 1 }, threshold: 0.5, ...settings };
  return mpada.load(config, original.checkpoint, {}, "config.json");
}

/** Variables by our names, in our layouts, through the reader of their checkpoint. */
function renamed(reference: Checkpoint, prefix: string): Map<string, Tensor> {
  const tensors = tensorsBelow(reference, prefix);
  const entries = [...tensors].map(([name, value]) => {
    const place = name
      .replace(/^conv0\/bn/, "bn1")
      .replace(/^conv0\/W/, "conv1/weight")
      .replace(/^linear_C2\//, "linear/")
      .replace(/group(\d)\/block(\d)/, (_, group, block) => `layer${Number(group) + 1}/${String(block)}`)
      .replace(/convshortcut\/bn/, "downsample/1")
      .replace(/convshortcut/, "downsample/0")
      .replace(/conv(\d)\/bn/, "bn$1");
    const last = {
      W: "weight",
      b: "bias",
      gamma: "weight",
      beta: "bias",
      mean: "running_mean",
      variance: "running_var",
    };
    const path = place.replace("/EMA", "").split("/");
    const kind = path.pop() ?? "";
    const own = [...path, last[kind as keyof typeof last] ?? kind].join(".");
    const order = value.shape.length === 4 ? [3, 2, 0, 1] : value.shape.length === 2 ? [1, 0] : undefined;
    return [own, order ? value.permute(...order) : value] as const;
  });
  return new Map(entries);
}

test("a TensorFlow checkpoint of MP_ada: the mean probability over crops, the loss, gradients, statistics", async () => {
  using reference = await openSafetensors(fixture("baselines/mpada/reference.safetensors"));
  const model = await published({ beta: 1.7 });
  const plain = await published({ beta: 0 });
  scope(() => {
    const pixels = tensorsBelow(reference, "inputs/pixels/").get("pixelValues") as Tensor;
    const tested = model.forward({ pixelValues: pixels }, false);
    const good = tensorsBelow(reference, "test/probability/").get("good") as Tensor;
    assertClose(new Map([["score", tested.outputs["score"]]]), new Map([["score", good]]), "probability");
    for (const parameter of model.parameters().values()) parameter.requiresGrad_();
    const first = { pixelValues: pixels.narrow(1, 0, 1) };
    const answer = model.forward(first, true);
    const values = tensorsBelow(reference, "train/values/");
    const logits = values.get("logits") as Tensor;
    assertClose(
      new Map([["score", answer.outputs["score"]]]),
      new Map([["score", logits.softmax(1).select(1, 1)]]),
      "in training",
    );
    const targets = { scores: { score: tensor([0.5, 0.25]) } };
    // Training hands over an answer of its own, whose tensors are converted.
    const { loss } = model.loss({ ...answer }, targets);
    const other = plain.loss(plain.forward(first, true), targets).loss;
    assertClose(
      new Map([
        ["loss", loss],
        ["plain", other],
        ["logits", logits],
      ]),
      values,
      "loss",
    );
    loss.backward();
    const gradients = new Map([...model.parameters()].map(([name, { grad }]) => [name, grad]));
    assertClose(gradients, renamed(reference, "train/gradients/"), "gradient");
    assertClose(model.buffers(), renamed(reference, "train/after/"), "running statistics");
  });
  model.dispose();
  plain.dispose();
});

test("crops lie anywhere in the picture, at places that repeat; one in training", () => {
  const wanted = { tiny: true, scale: { min: 1, max: 10 } };
  const model = mpada.create(mpada.configure(wanted), randomSource({ seed: 5 }));
  const pictures = noise(40);
  scope(() => {
    const { pixelValues } = model.inputs.batch(pictures);
    assert.deepEqual(pixelValues?.shape, [3, 3, 3, 32, 32]);
    const alone = model.inputs.batch(pictures.slice(2));
    assert.deepEqual(alone["pixelValues"]?.toNumbers(), pixelValues.select(0, 2).toNumbers(), "whatever the batch");
    const crops = [0, 1, 2].map((n) => pixelValues.select(0, 0).select(0, n).toNumbers().join());
    assert.equal(new Set(crops).size, 3);
    const trained = model.inputs.batch(
      pictures,
      [1, 2, 3].map((seed) => new Random(seed)),
    );
    assert.deepEqual(trained["pixelValues"]?.shape, [3, 1, 3, 32, 32]);
    const { outputs } = model.forward(model.inputs.batch(pictures), false);
    assert.ok(outputs["score"]?.toNumbers().every((score) => score > 1 && score < 10));
  });
  model.dispose();
});

test("votes are shares of the crops; a rating of the threshold is good; pictures without one do not count", async () => {
  using reference = await openSafetensors(fixture("baselines/mpada/reference.safetensors"));
  const model = await published({ score: "votes", scale: { min: 1, max: 10 }, threshold: 5 });
  scope(() => {
    const pixelValues = tensorsBelow(reference, "inputs/pixels/").get("pixelValues") as Tensor;
    const answer = model.forward({ pixelValues }, false);
    assert.ok(answer.outputs["score"]?.toNumbers().every((score) => [1, 5.5, 10].includes(score)));
    const lossOf = (scores: number[]): number => model.loss(answer, { scores: { score: tensor(scores) } }).loss.item();
    assert.equal(lossOf([5, NaN]), lossOf([9, NaN]));
    assert.notEqual(lossOf([5, NaN]), lossOf([4.99, NaN]));
    assert.equal(lossOf([NaN, NaN]), 0);
  });
  model.dispose();
});

test("training begins with torchvision's ResNet-18 too, whose first convolution sees red first", async () => {
  using reference = await openSafetensors(fixture("baselines/common/resnet.safetensors"));
  scope(() => {
    // Of a network with two blocks more, by names.
    const deep = [3, 4].map((stage) => `layer${stage}.1.conv2.weight`);
    const tensors = tensorsBelow(reference, "basic/weights/");
    const checkpoint: Checkpoint = {
      path: "resnet18.pth",
      metadata: {},
      names: () => [...tensors.keys(), ...deep, "fc.weight", "bn1.num_batches_tracked"],
      has: (name) => tensors.has(name) || deep.includes(name),
      info: (name) => reference.info(`basic/weights/${name}`),
      tensor: (name) => tensors.get(name) as Tensor,
      drop: () => undefined,
      dispose: () => undefined,
      [Symbol.dispose]: () => undefined,
    };
    const found = mpada.pretrained?.(checkpoint, {});
    assert.ok(found);
    assert.deepEqual(found.names().sort(), [...tensors.keys(), ...deep].sort());
    const values = (name: string, channel: number): unknown => found.tensor(name).select(1, channel).toNumbers();
    assert.deepEqual(values("conv1.weight", 0), tensors.get("conv1.weight")?.select(1, 2).toNumbers());
    assert.deepEqual(
      values("layer1.0.conv1.weight", 0),
      tensors.get("layer1.0.conv1.weight")?.select(1, 0).toNumbers(),
    );
  });
});
