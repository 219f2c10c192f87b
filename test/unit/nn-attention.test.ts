/** Where tokens stand and what they see in padded batches: as in transformers 5.18, padding behind the text included. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { place } from "../../src/nn/attention.js";
import { liveTensors, scope, tensor } from "../../src/torch/index.js";

after(() => assert.equal(liveTensors(), 0));

const HERE = { dtype: "float32", device: "cpu" } as const;
const NOTHING = { length: 0, real: null };

/** Positions, and the keys that each query sees. */
function placed(rows: readonly (readonly number[])[]): { positions: number[]; seen: number[][][] } {
  return scope(() => {
    const mask = tensor(rows, { dtype: "int64" });
    const [batch = 0, T = 0] = mask.shape;
    const { positions, mask: added } = place([batch, T], mask, NOTHING, HERE);
    assert.ok(added);
    assert.deepEqual(added.shape, [batch, 1, T, T]);
    const values = added.toNumbers();
    const row = (b: number, query: number): number[] => {
      const keys = values.slice((b * T + query) * T, (b * T + query + 1) * T);
      return keys.flatMap((value, key) => (value === 0 ? [key] : []));
    };
    const seen = Array.from({ length: batch }, (_, b) => Array.from({ length: T }, (_, query) => row(b, query)));
    return { positions: positions.toNumbers(), seen };
  });
}

test("padding behind the text counts on and sees the text; padding in front of it sees itself", () => {
  const { positions, seen } = placed([
    [1, 1, 0, 0],
    [0, 0, 1, 1],
  ]);
  assert.deepEqual(positions, [0, 1, 2, 3, 0, 0, 0, 1]);
  assert.deepEqual(seen, [
    [[0], [0, 1], [0, 1], [0, 1]],
    [[0], [1], [2], [2, 3]],
  ]);
});

test("a row of nothing but padding is no row of nothing", () => {
  const { positions, seen } = placed([
    [0, 0],
    [1, 1],
  ]);
  assert.deepEqual(positions, [0, 0, 0, 1]);
  assert.deepEqual(seen[0], [[0], [1]]);
});
