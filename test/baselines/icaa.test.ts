/** ICAA's delegate transformer against the authors' own code (test/fixtures/baselines/icaa/make.py); stated: the largest absolute error. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { icaa } from "../../src/baselines/icaa/index.js";
import { SCORE, type Answer, type Baseline } from "../../src/baselines/types.js";
import { randomSource, type ParamSource } from "../../src/nn/index.js";
import { cat, noGrad, scope, stack, tensor, type Tensor } from "../../src/torch/index.js";
import { fixture } from "../support.js";
import { assertStart, byFormula, expectedOf, freed, outlineOf, pixels } from "./by-formula.js";
import { assertParity, assertReferences, SMALL_DAT } from "./dat.js";

const expected = await expectedOf("icaa");

/** The histogram has its own start, as in the fixture. */
const weights: ParamSource = {
  take: (name, shape, init) =>
    (name.startsWith("hist_feature") ? randomSource({ seed: 0 }) : byFormula()).take(name, shape, init),
};

const TENTHS = { min: 0, max: 10 };
const KINDS = {
  icaa17k: { scale: TENTHS, attributes: [{ name: "MOS", scale: TENTHS }], gate: true },
  spaq: { scale: TENTHS, gate: false },
};
type Kind = keyof typeof KINDS;

function model(kind: Kind, reference: "batch" | "picture", source = weights): Baseline & Disposable {
  const sizes = { ...SMALL_DAT, histogram_features: 36, histogram_bins: 6 };
  return freed(icaa.create({ model_type: "icaa", ...sizes, ...KINDS[kind], reference }, source));
}

/** As the authors: MOS before colour, each a tenth. */
function predicted({ outputs }: Answer): Tensor {
  const columns = ["MOS", SCORE].flatMap((name) => outputs[name] ?? []);
  return stack(columns, 1).div(10);
}

for (const kind of ["icaa17k", "spaq"] as const) {
  test(`${kind}: outputs, loss and gradients`, (t) =>
    scope(() => {
      using network = model(kind, "batch");
      const [first, second] = [0, 1].map((column) => expected.tensor("scores").select(1, column)) as [Tensor, Tensor];
      const scores = kind === "icaa17k" ? { MOS: first, [SCORE]: second } : { [SCORE]: first };
      const rename = (name: string): string =>
        name.replace("hist_feature.widths", "hist_feature.bin_widths_conv.weight");
      assertParity(t, { name: kind, expected, model: network, targets: { scores }, predicted, rename });
    }));
}

test("a new network starts as the authors' does", () => {
  using network = model("icaa17k", "batch", randomSource({ seed: 5 }));
  assertStart("icaa", network);
});

test("points of a batch mix its pictures; a picture's own do not", () => {
  assertReferences((reference) => model("icaa17k", reference), predicted);
});

test("the score is colour and comes first; what a picture was not rated for does not count", () =>
  scope(() => {
    using network = model("icaa17k", "picture");
    assert.deepEqual(
      network.outputs.map(({ name }) => name),
      [SCORE, "MOS"],
    );
    const score = tensor([5, 6, 7]);
    const loss = (scores: Record<string, Tensor>, from = 0, count = 3): number =>
      noGrad(() => network.loss(network.forward({ pixelValues: pixels(3, 32).narrow(0, from, count) }, false), { scores }).loss.item()); // prettier-ignore
    const both = loss({ [SCORE]: score, MOS: tensor([NaN, NaN, NaN]) });
    assert.ok(Math.abs(both - loss({ [SCORE]: score })) < 1e-7);
    const some = loss({ [SCORE]: cat([score.narrow(0, 0, 2), tensor([NaN])]) });
    assert.ok(Math.abs(some - loss({ [SCORE]: score.narrow(0, 0, 2) }, 0, 2)) < 1e-6);
  }));

test("what it cannot be is refused: a distribution, two attributes", () => {
  const scale = { min: 0, max: 10 };
  assert.throws(() => icaa.configure({ scale, bins: 10 }), { code: "USAGE", message: /no distribution/ });
  const attributes = ["a", "b"].map((name) => ({ name, scale }));
  assert.throws(() => icaa.configure({ scale, attributes }), { code: "USAGE", message: /one attribute/ });
  using network = freed(
    icaa.create(icaa.configure({ scale, attributes: attributes.slice(1), tiny: true }), randomSource({ seed: 1 })),
  );
  assert.deepEqual(
    network.outputs.map(({ name }) => name),
    [SCORE, "b"],
  );
  assert.ok(network.buffers().has("hist_feature.bin_widths_conv.bias"));
  assert.ok(!network.parameters().has("hist_feature.bin_widths_conv.bias"));
});

/** Names and shapes of the authors' networks. */
function published(kind: Kind): Record<string, number[]> {
  const all = JSON.parse(readFileSync(fixture("baselines/icaa/names.json"), "utf8")) as Record<
    Kind,
    Record<string, number[]>
  >;
  return all[kind];
}

for (const kind of ["icaa17k", "spaq"] as const) {
  test(`${kind}: the published file's names and shapes are those of the network that its config makes`, () => {
    const found = icaa.original?.(outlineOf(published(kind)));
    assert.ok(found);
    using network = freed(icaa.load(found.config, found.checkpoint, { outline: true }, "published.pth"));
    assert.equal(network.outputs.length, kind === "icaa17k" ? 2 : 1);
    assert.equal(network.config["resample"], kind === "icaa17k" ? "bilinear" : "bicubic");
  });
}

test("EAT's weights are what training begins with, and none of its own", () => {
  const { "cls_head.weight": _map, ...rest } = published("spaq");
  const eat = Object.fromEntries(
    Object.entries(rest).filter(([name]) => !/^(hst_head|hist_feature|class_head)/.test(name)),
  );
  const file = outlineOf({ ...eat, "cls_head.weight": [10, 1024], "cls_head.bias": [10] });
  assert.equal(icaa.original?.(file), undefined);
  const names = icaa.pretrained?.(file, icaa.configure({ scale: { min: 0, max: 10 } }))?.names() ?? [];
  assert.ok(names.includes("stages.2.attns.1.ref_point14.weight"));
  assert.ok(!names.some((name) => name.startsWith("cls_head")));
});
