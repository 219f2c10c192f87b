/** Against transformers 5.24 (test/fixtures/qwen3vl/make.py), float32 on the CPU; stated: the largest absolute error. */
import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import { generateWithLogits } from "../../../src/generation/index.js";
import { positionsOf, type Grid } from "../../../src/models/common/qwen/positions.js";
import { createQwen3Vl, type Qwen3VlModel } from "../../../src/models/qwen3vl/index.js";
import type { ImageBatch, MllmInput } from "../../../src/models/types.js";
import { interleavedRopeTable, inverseFrequencies, randomSource, Recomputation } from "../../../src/nn/index.js";
import {
  aten,
  backward,
  cat,
  inferenceMode,
  liveTensors,
  noGrad,
  scope,
  type Tensor,
} from "../../../src/torch/index.js";
import { readJson } from "../../../src/files/index.js";
import { type Checkpoint } from "../../../src/weights/index.js";
import { FORWARD_ERROR } from "../../rounding.js";
import { inputOf } from "../qwen/parity.js";
import { difference } from "../support.js";
import { CHECKPOINTS, folderOf, loadTiny, openExpected } from "./support.js";

/** Head size, theta and sections of the two checkpoints, for a table of our own. */
const ROPE = { tied: [12, 5e6, [3, 2, 1]], untied: [16, 1e4, [4, 2, 2]] } as const;

for (const name of CHECKPOINTS) {
  describe(name, () => {
    const alive = liveTensors();
    let model: Qwen3VlModel;
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

    const inPeace = (body: () => void) => (): void => {
      noGrad(() => scope(body));
    };

    /** The pictures of an input, with what was computed of them before. */
    const withFeatures = (images: ImageBatch): ImageBatch => ({ ...images, features: model.imageFeatures(images) });

    test("pictures: their rows, and those that are added behind layers", (t) => {
      inPeace(() => {
        const rows = model.imageFeatures(inputOf(expected, "two").images as ImageBatch);
        near(t, rows.narrow(1, 0, model.hiddenSize), "two.features");
        const [, ...added] = Array.from({ length: rows.size(1) / model.hiddenSize }, (_, j) =>
          rows.narrow(1, j * model.hiddenSize, model.hiddenSize),
        );
        near(t, aten("stack")(added), "two.deepstack");
      })();
    });

    test("hidden states of every layer", (t) => {
      inPeace(() => {
        const { inputIds, images } = inputOf(expected, "two");
        const states: Tensor[] = [];
        const [headDim, theta, sections] = ROPE[name];
        const positions = expected.tensor("two.positions");
        const rope = interleavedRopeTable(positions, inverseFrequencies(headDim, theta), sections, "float32");
        const { embeddings, options } = model.embedded({ inputIds, ...(images && { images }) });
        model.decoder.forward(embeddings, { ...options, rope, onHidden: (state) => states.push(state) });
        near(t, aten("stack")(states).squeeze(1), "two.hidden");
      })();
    });

    for (const key of ["two", "right", "left", "text", "video"]) {
      test(`${key}: logits and positions of real tokens`, (t) => {
        inPeace(() => {
          const input = inputOf(expected, key);
          const logits = model.logits(model.forward(input));
          assert.ok(logits.toNumbers().every(Number.isFinite), "padding computes no NaN");
          const real = input.attentionMask.ne(0).unsqueeze(-1);
          const errors = logits.sub(expected.tensor(`${key}.logits`)).abs();
          const error = aten("masked_select")(errors, real).max().item();
          t.diagnostic(`${key}: max abs error ${error.toExponential(1)}`);
          assert.ok(error < FORWARD_ERROR, `${key}: max abs error ${error}`);
          if (!input.images) return;
          const positions = expected.tensor(`${key}.positions`);
          assert.deepEqual(model.positionIds(input).toNumbers(), positions.toNumbers());
          const before = model.forward({ ...input, images: withFeatures(input.images) });
          assert.deepEqual(model.logits(before).toNumbers(), logits.toNumbers(), "features of before");
        })();
      });
    }

    test("greedy generation: the same ids and step logits, with a cache that grows and with one that has room", (t) => {
      scope(() => {
        for (const key of ["two", "left"]) {
          const { inputIds, attentionMask, images } = inputOf(expected, key);
          const [rows, T] = [inputIds.size(0), inputIds.size(1)];
          const [all, real] = [inputIds.toNumbers(), attentionMask.toNumbers()];
          const prompts = Array.from({ length: rows }, (_, b) => ({
            ids: all.filter((_, i) => Math.floor(i / T) === b && real[i] === 1),
            // The pictures of all prompts, in order.
            images: b === 0 ? images : undefined,
          }));
          const wanted = expected.tensor(`${key}.greedy`);
          const steps = wanted.size(1);
          for (const options of [{}, { capacity: T + steps }]) {
            using cache = inferenceMode(() => model.newCache(options));
            const given = { maxNewTokens: steps, padId: 96, cache };
            const { sequences, stepLogits } = generateWithLogits(model, prompts, given);
            assert.deepEqual(
              sequences.flatMap((sequence) => sequence.ids),
              wanted.toNumbers(),
            );
            near(t, stepLogits, `${key}.steps`);
          }
        }
      });
    });

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
          for (const key of expected.names().filter((one) => one.startsWith("grad."))) {
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

    test("a picture's rows do not depend on its company; a cache goes on behind pictures and between them", () => {
      inPeace(() => {
        const { inputIds, images } = inputOf(expected, "two");
        const { pixelValues, imageGridThw = [] } = images as ImageBatch;
        const [first, second] = imageGridThw as [Grid, Grid];
        const own = [
          { pixelValues: pixelValues.narrow(0, 0, 60), imageGridThw: [first] },
          { pixelValues: pixelValues.slice(0, 60), imageGridThw: [second] },
        ] as const;
        const whole = model.imageFeatures({ pixelValues, imageGridThw });
        assert.ok(difference(cat(own.map((one) => model.imageFeatures(one))), whole) < FORWARD_ERROR);
        using cache = model.newCache();
        let start = 0;
        const hidden = [
          { length: 22, images: own[0] },
          { length: 5, images: own[1] },
          ...[1, 1, 1].map((length) => ({ length })),
        ].map(({ length, ...more }) => {
          const input = { inputIds: inputIds.narrow(1, start, length), ...more };
          start += length;
          return model.forward(input, cache);
        });
        assert.equal(start, inputIds.size(1));
        const once = model.forward({ inputIds, images: { pixelValues, imageGridThw } });
        assert.ok(difference(cat(hidden, 1), once) < FORWARD_ERROR);
        cache.rewind(start - 2);
        const again = model.forward({ inputIds: inputIds.narrow(1, start - 2, 2) }, cache);
        assert.ok(difference(again, once.narrow(1, start - 2, 2)) < FORWARD_ERROR, "rewound");
        assert.throws(() => cache.rewind(20), { code: "USAGE", message: /end of a picture/ });
      })();
    });
  });
}

test("rows that are added behind the last layer are there where some of the hidden states are wanted, and further ones nowhere", async () => {
  const config = (await readJson(`${folderOf("tied")}/config.json`)) as { text_config: object };
  using expected = await openExpected("tied");
  const few = { ...config, text_config: { ...config.text_config, num_hidden_layers: 2 } };
  using model = createQwen3Vl(few, randomSource({ seed: 2 }));
  noGrad(() =>
    scope(() => {
      const input: MllmInput = inputOf(expected, "two");
      const all = model.forward(input);
      const rows = [3, 4, 5, 28];
      const wanted = cat(rows.map((row) => all.narrow(1, row, 1))).squeeze(1);
      assert.ok(difference(model.forward({ ...input, rows }), wanted) < FORWARD_ERROR);
    }),
  );
});

test("frames of a video are pictures of their own, and all of them are there", () => {
  const grids: Grid[] = [
    [2, 2, 4],
    [2, 2, 2],
  ];
  const rules = { isVisual: (id: number) => id >= 8, isFilm: (id: number) => id === 9, merge: 2 };
  const of = (...row: readonly number[]): number[] => [...positionsOf({ ids: [row], grids }, rules).values];
  // A picture of two frames is one, as transformers has it.
  assert.deepEqual(of(9, 9, 1, 9, 9, 8, 8), [0, 0, 2, 3, 3, 5, 6, 0, 0, 2, 3, 3, 5, 5, 0, 1, 2, 3, 4, 5, 5]);
  assert.throws(() => of(9, 9, 1), { code: "USAGE", message: /last 1 frames/ });
  assert.throws(() => of(9, 9, 1, 9, 1, 8, 8), { code: "USAGE", message: /fewer placeholders/ });
});
