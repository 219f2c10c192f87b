/** Against transformers 5.18 (test/fixtures/qwen2vl/make.py), float32 on the CPU; stated: the largest absolute error. */
import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import { generateWithLogits } from "../../../src/generation/index.js";
import { positionsOf, type Grid } from "../../../src/models/common/qwen/positions.js";
import type { Qwen2VlModel } from "../../../src/models/qwen2vl/index.js";
import type { Cache, ImageBatch, MllmInput } from "../../../src/models/types.js";
import { inverseFrequencies, Recomputation, sectionedRopeTable } from "../../../src/nn/index.js";
import { aten, backward, cat, liveTensors, noGrad, scope, type Tensor } from "../../../src/torch/index.js";
import { readJson } from "../../../src/files/index.js";
import { type Checkpoint } from "../../../src/weights/index.js";
import { FEATURES_ERROR, FORWARD_ERROR } from "../../rounding.js";
import { difference, ids } from "../support.js";
import { CHECKPOINTS, folderOf, inputOf, loadTiny, openExpected } from "./support.js";

/** Head size, theta and sections of the two checkpoints, for a table of our own. */
const ROPE = { tied: [8, 1e6, [1, 1, 2]], untied: [8, 1e4, [2, 1, 1]] } as const;

for (const name of CHECKPOINTS) {
  describe(name, () => {
    const alive = liveTensors();
    let model: Qwen2VlModel;
    let expected: Checkpoint;

    before(async () => {
      model = await loadTiny(name);
      expected = await openExpected(name);
    });
    after(() => {
      model.dispose();
      expected.dispose();
      assert.equal(liveTensors(), alive, "every tensor is freed");
    });

    function near(t: TestContext, actual: Tensor, key: string): void {
      const error = difference(actual, expected.tensor(key));
      t.diagnostic(`${key}: max abs error ${error.toExponential(1)}`);
      assert.ok(error < FORWARD_ERROR, `${key}: max abs error ${error}`);
    }

    /** Logits of real tokens, and their positions. */
    function nearWhereReal(t: TestContext, key: string): void {
      const input = inputOf(expected, key);
      const logits = model.logits(model.forward(input));
      assert.ok(logits.toNumbers().every(Number.isFinite), "padding computes no NaN");
      const real = input.attentionMask.ne(0).unsqueeze(-1);
      const errors = logits.sub(expected.tensor(`${key}.logits`)).abs();
      const error = aten("masked_select")(errors, real).max().item();
      t.diagnostic(`${key}: max abs error ${error.toExponential(1)}`);
      assert.ok(error < FORWARD_ERROR, `${key}: max abs error ${error}`);
      if (!expected.has(`${key}.positions`)) return;
      const positions = model.positionIds(input);
      assert.equal(positions.dtype, "int64");
      assert.deepEqual(positions.shape, expected.tensor(`${key}.positions`).shape);
      assert.deepEqual(positions.toNumbers(), expected.tensor(`${key}.positions`).toNumbers());
    }

    test("two images of different grids: features, hidden states of every layer, logits", (t) =>
      noGrad(() =>
        scope(() => {
          const input = inputOf(expected, "two");
          near(t, model.imageFeatures(input.images as ImageBatch), "two.features");
          nearWhereReal(t, "two");
          const states: Tensor[] = [];
          const [headDim, theta, sections] = ROPE[name];
          const positions = expected.tensor("two.positions");
          const rope = sectionedRopeTable(positions, inverseFrequencies(headDim, theta), sections, "float32");
          model.decoder.forward(model.embed(input), { rope, onHidden: (state) => states.push(state) });
          near(t, aten("stack")(states).squeeze(1), "two.hidden");
        }),
      ));

    for (const key of ["right", "left", "text", "video"]) {
      const what = { right: "a batch padded right", left: "a batch padded left", text: "text", video: "two videos" }[
        key
      ];
      test(`${what}: logits and positions of real tokens`, (t) =>
        noGrad(() =>
          scope(() => {
            nearWhereReal(t, key);
          }),
        ));
    }

    test("text needs no mask, and its positions are a plain count", (t) =>
      noGrad(() =>
        scope(() => {
          const inputIds = expected.tensor("text.ids");
          near(t, model.logits(model.forward({ inputIds })), "text.logits");
          const count = [0, 1, 2, 3, 4, 5];
          assert.deepEqual(model.positionIds({ inputIds }).toNumbers(), [...count, ...count, ...count]);
        }),
      ));

    test("greedy generation: the same ids and step logits, of one prompt and of a batch padded left", (t) =>
      scope(() => {
        for (const key of ["two", "left"]) {
          const { inputIds, attentionMask, images } = inputOf(expected, key);
          const [rows, T] = [inputIds.size(0), inputIds.size(1)];
          const real = attentionMask.toNumbers();
          const all = inputIds.toNumbers().map((id, i) => ({ id, b: Math.floor(i / T), real: real[i] }));
          const prompts = Array.from({ length: rows }, (_, b) => ({
            ids: all.filter((token) => token.b === b && token.real === 1).map(({ id }) => id),
            // The pictures of all prompts, in order: those of the first are joined with none of the others.
            images: b === 0 ? images : undefined,
          }));
          const wanted = expected.tensor(`${key}.greedy`);
          const steps = wanted.size(1);
          const { sequences, stepLogits } = generateWithLogits(model, prompts, { maxNewTokens: steps, padId: 96 });
          assert.deepEqual(
            sequences.flatMap((sequence) => sequence.ids),
            wanted.toNumbers(),
          );
          near(t, stepLogits, `${key}.steps`);
        }
      }));

    for (const recomputed of [false, true]) {
      test(`loss and gradients${recomputed ? ", with the layers computed again" : ""}`, (t) => {
        const parameters = model.parameters();
        for (const parameter of parameters.values()) parameter.requiresGrad_();
        scope(() => {
          const { inputIds, images } = inputOf(expected, "two");
          const recomputation = new Recomputation();
          const forward = (): Tensor => model.forward({ inputIds, ...(images && { images }) });
          const hidden = recomputed ? recomputation.record(forward) : forward();
          const length = inputIds.size(1);
          const predicting = hidden.select(0, 0).narrow(0, length - 4, 3);
          const labels = inputIds.select(0, 0).narrow(0, length - 3, 3);
          const loss = aten("cross_entropy_loss")(model.logits(predicting), labels);
          near(t, loss, "loss");
          backward(loss);
          recomputation.backward();
          for (const key of expected.names().filter((name) => name.startsWith("grad."))) {
            const gradient = parameters.get(key.slice("grad.".length))?.grad;
            assert.ok(gradient, key);
            near(t, gradient, key);
          }
        });
        for (const parameter of parameters.values()) {
          parameter.zeroGrad();
          parameter.requiresGrad_(false);
        }
      });
    }

    /** Hidden states by several forwards with a cache; the pictures go into the pieces that have their placeholders. */
    function piecewise(input: MllmInput, pieces: readonly { length: number; images?: ImageBatch }[]): Tensor {
      using cache = model.newCache();
      let start = 0;
      const hidden = pieces.map(({ length, images }) => {
        const cut = (tensor: Tensor): Tensor => tensor.narrow(1, start, length);
        const attentionMask = input.attentionMask && cut(input.attentionMask);
        const inputIds = cut(input.inputIds);
        start += length;
        return model.forward({ inputIds, ...(attentionMask && { attentionMask }), ...(images && { images }) }, cache);
      });
      assert.equal(cache.length, input.inputIds.size(1));
      return cat(hidden, 1);
    }

    test("pictures in pieces of their own, and cached steps behind them, equal the full forward", () =>
      noGrad(() =>
        scope(() => {
          const { inputIds, images } = inputOf(expected, "two");
          const { pixelValues } = images as ImageBatch;
          const [first, second] = [{ imageGridThw: [[1, 4, 6]] as Grid[] }, { imageGridThw: [[1, 2, 4]] as Grid[] }];
          const both = [
            { length: 13, images: { pixelValues: pixelValues.narrow(0, 0, 24), ...first } },
            { length: 4, images: { pixelValues: pixelValues.slice(0, 24), ...second } },
            ...[1, 1, 1].map((length) => ({ length })),
          ];
          const whole = model.forward({ inputIds, ...(images && { images }) });
          assert.ok(difference(piecewise({ inputIds }, both), whole) < FORWARD_ERROR, "two pictures");
        }),
      ));

    test("text behind the pictures can be forgotten, with its positions; a picture, not in part", () =>
      noGrad(() =>
        scope(() => {
          for (const name of ["two", "right"] as const) {
            const { inputIds, attentionMask, images } = inputOf(expected, name);
            const T = inputIds.size(1);
            using cache = model.newCache() as Cache & {
              readonly next: readonly number[];
              readonly picturesEnd: number;
            };
            model.forward({ inputIds, ...(attentionMask && { attentionMask }), ...(images && { images }) }, cache);
            for (let length = T; length >= cache.picturesEnd; length--) {
              cache.rewind(length);
              const kept = (whole: Tensor): Tensor => whole.narrow(1, 0, length);
              const input = {
                inputIds: kept(inputIds),
                ...(attentionMask && { attentionMask: kept(attentionMask) }),
                ...(images && { images }),
              };
              const highest = model.positionIds(input).amax([0, 2]);
              assert.deepEqual(cache.next, highest.toNumbers().map((position) => position + 1), `${name} ${length}`); // prettier-ignore
            }
            assert.throws(() => cache.rewind(cache.picturesEnd - 1), { code: "USAGE", message: /end of a picture/ });
            cache.rewind(0);
            assert.deepEqual([cache.length, cache.next, cache.picturesEnd], [0, [], 0]);
          }
        }),
      ));

    test("a picture's features do not depend on its company", () =>
      noGrad(() =>
        scope(() => {
          const { images } = inputOf(expected, "right");
          const { pixelValues, imageGridThw = [] } = images as ImageBatch;
          const whole = model.imageFeatures({ pixelValues, imageGridThw });
          let start = 0;
          const alone = imageGridThw.map((grid) => {
            const patches = grid[0] * grid[1] * grid[2];
            start += patches;
            const own = pixelValues.narrow(0, start - patches, patches);
            return model.imageFeatures({ pixelValues: own, imageGridThw: [grid] });
          });
          assert.ok(difference(cat(alone, 0), whole) < FEATURES_ERROR);
        }),
      ));

    test("inputs that do not go together are refused by name", () =>
      noGrad(() =>
        scope(() => {
          const { inputIds, images } = inputOf(expected, "two");
          const { pixelValues, imageGridThw = [] } = images as ImageBatch;
          const refused = (input: MllmInput, message: RegExp): void => {
            assert.throws(() => model.forward(input), { code: "USAGE", message });
          };
          refused({ inputIds }, /image placeholders/);
          refused({ inputIds, images: { pixelValues } }, /image_grid_thw/);
          refused({ inputIds, images: { pixelValues, imageGridThw: imageGridThw.slice(1) } }, /grids/);
          refused(
            {
              inputIds,
              images: {
                pixelValues,
                imageGridThw: [
                  [1, 4, 6],
                  [1, 8, 1],
                ],
              },
            },
            /multiples of 2/,
          );
          refused(
            { inputIds, images: { pixelValues, imageGridThw: [...imageGridThw].reverse() } },
            /fewer placeholders/,
          );
          refused({ inputIds: ids([1, 2]), images: { pixelValues, imageGridThw } }, /placeholders/);
          assert.throws(
            () => model.forward({ inputIds }, { length: 0, rewind() {}, dispose() {}, [Symbol.dispose]() {} }),
            {
              code: "USAGE",
            },
          );
        }),
      ));
  });
}

test("adjacent pictures without a token between have their own grids; sequences start where they are told", () => {
  const grids: Grid[] = [
    [1, 2, 4],
    [1, 2, 2],
  ];
  const rules = { isVisual: (id: number) => id === 9, merge: 2, starts: [5] };
  const { values, next } = positionsOf({ ids: [[9, 9, 9, 1]], grids }, rules);
  assert.deepEqual([...values], [5, 5, 7, 8, 5, 5, 7, 8, 5, 6, 7, 8]);
  assert.deepEqual(next, [9]);
});

test("the checkpoints have the two forms of a config", async () => {
  const configs = await Promise.all(CHECKPOINTS.map((name) => readJson(`${folderOf(name)}/config.json`)));
  assert.deepEqual(
    configs.map((config) => "text_config" in (config as object)),
    [true, false],
  );
});
