/** The threads of a server: one that has ended by a fault is followed by another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Thread } from "../../src/server/thread.js";

/** Answers with what it is asked; ends by a fault where that is "fault". */
const PROGRAM = `import { parentPort } from "node:worker_threads";
parentPort.on("message", ({ id, asked }) => {
  if (asked === "fault") throw new Error("a fault");
  parentPort.postMessage({ id, found: asked });
});`;

test("a question right after the fault that ended a thread is answered by the next thread", async (t) => {
  const thread = new Thread<string, string>(new URL(`data:text/javascript,${encodeURIComponent(PROGRAM)}`), {
    name: "echo",
  });
  t.after(() => thread.end());
  for (let round = 0; round < 3; round++) {
    await assert.rejects(thread.ask("fault"), /a fault/);
    assert.equal(await thread.ask("hello"), "hello");
  }
});
