/** bench:attributes with a tiny model: both ways read the same, and nothing is left behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { attributesTable, benchAttributes } from "../../bench/attributes.js";
import { liveTensors } from "../../src/torch/index.js";

test("eleven attributes by prefill and by generation are the same scores; every way is timed", async () => {
  const alive = liveTensors();
  const found = await benchAttributes({ quick: true, rounds: 1, words: 3 });
  assert.ok(found.apart <= 1e-5, `${found.apart}`);
  assert.equal(found.rows.length, 4);
  for (const { fast, slow, times } of found.rows) assert.ok(fast > 0 && slow > 0 && times > 0);
  assert.match(attributesTable(found), /prompt of \d+ tokens, answer of \d+/);
  assert.equal(liveTensors(), alive);
});
