/** `reproduce()` with runs on the studio: a synthetic copy written, a small model trained by the recipe, evaluated, found again. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ReproductionProgress } from "../../src/studies/paper/spec.js";
import { formatTable } from "../../src/studies/paper/render.js";
import { reproduceTable } from "../../src/studies/paper/reproduce-table.js";
import type { PublishedTable } from "../../src/studies/paper/types.js";
import { liveTensors } from "../../src/torch/index.js";

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

test("classical systems are trained in tiny sizes, also for an attribute; what cannot be made is named", async () => {
  const table: PublishedTable = {
    name: "table4",
    caption: "a part of it",
    columns: [{ dataset: "aadb", group: "AADB", label: "Light", attribute: "Light", metric: "srcc" }],
    rows: [
      { label: "Malu et al.", method: "Malu et al.", system: "malu", cells: ["0.48"] },
      { label: "MUSIQ", method: "MUSIQ", system: "musiq", single: true, cells: ["0.33"] },
      { label: "CALM", method: "CALM", unmade: "has no code", cells: ["0.5"] },
    ],
  };
  const own = join(work, "classical");
  const spec = { run: true, work: own, pictures: 50, epochs: 0.2 };
  const planned = await reproduceTable(table, { ...spec, studio: true, dryRun: true }, {});
  assert.deepEqual(planned.plan?.map(({ name, state }) => [name, state]), [["aadb-malu", "to make"], ["aadb-musiq-Light", "to make"]]); // prettier-ignore
  await assert.rejects(readdir(own), { code: "ENOENT" }, "a dry run writes nothing");
  const made = await reproduceTable(table, { ...spec, studio: true }, {});
  assert.deepEqual((await readdir(join(own, "studio/runs"))).sort(), ["aadb-malu", "aadb-musiq-Light"]);
  const [malu, musiq, calm] = made.table.rows.map(({ cells }) => cells[0]);
  for (const cell of [malu, musiq]) assert.ok(Math.abs(cell?.ours?.value ?? NaN) <= 1, JSON.stringify(cell));
  assert.equal(calm?.ours, null);
  assert.match(made.notes.join("\n"), /CALM is left out: it has no code; its predictions fill the row/);
  assert.doesNotMatch(formatTable(made.table, "text"), /difference/, "figures of the studio have none");
  const after = await reproduceTable(table, { ...spec, studio: true, dryRun: true }, {});
  assert.deepEqual(after.plan?.map(({ state }) => state), ["made", "made"]); // prettier-ignore
  // A plan of data sets that are not there counts their official pictures, and names what is missing.
  const absent = await reproduceTable(table, { ...spec, data: join(own, "absent"), dryRun: true }, {});
  const [malus] = absent.plan ?? [];
  assert.equal(malus?.state, "left out");
  assert.ok((malus.steps ?? 0) > 1000 && (malus.parameters ?? 0) > 1e7, JSON.stringify(malus));
  assert.match(
    malus.notes.join("\n"),
    /absent\/AADB is not there.*notop\.h5, which Malu et al\. begins with, is not here/s,
  );
  await assert.rejects(reproduceTable(table, { dryRun: true }, {}), { code: "USAGE", message: /--dry-run.*--run/ });
  // On the data sets themselves it begins with a classifier's weights, and says which are missing.
  await mkdir(join(own, "none", "AADB"), { recursive: true });
  const real = await reproduceTable(table, { ...spec, data: join(own, "none") }, {});
  assert.match(
    real.notes.join("\n"),
    /aadb-malu is left out: .*weights\/resnet50_weights_tf_dim_ordering_tf_kernels_notop\.h5, which is not/,
  );
  assert.equal(liveTensors(), 0);
});

test("what a table lacks is made once, also after a stop, and fills its cell; what cannot be made is named", async () => {
  const spec = { studio: true, run: true, work, pictures: 50, epochs: 0.5, seed: 1 };
  const events: ReproductionProgress[] = [];
  const control = new AbortController();
  const stopped = reproduceTable(TABLE, spec, {
    signal: control.signal,
    onProgress(event) {
      if (event.type === "progress" && event.event.type === "step") control.abort();
    },
  });
  await assert.rejects(stopped, { code: "ABORTED" });
  assert.deepEqual(await readdir(join(work, "studio/runs")), [], "it was stopped in the training");

  const made = await reproduceTable(TABLE, spec, { onProgress: (event) => events.push(event) });
  assert.match(made.notes.join("\n"), /tad66k-qwen2_vl-direct is left out.*--base/);
  assert.deepEqual(await readdir(join(work, "studio/runs")), ["tad66k-llava-roc"]);
  const ours = made.table.rows[0]?.cells[0]?.ours?.value ?? NaN;
  assert.ok(ours >= -1 && ours <= 1, String(ours));
  assert.equal(
    made.table.rows[0]?.cells[0]?.difference,
    null,
    "the studio does not compare with the published figures",
  );
  const types = events.flatMap((event) => (event.type === "progress" ? [event.event.type] : [event.type]));
  for (const type of ["plan", "begin", "start", "end", "scored", "done"])
    assert.ok(types.includes(type as never), type);
  const [start] = events.flatMap((event) => event.type === "progress" && event.event.type === "start" ? [event.event] : []); // prettier-ignore
  assert.ok(start && start.step > 0, "the training resumed");
  // The format of what an earlier version left: its runs are found by these.
  const settings = JSON.parse(
    await readFile(join(work, "studio/configs/tad66k-llava-roc.made.json"), "utf8"),
  ) as object;
  assert.deepEqual(Object.keys(settings).sort(), ["base", "description", "device", "pictures", "seed", "strategy", "train", "validation", "version"]); // prettier-ignore

  events.length = 0;
  const again = await reproduceTable(TABLE, spec, { onProgress: (event) => events.push(event) });
  assert.equal(again.table.rows[0]?.cells[0]?.ours?.value, ours);
  assert.deepEqual(
    events.filter(({ type }) => type !== "note"),
    [{ type: "plan", jobs: 1, finished: 1 }],
    "nothing is made twice",
  );
  // A run that was made with other settings is not taken for one of these.
  for (const [other, named] of [
    [{ seed: 2 }, /seed was 1, now 2/],
    [{ epochs: 1 }, /train was .*"epochs":0\.5.*, now .*"epochs":1/],
    [{ pictures: 60 }, /pictures was 50, now 60/],
  ] as const) {
    await assert.rejects(reproduceTable(TABLE, { ...spec, ...other }, {}), { code: "USAGE", message: named });
  }
  for (const [wrong, named] of [
    [{ pictures: 49 }, /pictures is 49/],
    [{ epochs: 0 }, /epochs is 0/],
    [{ seed: 0.5 }, /seed is 0\.5/],
  ] as const) {
    await assert.rejects(reproduceTable(TABLE, { ...spec, ...wrong }, {}), { code: "USAGE", message: named });
  }
  assert.equal(liveTensors(), 0);
});
