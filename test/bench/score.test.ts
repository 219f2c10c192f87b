/** bench:score without its peer, at sizes that take seconds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { benchScore, scoreTable } from "../../bench/score.js";

test("our side of bench:score runs, and every way of it gives the same scores in float32", async () => {
  const found = await benchScore({ rounds: 1, photos: 2, alone: true, quick: true });
  const [{ photos, rows } = { photos: "", rows: [] }] = found.folders;
  assert.equal(photos, "2 of 0.02 megapixels");
  assert.deepEqual(rows.map(({ way }) => way), ["default", "float32, batch 1", "float32, batch 8", "bfloat16, batch 1", "bfloat16, batch 8", "bfloat16, packed"]); // prettier-ignore
  for (const { way, picturesPerSecond, drift } of rows) {
    assert.ok(picturesPerSecond > 0, way);
    assert.ok(drift < (way.startsWith("float32") ? 1e-5 : 1), `${way}: ${drift}`);
  }
  const [wholeFloats, halves] = [rows[1], rows[3]];
  assert.ok((halves?.drift ?? 0) > (wholeFloats?.drift ?? 0), "bfloat16 was measured as float32");
  assert.match(scoreTable(found), /2 of 0\.02 megapixels +pictures\/s/);
});
