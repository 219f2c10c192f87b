/** AesMamba against the authors' own code (test/fixtures/baselines/aesmamba/make.py); stated: the largest absolute error. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { aesmamba } from "../../src/baselines/aesmamba/index.js";
import { SCORE, type Baseline, type Targets } from "../../src/baselines/types.js";
import { randomSource, Recomputation } from "../../src/nn/index.js";
import { backward, noGrad, scope, tensor } from "../../src/torch/index.js";
import { fixture } from "../support.js";
import { assertStart, byFormula, expectedOf, freed, outlineOf, pixels } from "./by-formula.js";

const expected = await expectedOf("aesmamba");

const SMALL = {
  ...{ image_size: 64, train_image_size: 64, resample: "bicubic", patch_size: 4 },
  ...{ depths: [1, 1, 2, 1], dims: [8, 16, 32, 64], d_state: 4, expand: 2 },
};
const AVA = { scale: { min: 1, max: 10 }, bins: 10, classes: 7 };
const AADB = { scale: { min: 0, max: 1 }, classes: 5 };
/** AADB's, of the authors' script. */
const COUNTS = [325, 1651, 3342, 2500, 640];

const CASES = {
  ava: AVA,
  aadb: AADB,
  balanced: { ...AADB, class_counts: COUNTS },
};
type CaseName = keyof typeof CASES;

function model(changes: Record<string, unknown>, source = byFormula()): Baseline & Disposable {
  return freed(aesmamba.create({ model_type: "aesmamba", ...SMALL, ...changes }, source));
}

function targets(name: CaseName): Targets {
  const scores = { [SCORE]: expected.tensor("scores") };
  return name === "ava" ? { scores, distribution: expected.tensor("votes") } : { scores };
}

for (const name of ["ava", "aadb", "balanced"] as const) {
  test(`${name}: outputs, loss and gradients`, (t) =>
    scope(() => {
      using network = model(CASES[name]);
      for (const one of network.parameters().values()) one.requiresGrad_();
      const answer = network.forward({ pixelValues: pixels(3, 64) }, true);
      const score = answer.outputs[SCORE];
      assert.ok(score);
      expected.near(t, name === "ava" ? score : score.unsqueeze(1), `${name}.score`);
      const { loss } = network.loss(answer, targets(name));
      expected.near(t, loss.reshape(1), `${name}.loss`);
      backward(loss);
      expected.allNear(t, `${name}.grad`, (parameter) => network.parameters().get(parameter)?.grad);
    }));
}

test("blocks that are computed again in the backward have the same gradients", () =>
  scope(() => {
    const gradientsBy = (tape: Recomputation | undefined): number[][] => {
      using network = model(CASES.aadb);
      for (const one of network.parameters().values()) one.requiresGrad_();
      const forward = () => network.loss(network.forward({ pixelValues: pixels(3, 64) }, true), targets("aadb")).loss;
      backward(tape ? tape.record(forward) : forward());
      tape?.backward();
      const found = [...network.parameters().values()].map((one) => one.grad?.toNumbers() ?? []);
      return found;
    };
    assert.deepEqual(gradientsBy(new Recomputation()), gradientsBy(undefined));
  }));

test("a new network starts as the authors' does", () => {
  using network = model({ ...AADB, depths: [2, 2, 2, 2] }, randomSource({ seed: 5 }));
  assertStart("aesmamba", network);
});

test("a picture's score does not depend on the others; pictures without a rating do not count", () =>
  scope(() => {
    using network = model(CASES.aadb);
    const seen = noGrad(() => network.forward({ pixelValues: pixels(3, 64) }, true));
    const scores = tensor([0.25, NaN, 0.5]);
    const some = noGrad(() => network.loss(seen, { scores: { [SCORE]: scores } }).terms);
    const [first = NaN, , third = NaN] = seen.outputs[SCORE]?.toNumbers() ?? [];
    const mse = ((first - 0.25) ** 2 + (third - 0.5) ** 2) / 2;
    assert.ok(Math.abs((some["mse"]?.item() ?? NaN) - mse) < 1e-4);
    const none = noGrad(() => network.loss(seen, { scores: { [SCORE]: tensor([NaN, NaN, NaN]) } }).loss.item());
    assert.equal(Math.abs(none), 0);
    const alone = noGrad(() => network.forward({ pixelValues: pixels(3, 64).narrow(0, 2, 1) }, false));
    assert.ok(Math.abs((alone.outputs[SCORE]?.item() ?? NaN) - third) < 1e-4);
  }));

const published = JSON.parse(readFileSync(fixture("baselines/aesmamba/names.json"), "utf8")) as Record<
  string,
  number[]
>;

test("the published file's names and shapes are those of the network that its config makes", () => {
  const found = aesmamba.original?.(outlineOf(published));
  assert.ok(found);
  using network = freed(aesmamba.load(found.config, found.checkpoint, { outline: true }, "AVA_vmamba_tiny.pth"));
  assert.equal(network.outputs[0]?.values?.length, 10);
});

test("a head that two data sets share, and another backbone, name what differs; other weights are none of its", () => {
  const head = "pred_head.aesthetic_head";
  const two = { ...published, [`${head}.heads.2.weight`]: [1, 256], [`${head}.classes_heads.2.weight`]: [5, 256] };
  assert.throws(() => aesmamba.original?.(outlineOf(two)), {
    code: "CHECKPOINT_MISMATCH",
    message: /AADB's.*TAD66K's/,
  });
  const other = Object.fromEntries(Object.entries(published).filter(([name]) => !name.includes("self_attention")));
  assert.throws(() => aesmamba.original?.(outlineOf(other)), { code: "CHECKPOINT_MISMATCH", message: /VMamba-T/ });
  assert.equal(aesmamba.original?.(outlineOf({ "fc.weight": [2, 2] })), undefined);
});

test("VMamba of ImageNet, and a whole AesMamba, are what training begins with, but their heads", () => {
  const config = aesmamba.configure({ scale: { min: 1, max: 10 } });
  const backbone = Object.fromEntries(
    Object.entries(published).flatMap(([name, shape]) =>
      name.startsWith("img_model.") ? [[name.slice("img_model.".length), shape]] : [],
    ),
  );
  const file = { ...backbone, "head.weight": [1000, 768], "head.bias": [1000] };
  for (const shapes of [file, published]) {
    const begun = aesmamba.pretrained?.(outlineOf(shapes), config);
    assert.deepEqual(begun?.names().length, Object.keys(backbone).length);
    assert.ok(begun.names().every((name) => name.startsWith("img_model.")));
  }
  const small = aesmamba.configure({ scale: { min: 1, max: 10 }, tiny: true });
  assert.equal(aesmamba.pretrained?.(outlineOf(file), small), undefined);
});

test("sizes that do not fit are refused by their names", () => {
  const config = aesmamba.configure({ scale: { min: 1, max: 10 }, tiny: true });
  const made = (changes: object) => () => aesmamba.create({ ...config, ...changes }, randomSource({ seed: 1 }));
  assert.throws(made({ class_counts: [1, 2] }), { code: "CONFIG_INVALID", message: /class_counts/ });
  assert.throws(made({ image_size: 30, train_image_size: 30 }), { code: "CONFIG_INVALID", message: /patch_size/ });
});
