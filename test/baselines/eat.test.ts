/** EAT against the authors' own code (test/fixtures/baselines/eat/make.py); stated: the largest absolute error. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { eat } from "../../src/baselines/eat/index.js";
import { SCORE, type Answer, type Baseline } from "../../src/baselines/types.js";
import { randomSource } from "../../src/nn/index.js";
import { manualSeed, noGrad, scope, type Tensor } from "../../src/torch/index.js";
import { maxError } from "../models/support.js";
import { fixture } from "../support.js";
import { assertStart, byFormula, expectedOf, freed, outlineOf, pixels } from "./by-formula.js";
import { assertParity, assertReferences, SMALL_DAT } from "./dat.js";

const expected = await expectedOf("eat");

const HEADS = {
  ava: { scale: { min: 1, max: 10 }, bins: 10 },
  tad: { scale: { min: 0, max: 10 } },
};
type HeadName = keyof typeof HEADS;

function model(
  head: HeadName,
  reference: "batch" | "picture",
  more: Record<string, unknown> = {},
): Baseline & Disposable {
  return freed(eat.create({ model_type: "eat", ...SMALL_DAT, ...HEADS[head], reference, ...more }, byFormula()));
}

/** What the authors predict: a number as a tenth of the score. */
function predictedOf(head: HeadName): (answer: Answer) => Tensor {
  return ({ outputs }) => {
    const score = outputs[SCORE] as Tensor;
    return head === "ava" ? score : score.unsqueeze(1).div(10);
  };
}

for (const head of ["ava", "tad"] as const) {
  test(`${head}: outputs, loss and gradients`, (t) =>
    scope(() => {
      using network = model(head, "batch");
      const scores = { [SCORE]: expected.tensor("scores").squeeze(1) };
      const targets = head === "ava" ? { scores, distribution: expected.tensor("votes") } : { scores };
      assertParity(t, { name: head, expected, model: network, targets, predicted: predictedOf(head) });
    }));
}

test("a new network starts as the authors' does", () => {
  using network = freed(
    eat.create({ model_type: "eat", ...SMALL_DAT, ...HEADS.ava, reference: "batch" }, randomSource({ seed: 5 })),
  );
  assertStart("eat", network);
});

test("points of a batch mix its pictures; a picture's own do not", () => {
  assertReferences((reference) => model("tad", reference), predictedOf("tad"));
});

test("whole pictures of a branch are dropped in training, more of them deeper, and none in a test", () =>
  scope(() => {
    using network = model("tad", "picture", { drop_path_rate: 0.9 });
    using plain = model("tad", "picture");
    const inputs = { pixelValues: pixels(3, 32) };
    const score = (from: Baseline, training: boolean): number[] =>
      noGrad(() => predictedOf("tad")(from.forward(inputs, training)).toNumbers());
    assert.deepEqual(score(network, false), score(plain, true));
    manualSeed(3);
    const first = score(network, true);
    assert.ok(maxError(first, score(plain, false)) > 1e-3);
    assert.ok(maxError(first, score(network, true)) > 1e-3, "another draw");
    manualSeed(3);
    assert.deepEqual(score(network, true), first);
  }));

/** Names and shapes of the authors' networks. */
function published(head: HeadName): Record<string, number[]> {
  const all = JSON.parse(readFileSync(fixture("baselines/eat/names.json"), "utf8")) as Record<
    HeadName,
    Record<string, number[]>
  >;
  return { ...all.ava, ...all[head] };
}

for (const head of ["ava", "tad"] as const) {
  test(`${head}: the published file's names and shapes are those of the network that its config makes`, () => {
    const found = eat.original?.(outlineOf(published(head)));
    assert.ok(found);
    using network = freed(eat.load(found.config, found.checkpoint, { outline: true }, "published.pth"));
    assert.equal(network.outputs[0]?.values?.length, HEADS[head as "ava"].bins);
    assert.equal(network.config["drop_path_rate"], 0.5);
  });
}

test("other weights are none of its; a head of another size names what differs", () => {
  assert.equal(eat.original?.(outlineOf({ "cls_head.weight": [10, 1024] })), undefined);
  const other = outlineOf({ ...published("ava"), "cls_head.weight": [5, 1024] });
  assert.throws(() => eat.original?.(other), {
    code: "CHECKPOINT_MISMATCH",
    message: /cls_head\.weight is \[5, 1024\]/,
  });
});

test("DAT-B of ImageNet is what training begins with: all but its head, and no other width", () => {
  const config = eat.configure({ scale: { min: 1, max: 10 }, bins: 10 });
  const imagenet = Object.fromEntries(
    Object.entries(published("ava")).filter(([name]) => !name.includes("ref_point14")),
  );
  const names = eat.pretrained?.(outlineOf(imagenet), config)?.names() ?? [];
  assert.ok(names.includes("stages.2.attns.1.rpe_table") && names.includes("cls_norm.norm.weight"));
  assert.ok(!names.some((name) => /cls_head|attn_mask|relative_position_index/.test(name)));
  const small = eat.configure({ scale: { min: 1, max: 10 }, bins: 10, tiny: true });
  assert.equal(eat.pretrained?.(outlineOf(imagenet), small), undefined);
});

test("sizes that do not fit each other are refused, naming them", () => {
  const config = { model_type: "eat", ...SMALL_DAT, ...HEADS.ava, reference: "batch" };
  const faults = [
    [{ window_size: 3 }, /stage 0 of window_size 3: 16 x 16 patches do not divide into windows/],
    [{ image_size: 36, train_image_size: 36 }, /image_size 36 is no multiple of 8 times patch_size 2/],
    [{ heads: [3, 2, 4, 4] }, /dims 4 is no multiple of heads 3/],
    [{ groups: [1, 1, 3, 2] }, /heads 4 is no multiple of groups 3/],
    [{ train_image_size: 16 }, /train_image_size 16 is below image_size 32/],
    [{ stages: ["LX", "LS", "LD", "LD"] }, /the letters L, S and D/],
  ] as const;
  for (const [change, message] of faults)
    assert.throws(() => eat.create({ ...config, ...change }, byFormula()), { code: "CONFIG_INVALID", message });
});
