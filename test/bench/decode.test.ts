/** bench:decode without its peer, at sizes that take seconds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { benchDecode, decodeTable } from "../../bench/decode.js";

test("our side of bench:decode runs, and its tokens are those of every round", async () => {
  const found = await benchDecode({ tokens: 8, rounds: 1, batches: [1, 3], alone: true, quick: true });
  assert.deepEqual(found.rows.map(({ batch, way }) => [batch, way]), [[1, "ours, default"], [3, "ours, default"]]); // prettier-ignore
  for (const { tokensPerSecond, firstSeconds, times, shareOfReading, sameTokens } of found.rows) {
    for (const figure of [tokensPerSecond, firstSeconds, shareOfReading]) assert.ok(figure > 0);
    assert.equal(times, null);
    assert.equal(sameTokens, 8);
  }
  assert.ok(found.weightBytes > 0 && found.bandwidth > 0);
  assert.match(decodeTable(found), /small in float32 on cpu/);
  await assert.rejects(benchDecode({ model: "huge", alone: true }), /known are small, llava-1.5-7b/);
});
