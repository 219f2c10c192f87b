/** Against transformers 5.24 (test/fixtures/llava_onevision/make.py), float32 on the CPU; stated: the largest absolute error. */
import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import { imagesOf, inspectForward } from "../../../src/engine/forward.js";
import { generateWithLogits } from "../../../src/generation/index.js";
import { loadLlavaOnevision, type LlavaOnevisionModel } from "../../../src/models/llavaonevision/index.js";
import type { ImageBatch } from "../../../src/models/types.js";
import { aten, fromTypedArray, liveTensors, noGrad, scope, type Tensor } from "../../../src/torch/index.js";
import { openSafetensors, type Checkpoint } from "../../../src/weights/index.js";
import { FEATURES_ERROR, FORWARD_ERROR } from "../../rounding.js";
import { fixture } from "../../support.js";
import { difference } from "../support.js";

for (const name of ["tied", "untied"]) {
  describe(name, () => {
    const alive = liveTensors();
    let model: LlavaOnevisionModel;
    let expected: Checkpoint;
    before(async () => {
      model = await loadLlavaOnevision(fixture(`llava_onevision/${name}`));
      expected = await openSafetensors(fixture(`llava_onevision/${name}.safetensors`));
    });
    after(() => {
      model.dispose();
      expected.dispose();
      assert.equal(liveTensors(), alive, "every tensor is freed");
    });

    function near(t: TestContext, error: number, what: string, bound = FORWARD_ERROR): void {
      t.diagnostic(`${what}: max abs error ${error.toExponential(1)}`);
      assert.ok(error < bound, `${what}: max abs error ${error}`);
    }

    /** The input `key` as `inspect forward` takes it; the pictures of "left" are those of "right". */
    function inputsOf(key: string): Map<string, Tensor> {
      const pixels = key === "left" ? "right" : key;
      return new Map([
        ["input_ids", expected.tensor(`${key}.ids`)],
        ["attention_mask", expected.tensor(`${key}.mask`)],
        ["pixel_values", expected.tensor(`${pixels}.pixel_values`)],
        ["image_sizes", expected.tensor(`${pixels}.image_sizes`)],
      ]);
    }

    test("two pictures in tiles, one scaled down: features, logits, loss, gradients of every kind of layer", (t) =>
      scope(() => {
        const inputs = inputsOf("two");
        const ids = expected.tensor("two.ids").toNumbers();
        const labels = ids.map((id, i) => BigInt(i < ids.length - 3 ? -100 : id));
        inputs.set("labels", fromTypedArray(BigInt64Array.from(labels), [1, labels.length]));
        const wanted = expected.names().filter((key) => key.startsWith("grad."));
        const outputs = inspectForward(
          model,
          inputs,
          wanted.map((key) => key.slice("grad.".length)),
        );
        const of = (key: string): Tensor => outputs.get(key) as Tensor;
        near(t, difference(of("image_features"), expected.tensor("two.features")), "features", FEATURES_ERROR);
        near(t, difference(of("logits"), expected.tensor("two.logits")), "logits");
        near(t, Math.abs(of("loss").item() - expected.tensor("loss").item()), "loss");
        assert.ok(wanted.length >= 12);
        for (const key of wanted) near(t, difference(of(key), expected.tensor(key)), key);
        for (const parameter of model.parameters().values()) parameter.requiresGrad_(false);
      }));

    if (name === "untied") return;

    for (const [key, what] of [
      ["right", "a batch padded right, with pictures of many shapes"],
      ["left", "the same padded left"],
      ["pair", "two pictures of one prompt are one tile each, filled up to those of another one"],
      ["alone", "two pictures of one prompt, which have no room for tiles"],
    ] as const) {
      test(`${what}: logits of real tokens`, (t) =>
        noGrad(() =>
          scope(() => {
            const inputs = inputsOf(key);
            const logits = inspectForward(model, inputs).get("logits") as Tensor;
            assert.ok(logits.toNumbers().every(Number.isFinite), "padding computes no NaN");
            const reference = expected.tensor(`${key}.logits`);
            const last = logits.size(1) - reference.size(1);
            const real = (inputs.get("attention_mask") as Tensor).ne(0).slice(1, last).unsqueeze(-1);
            const errors = logits.slice(1, last).sub(reference).abs();
            near(t, aten("masked_select")(errors, real).max().item(), key);
          }),
        ));
    }

    test("greedy generation: the same ids and step logits, of one prompt and of a batch padded left", (t) =>
      scope(() => {
        for (const key of ["two", "left"]) {
          const inputs = inputsOf(key);
          const [rows = 0, T = 0] = expected.tensor(`${key}.ids`).shape;
          const real = expected.tensor(`${key}.mask`).toNumbers();
          const ids = expected.tensor(`${key}.ids`).toNumbers();
          const prompts = Array.from({ length: rows }, (_, b) => ({
            ids: ids.slice(b * T, (b + 1) * T).filter((_, t) => real[b * T + t] === 1),
            // The pictures of all prompts, in order.
            images: b === 0 ? imagesOf(inputs) : undefined,
          }));
          const wanted = expected.tensor(`${key}.greedy`);
          const maxNewTokens = wanted.size(1);
          const { sequences, stepLogits } = generateWithLogits(model, prompts, { maxNewTokens, padId: 96 });
          assert.deepEqual(
            sequences.flatMap((sequence) => sequence.ids),
            wanted.toNumbers(),
          );
          near(t, difference(stepLogits, expected.tensor(`${key}.steps`)), `${key}.steps`);
        }
      }));

    test("sizes that are missing, or do not fit tiles or placeholders, are refused by name", () =>
      scope(() => {
        const pixelValues = expected.tensor("two.pixel_values");
        const features = (images: Omit<ImageBatch, "pixelValues">, pixels = pixelValues): unknown =>
          noGrad(() => model.imageFeatures({ pixelValues: pixels, ...images }));
        const usage = (message: RegExp) => ({ code: "USAGE", message });
        assert.throws(() => features({}), usage(/image_sizes/));
        assert.throws(() => features({ imageSizes: [[4, 5]] }), usage(/1 sizes are given for 2/));
        assert.throws(() => features({ imageSizes: [[0, 5], [4, 5]] }), usage(/\[0, 5\]/)); // prettier-ignore
        const few = pixelValues.narrow(1, 0, 4);
        assert.throws(() => features({ imageSizes: [[40, 19], [60, 45]] }, few), usage(/19 x 40 .* 7 tiles.*has 4/)); // prettier-ignore
      }));
  });
}
