/** `reproduce --run` on the studio: a synthetic copy written, a small model trained by the table's recipe, evaluated, and found again. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { basesByFamily, makeRuns } from "../../src/cli/studies/reproduce-run.js";
import { compareTable } from "../../src/studies/paper/filled-table.js";
import { readRuns } from "../../src/studies/paper/evaluations.js";
import type { PublishedTable } from "../../src/studies/paper/types.js";
import { liveTensors } from "../../src/torch/index.js";
import { ROOT } from "../support.js";

const TABLE: PublishedTable = {
  name: "table2",
  caption: "a part of it",
  columns: [{ dataset: "tad66k", group: "TAD66K", label: "S", metric: "srcc" }],
  rows: [
    { label: "ROC4MLLM", method: "ROC4MLLM", backbone: "mplug_owl2", strategy: "roc", cells: ["0.518*"] },
    { label: "Qwen2-VL", method: "Qwen2-VL", backbone: "qwen2_vl", strategy: "direct", cells: ["-"] },
  ],
};

const work = await mkdtemp(join(tmpdir(), "reproduce-"));
after(() => rm(work, { recursive: true }));

test("what a table lacks is made once, and fills its cell; what cannot be made is named", async () => {
  let told = "";
  const io = {
    stdin: process.stdin,
    stdout: { write: () => assert.fail("only the table is data") },
    stderr: { write: (text: string) => (told += text) },
    env: {},
  };
  const signal = new AbortController().signal;
  const context = { io, signal, engine: () => import("../../src/engine/index.js"), setExitCode: () => undefined };
  const bases = await basesByFamily([join(ROOT, "models/demo")]);
  const options = { work, bases, backbone: "llava", pictures: 50, epochs: 0.5, seed: 1 } as const;
  const notes = await makeRuns(TABLE, [], options, context);
  assert.equal(notes.length, 1);
  assert.match(notes[0] ?? "", /tad66k-qwen2_vl-direct is left out.*--base/);
  assert.deepEqual(await readdir(join(work, "runs")), ["tad66k-llava-roc"]);
  const { runs } = await readRuns(join(work, "runs"));
  const { rows } = compareTable(TABLE, runs, { studio: true, backbone: "llava" });
  const srcc = rows[0]?.cells[0]?.ours?.value ?? NaN;
  assert.ok(srcc >= -1 && srcc <= 1, String(srcc));
  assert.equal(rows[0]?.cells[0]?.difference, null, "the studio does not compare with the published figures");
  told = "";
  await makeRuns(TABLE, runs, options, context);
  assert.equal(told, "", "nothing is made twice");
  // A cell that was made with other settings is not taken for one of these.
  for (const [other, named] of [
    [{ seed: 2 }, /seed was 1, now 2/],
    [{ epochs: 1 }, /train was .*"epochs":0\.5.*, now .*"epochs":1/],
    [{ pictures: 60 }, /pictures was 50, now 60/],
  ] as const) {
    await assert.rejects(makeRuns(TABLE, runs, { ...options, ...other }, context), { code: "USAGE", message: named });
  }
  assert.equal(liveTensors(), 0);
});
