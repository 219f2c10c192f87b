import assert from "node:assert/strict";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { llavaConfig } from "../../src/models/llava/small.js";
import { LlavaModel, parseLlavaConfig } from "../../src/models/llava/index.js";
import { attachLora, linearMaps } from "../../src/models/lora.js";
import { type LinearForm, mapSource, randomSource } from "../../src/nn/index.js";
import { Linear, Params } from "../../src/nn/index.js";
import { liveTensors, ones, scope, type Tensor } from "../../src/torch/index.js";
import { trainedParameters } from "../../src/train/optim/groups.js";

const SIZES = {
  ...{ imageSize: 28, patch: 14, resize: "stretch" as const, visionWidth: 24, visionLayers: 2, visionHeads: 2 },
  ...{ textWidth: 32, textLayers: 2, textHeads: 2, vocabulary: 50 },
};
const makeModel = (): LlavaModel =>
  new LlavaModel(parseLlavaConfig(llavaConfig(SIZES, 50, 49, 0)), randomSource({ seed: 4 }));

/** Twice what the plain weight gives. */
class Doubled implements LinearForm {
  readonly name = "doubled";
  disposed = 0;

  constructor(private readonly weight: Tensor) {}

  forward(x: Tensor, bias: Tensor | null): Tensor {
    const y = x.matmul(this.weight.t());
    return (bias ? y.add(bias) : y).mul(2);
  }

  dispose(): void {
    this.disposed += 1;
  }
}

test("a linear map computes by its form where it has one, and frees what it has no longer", () => {
  const root = new Params(randomSource({ seed: 1 }));
  const map = new Linear(root, 3, 2, { bias: true });
  const [first, second] = [new Doubled(map.weight), new Doubled(map.weight)];
  scope(() => {
    const x = ones([4, 3]);
    const plain = map.forward(x).toNumbers();
    map.form = first;
    assert.deepEqual(map.forward(x).toNumbers(), plain.map((value) => 2 * value)); // prettier-ignore
    map.form = second;
    assert.equal(first.disposed, 1);
    map.form = null;
    assert.equal(second.disposed, 1);
    assert.deepEqual(map.forward(x).toNumbers(), plain);
  });
  for (const tensor of root.tensors.values()) tensor.dispose();
});

test("what needs the weights themselves refuses a form; a model frees its forms", () => {
  const alive = liveTensors();
  const model = makeModel();
  const options = { rank: 2, alpha: 4, targets: "all-linear" };
  const refused = (work: () => unknown, what: RegExp): void => {
    assert.throws(work, (error) => isRocError(error) && error.code === "USAGE" && what.test(error.message));
  };
  const forms: Doubled[] = [];
  const form = (): void => {
    for (const map of linearMaps(model).values()) forms.push((map.form = new Doubled(map.weight)));
  };
  {
    using adapters = attachLora(model, options, 1);
    form();
    const before = mapSource(model.parameters()).take("multi_modal_projector.linear_1.weight", [32, 24], "zeros");
    refused(() => adapters.merge(), /merged into a linear map whose weights are doubled/);
    const after = model.parameters().get("multi_modal_projector.linear_1.weight");
    assert.deepEqual(after?.toArray(), before.toArray(), "none is merged in part");
    before.dispose();
  }
  refused(() => attachLora(model, options, 1), /trained on a linear map whose weights are doubled/);
  refused(() => trainedParameters(model, {}), /gradients through a linear map whose weights are doubled/);
  model.dispose();
  assert.ok(forms.length > 10 && forms.every(({ disposed }) => disposed === 1));
  assert.equal(liveTensors(), alive);
});
