/**
 * Against the plain PyTorch model of test/fixtures/mplugowl2/make.py, float32 on the CPU; stated: the largest absolute
 * error.
 */
import assert from "node:assert/strict";
import { after, before, test, type TestContext } from "node:test";
import { generateWithLogits } from "../../../src/generation/index.js";
import type { MplugOwl2Model } from "../../../src/models/mplugowl2/index.js";
import { aten, backward, liveTensors, noGrad, scope, type Tensor } from "../../../src/torch/index.js";
import { adamW, decayGroups, RuleOptimizer } from "../../../src/train/index.js";
import type { Checkpoint } from "../../../src/weights/index.js";
import { FORWARD_ERROR } from "../../rounding.js";
import { difference, ids } from "../support.js";
import { isTable, loadTiny, openExpected } from "./support.js";

const alive = liveTensors();
let model: MplugOwl2Model;
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

test("abstractor rows, hidden states of every layer, logits", (t) =>
  noGrad(() =>
    scope(() => {
      const input = { inputIds: expected.tensor("one.ids"), images: oneImage() };
      near(t, model.imageFeatures(input.images), "one.features");
      const states: Tensor[] = [];
      const { embeddings, route } = model.embed(input);
      const hidden = model.decoder.forward(embeddings, { route, onHidden: (state) => states.push(state) });
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

test("greedy generation gives the same ids; its steps are the positions of one forward", () =>
  scope(() => {
    const prompt = { ids: expected.tensor("one.ids").toNumbers(), images: oneImage() };
    const wanted = expected.tensor("one.greedy").toNumbers();
    const { sequences, stepLogits } = generateWithLogits(model, [prompt], { maxNewTokens: wanted.length });
    assert.deepEqual(sequences[0]?.ids, wanted);
    const whole = ids([...prompt.ids, ...wanted.slice(0, -1)]);
    const prefill = noGrad(() => model.logits(model.forward({ inputIds: whole, images: oneImage() })));
    const due = prefill.select(0, 0).slice(0, prompt.ids.length - 1);
    assert.ok(difference(stepLogits.squeeze(1), due) < FORWARD_ERROR);
  }));

/** Mean cross-entropy over the last three tokens. */
function lossOf(): Tensor {
  const inputIds = expected.tensor("one.ids");
  const hidden = model.forward({ inputIds, images: oneImage() });
  const length = inputIds.size(1);
  const predicting = hidden.select(0, 0).narrow(0, length - 4, 3);
  return aten("cross_entropy_loss")(model.logits(predicting), inputIds.select(0, 0).narrow(0, length - 3, 3));
}

test("loss and gradients; the tables of places have none", (t) => {
  const parameters = model.parameters();
  for (const parameter of parameters.values()) parameter.requiresGrad_();
  scope(() => {
    const loss = lossOf();
    near(t, loss, "loss");
    backward(loss);
    for (const name of expected.names().filter((key) => key.startsWith("grad."))) {
      const gradient = parameters.get(name.slice("grad.".length))?.grad;
      assert.ok(gradient, name);
      near(t, gradient, name);
    }
    for (const [name, parameter] of parameters) assert.equal(parameter.grad === null, isTable(name), name);
  });
  for (const parameter of parameters.values()) {
    parameter.zeroGrad();
    parameter.requiresGrad_(false);
  }
});

test("a training step lowers the loss and leaves the tables of places as they are", async () => {
  const usual = model;
  model = await loadTiny();
  try {
    const parameters = model.parameters();
    const tables = new Map([...parameters].filter(([name]) => isTable(name)).map(([name, p]) => [name, p.toNumbers()]));
    assert.equal(tables.size, 4);
    for (const parameter of parameters.values()) parameter.requiresGrad_();
    const optimizer = new RuleOptimizer(decayGroups(parameters, 0.1), adamW());
    const [first = 0, second = 0] = [0, 1].map(() =>
      scope(() => {
        const loss = lossOf();
        backward(loss);
        optimizer.step(1e-3);
        optimizer.zeroGrad();
        return loss.item();
      }),
    );
    optimizer.dispose();
    assert.ok(second < first - 0.01, `${first} -> ${second}`);
    for (const [name, values] of tables) assert.deepEqual(parameters.get(name)?.toNumbers(), values, name);
  } finally {
    model.dispose();
    model = usual;
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
      using cache = model.newCache();
      model.forward({ inputIds: text }, cache);
      assert.throws(() => model.forward({ inputIds }, cache), refused);
      const small = { pixelValues: pixelValues.narrow(3, 0, 14) };
      assert.throws(() => model.forward({ inputIds, images: small }), { code: "USAGE", message: /\[3, 3, 28, 14\]/ });
    }),
  ));
