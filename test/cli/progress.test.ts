/** The progress of long work: a bar that makes room for rows on a terminal, few lines elsewhere. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createProgress, formatDuration } from "../../src/cli/shared/progress.js";

function collector(isTTY: boolean): { text: string; isTTY: boolean; columns: number; write: (text: string) => void } {
  const output = { text: "", isTTY, columns: 60, write: (text: string) => void (output.text += text) };
  return output;
}

test("on a terminal: a bar that is cleared for a row and at the end, and never jumps to a saved position", () => {
  const output = collector(true);
  const progress = createProgress(output, "scored", 4);
  progress.update(2);
  progress.around(() => output.write("row\n"));
  progress.stop();
  assert.match(output.text, /━+╌* \d\/4/);
  assert.ok(output.text.includes("\r\x1b[Krow\n"));
  assert.match(output.text, /\x1b\[2K$/);
  assert.ok(!output.text.includes("\x1b7") && !output.text.includes("\x1b8"));
});

test("elsewhere: a line now and then with the time left, none in a short run", (t) => {
  t.mock.timers.enable({ apis: ["Date"] });
  const output = collector(false);
  const progress = createProgress(output, "scored", 100);
  for (let done = 1; done <= 100; done++) {
    t.mock.timers.tick(300);
    progress.update(done);
  }
  progress.stop();
  assert.equal(output.text, "scored 34 of 100 (34%), about 20 s left\nscored 68 of 100 (68%), about 10 s left\n");
});

test("durations", () => {
  assert.deepEqual([0.2, 5, 99, 99.5, 600, 5000, 7500].map(formatDuration), [
    "1 s",
    "5 s",
    "99 s",
    "2 min",
    "10 min",
    "83 min",
    "2 h 05 min",
  ]);
});
