/** bench:event-loop at sizes that take a second: a loaded machine may delay any thread, so no delay is asserted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { benchEventLoop, eventLoopTable } from "../../bench/event-loop.js";

test("bench:event-loop measures the caller's thread with a worker and without", async () => {
  const found = await benchEventLoop({ photos: 3, width: 160, height: 120, quick: true });
  assert.deepEqual(
    found.rows.map(({ way }) => way),
    ["idle", "worker", "this thread"],
  );
  for (const { p50, p99, max, looks } of found.rows) assert.ok(p50 <= p99 && p99 <= max && looks > 0);
  assert.match(eventLoopTable(found), /^3 of 0\.019 megapixels, [^]*\ndelay in ms +p50 +p99 +max/);
});
