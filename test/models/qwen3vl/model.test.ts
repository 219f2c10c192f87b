/** Against transformers 5.24 (test/fixtures/qwen3vl/make.py); what Qwen3-VL has beside its relatives against itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { generateWithLogits } from "../../../src/generation/index.js";
import { positionsOf, type Grid } from "../../../src/models/common/qwen/positions.js";
import { createQwen3Vl, loadQwen3Vl } from "../../../src/models/qwen3vl/index.js";
import type { ImageBatch } from "../../../src/models/types.js";
import { interleavedRopeTable, inverseFrequencies, randomSource } from "../../../src/nn/index.js";
import { cat, inferenceMode, noGrad, scope } from "../../../src/torch/index.js";
import { readJson } from "../../../src/files/index.js";
import { FORWARD_ERROR } from "../../rounding.js";
import { inputOf, parity } from "../qwen/parity.js";
import { difference } from "../support.js";
import { CHECKPOINTS, folderOf, loadTiny, openExpected } from "./support.js";

/** Head size, theta and sections of the two checkpoints, for a table of our own. */
const ROPE = { tied: [12, 5e6, [3, 2, 1]], untied: [16, 1e4, [4, 2, 2]] } as const;

for (const name of CHECKPOINTS) {
  const [headDim, theta, sections] = ROPE[name];
  parity({
    fixture: `qwen3vl/${name}`,
    load: loadQwen3Vl,
    rope: (positions) => interleavedRopeTable(positions, inverseFrequencies(headDim, theta), sections, "float32"),
    inputs: {
      ...{ right: "a batch padded right", left: "a batch padded left" },
      ...{ text: "text", video: "two videos, a picture between" },
    },
  });
}

test("what was computed of pictures before is all that a forward needs; so does a cache with room for the answer", async () => {
  using model = await loadTiny("tied");
  using expected = await openExpected("tied");
  inferenceMode(() =>
    scope(() => {
      const input = inputOf(expected, "left");
      const images = input.images as ImageBatch;
      const before = { ...images, features: model.imageFeatures(images) };
      const whole = model.forward({ ...input, images: before });
      assert.deepEqual(whole.toNumbers(), model.forward(input).toNumbers());
      const [all, real, T] = [input.inputIds.toNumbers(), input.attentionMask.toNumbers(), input.inputIds.size(1)];
      const prompts = Array.from({ length: input.inputIds.size(0) }, (_, b) => ({
        ids: all.filter((_id, i) => Math.floor(i / T) === b && real[i] === 1),
        images: b === 0 ? before : undefined,
      }));
      const wanted = expected.tensor("left.greedy");
      const maxNewTokens = wanted.size(1);
      using cache = model.newCache({ capacity: T + maxNewTokens });
      const { sequences, stepLogits } = generateWithLogits(model, prompts, { maxNewTokens, padId: 96, cache });
      assert.deepEqual(
        sequences.flatMap(({ ids }) => ids),
        wanted.toNumbers(),
      );
      assert.ok(difference(stepLogits, expected.tensor("left.steps")) < FORWARD_ERROR);
    }),
  );
});

test("rows that are added behind the last layer are there where some of the hidden states are wanted, and further ones nowhere", async () => {
  const config = (await readJson(`${folderOf("tied")}/config.json`)) as { text_config: object };
  using expected = await openExpected("tied");
  const few = { ...config, text_config: { ...config.text_config, num_hidden_layers: 2 } };
  using model = createQwen3Vl(few, randomSource({ seed: 2 }));
  noGrad(() =>
    scope(() => {
      const input = inputOf(expected, "two");
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
