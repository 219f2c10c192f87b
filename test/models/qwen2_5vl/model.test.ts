/** Against transformers 5.24 (test/fixtures/qwen2_5vl/make.py): pictures of whole windows and of windows cut at both edges. */
import { loadQwen25Vl } from "../../../src/models/qwen2_5vl/index.js";
import { inverseFrequencies, sectionedRopeTable } from "../../../src/nn/index.js";
import { parity } from "../qwen/parity.js";

/** Head size, theta and sections of the two checkpoints, for a table of our own. */
const ROPE = { tied: [8, 1e6, [1, 1, 2]], untied: [8, 1e4, [2, 1, 1]] } as const;

for (const name of ["tied", "untied"] as const) {
  const [headDim, theta, sections] = ROPE[name];
  parity({
    fixture: `qwen2_5vl/${name}`,
    load: loadQwen25Vl,
    rope: (positions) => sectionedRopeTable(positions, inverseFrequencies(headDim, theta), sections, "float32"),
    inputs: {
      ...{ right: "a batch padded right", left: "a batch padded left", text: "text" },
      ...{ alike: "two pictures of one grid", video: "two videos", timed: "two videos with their seconds" },
    },
  });
}
