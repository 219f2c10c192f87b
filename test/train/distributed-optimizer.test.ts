import assert from "node:assert/strict";
import { test } from "node:test";
import { shardsOf } from "../../src/train/optim/distributed-optimizer.js";
import type { ParameterGroup } from "../../src/train/index.js";
import { scope, zeros, type Tensor } from "../../src/torch/index.js";
import { runRanks, SKIP } from "../torch/distributed-support.js";

const RANK = new URL("./distributed-optimizer-rank.js", import.meta.url);

test("parameters are shared out by size, each to one owner, and stay in their groups", () => {
  scope(() => {
    const of = (sizes: Record<string, number>): Map<string, Tensor> =>
      new Map(Object.entries(sizes).map(([name, size]) => [name, zeros([size, 1])]));
    const groups: ParameterGroup[] = [
      { parameters: of({ a: 8, b: 5, c: 4 }), weightDecay: 0.1 },
      { parameters: of({ "d[0:2]": 100 }), rows: [0, 2], weightDecay: 0.1, rateScale: 2 },
    ];
    const shards = shardsOf(groups, 2);
    const names = shards.map((shard) => shard.map(({ parameters }) => [...parameters.keys()]));
    assert.deepEqual(names, [[["a"], ["d[0:2]"]], [["b", "c"]]]);
    assert.deepEqual(shards[0]?.[1]?.rows, [0, 2]);
    assert.equal(shards[0]?.[1]?.rateScale, 2);
    assert.deepEqual(shardsOf(groups, 5)[4], [], "more owners than parameters");
  });
});

test("sharded AdamW takes the steps of a plain one and saves its state", { skip: SKIP }, async () => {
  for (const { code, stderr } of await runRanks(3, RANK, [])) assert.deepEqual([code, stderr], [0, ""]);
});
