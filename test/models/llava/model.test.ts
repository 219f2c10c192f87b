/** Against transformers 5.18 (test/fixtures/llava/make.py), float32 on the CPU; stated: the largest absolute error. */
import assert from "node:assert/strict";
import { after, before, test, type TestContext } from "node:test";
import { generate } from "../../../src/generation/index.js";
import type { LlavaModel } from "../../../src/models/llava/index.js";
import { aten, backward, liveTensors, noGrad, scope, type Tensor } from "../../../src/torch/index.js";
import type { Checkpoint } from "../../../src/weights/index.js";
import { FORWARD_ERROR } from "../../rounding.js";
import { difference } from "../support.js";
import { loadTiny, openExpected } from "./support.js";

const alive = liveTensors();
let model: LlavaModel;
let expected: Checkpoint;

before(async () => {
  model = await loadTiny();
  expected = await openExpected();
});

after(() => {
  model.dispose();
  expected.dispose();
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

function near(t: TestContext, actual: Tensor, name: string): void {
  const error = difference(actual, expected.tensor(name));
  t.diagnostic(`${name}: max abs error ${error.toExponential(1)}`);
  assert.ok(error < FORWARD_ERROR, `${name}: max abs error ${error}`);
}

function oneImage() {
  return { pixelValues: expected.tensor("pixels").narrow(0, 0, 1) };
}

test("image features, hidden states of every layer, logits", (t) =>
  noGrad(() =>
    scope(() => {
      const input = { inputIds: expected.tensor("one.ids"), images: oneImage() };
      near(t, model.imageFeatures(input.images), "one.features");
      const states: Tensor[] = [];
      const hidden = model.decoder.forward(model.embed(input), { onHidden: (state) => states.push(state) });
      near(t, aten("stack")(states).squeeze(1), "one.hidden");
      near(t, model.logits(hidden).squeeze(0), "one.logits");
    }),
  ));

test("text without an image", (t) =>
  noGrad(() =>
    scope(() => {
      near(t, model.logits(model.forward({ inputIds: expected.tensor("text.ids") })).squeeze(0), "text.logits");
    }),
  ));

for (const side of ["right", "left"]) {
  test(`a batch with three images, padded ${side}: real tokens`, (t) =>
    noGrad(() =>
      scope(() => {
        const [inputIds, attentionMask] = [expected.tensor(`${side}.ids`), expected.tensor(`${side}.mask`)];
        const images = { pixelValues: expected.tensor("pixels") };
        const logits = model.logits(model.forward({ inputIds, attentionMask, images }));
        assert.ok(logits.toNumbers().every(Number.isFinite), "padding computes no NaN");
        const real = attentionMask.ne(0).unsqueeze(-1);
        const error = aten("masked_select")(logits.sub(expected.tensor(`${side}.logits`)).abs(), real)
          .max()
          .item();
        t.diagnostic(`padded ${side}: max abs error ${error.toExponential(1)}`);
        assert.ok(error < FORWARD_ERROR, `max abs error ${error}`);
      }),
    ));
}

test("greedy generation gives the same ids", () =>
  scope(() => {
    const prompt = { ids: expected.tensor("one.ids").toNumbers(), images: oneImage() };
    const wanted = expected.tensor("one.greedy").toNumbers();
    const [generated] = generate(model, [prompt], { maxNewTokens: wanted.length });
    assert.deepEqual(generated, { ids: wanted, text: "", finished: "length" });
    const stop = wanted[2] ?? -1;
    const [stopped] = generate(model, [prompt], { maxNewTokens: wanted.length, stopIds: [stop] });
    const ids = wanted.slice(0, wanted.indexOf(stop));
    assert.deepEqual(stopped, { ids, stopId: stop, text: "", finished: "stop" });
  }));

test("loss and gradients", (t) => {
  const parameters = model.parameters();
  for (const parameter of parameters.values()) parameter.requiresGrad_();
  scope(() => {
    const inputIds = expected.tensor("one.ids");
    const hidden = model.forward({ inputIds, images: oneImage() });
    const length = inputIds.size(1);
    const predicting = hidden.select(0, 0).narrow(0, length - 4, 3);
    const loss = aten("cross_entropy_loss")(model.logits(predicting), inputIds.select(0, 0).narrow(0, length - 3, 3));
    near(t, loss, "loss");
    backward(loss);
    for (const name of expected.names().filter((key) => key.startsWith("grad."))) {
      const gradient = parameters.get(name.slice("grad.".length))?.grad;
      assert.ok(gradient, name);
      near(t, gradient, name);
    }
    const unused = parameters.get("vision_tower.vision_model.post_layernorm.weight");
    assert.equal(unused?.grad, null, "the layers above the features take no part");
  });
  for (const parameter of parameters.values()) {
    parameter.zeroGrad();
    parameter.requiresGrad_(false);
  }
});

test("placeholders that do not fit the images are an error", () =>
  noGrad(() =>
    scope(() => {
      const pixelValues = expected.tensor("pixels");
      const [inputIds, text] = [expected.tensor("one.ids"), expected.tensor("text.ids")];
      const refused = { code: "USAGE", message: /image placeholders/ };
      assert.throws(() => model.forward({ inputIds, images: { pixelValues } }), refused);
      assert.throws(() => model.forward({ inputIds }), refused);
      assert.throws(() => model.forward({ inputIds: text, images: oneImage() }), refused);
      const small = { pixelValues: pixelValues.narrow(3, 0, 14) };
      assert.throws(() => model.forward({ inputIds, images: small }), { code: "USAGE", message: /\[3, 3, 28, 14\]/ });
      const attentionMask = aten("ones_like")(text);
      assert.throws(() => model.forward({ inputIds, attentionMask, images: oneImage() }), {
        message: /attention mask/,
      });
    }),
  ));
