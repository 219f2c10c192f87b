/** bench:int8 at sizes that take seconds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { benchInt8, int8Table } from "../../bench/int8.js";

test("bench:int8 runs, and every way of loading gives nearly the same logits", async () => {
  const found = await benchInt8({ model: "tiny", rounds: 1 });
  assert.deepEqual(
    found.rows.map(({ way }) => way),
    ["float32", "bfloat16", "int8, the rest bfloat16", "int8, the rest float32"],
  );
  for (const {
    way,
    loadSeconds,
    prefillSeconds,
    prefillCpuSeconds,
    peakBytes,
    overBfloat16,
    logitDrift,
  } of found.rows) {
    for (const figure of [loadSeconds, prefillSeconds, prefillCpuSeconds, peakBytes, overBfloat16])
      assert.ok(figure > 0, way);
    assert.ok(way === "bfloat16" ? logitDrift === 0 : logitDrift > 0 && logitDrift < 0.5, `${way}: ${logitDrift}`);
  }
  assert.match(int8Table(found), /tiny on .*\n.*\nfloat32 /);
  await assert.rejects(benchInt8({ model: "huge" }), {
    code: "USAGE",
    message: /known are small, tiny, llava-1\.5-7b/,
  });
});
