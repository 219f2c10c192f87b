/** Against transformers 5.18 (test/fixtures/qwen2vl/make.py). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { positionsOf, type Grid } from "../../../src/models/common/qwen/positions.js";
import { loadQwen2Vl } from "../../../src/models/qwen2vl/index.js";
import { inverseFrequencies, sectionedRopeTable } from "../../../src/nn/index.js";
import { readJson } from "../../../src/files/index.js";
import { parity } from "../qwen/parity.js";
import { CHECKPOINTS, folderOf } from "./support.js";

/** Head size, theta and sections of the two checkpoints, for a table of our own. */
const ROPE = { tied: [8, 1e6, [1, 1, 2]], untied: [8, 1e4, [2, 1, 1]] } as const;

for (const name of CHECKPOINTS) {
  const [headDim, theta, sections] = ROPE[name];
  parity({
    fixture: `qwen2vl/${name}`,
    load: loadQwen2Vl,
    rope: (positions) => sectionedRopeTable(positions, inverseFrequencies(headDim, theta), sections, "float32"),
    inputs: { right: "a batch padded right", left: "a batch padded left", text: "text", video: "two videos" },
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
