import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { DEMO_MODEL, load } from "../../src/engine/index.js";
import { chooseState } from "../../src/models/places.js";
import { clearRun, openLatestState, saveState, type TrainerState } from "../../src/train/run/checkpoint.js";
import { describeEnvironment, MetricsFile } from "../../src/train/run/metrics-file.js";
import { EventFile } from "../../src/train/run/tensorboard.js";

let run = "";
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), "roc-run-"));
});
afterEach(() => rm(run, { recursive: true, force: true }));

function stateAt(step: number, best: number | null = null): TrainerState {
  return {
    step,
    totalSteps: 100,
    epoch: 0,
    batch: step,
    seed: 7,
    threads: 2,
    precision: "float32",
    best: best === null ? null : { step: best, srcc: 0.5, plcc: 0.5, mae: 1 },
    stale: 0,
    seconds: 1,
  };
}

const writer = (content: string) => (folder: string) => writeFile(join(folder, "weights"), content);

test("the latest and the best state are kept, older ones deleted", async () => {
  for (const [step, best] of [
    [4, null],
    [8, 8],
    [12, 8],
    [16, 8],
  ] as const) {
    await saveState(run, stateAt(step, best), writer(String(step)));
  }
  assert.deepEqual((await readdir(run)).sort(), ["best", "latest", "step-00000008", "step-00000016"]);
  assert.equal(await readFile(join(run, "best"), "utf8"), "step-00000008\n");
  assert.deepEqual(await chooseState(run), { folder: join(run, "step-00000008"), kind: "best" });
  const opened = await openLatestState(run);
  assert.deepEqual(opened?.state, stateAt(16, 8));
  assert.equal(await readFile(join(opened?.folder ?? "", "weights"), "utf8"), "16");
});

test("the files best and latest mean the states that they name, wherever a model is taken", async () => {
  const step = join(run, "step-00000002");
  await symlink(DEMO_MODEL, step);
  for (const kind of ["best", "latest"] as const) {
    const file = join(run, kind);
    await writeFile(file, "step-00000002\n");
    assert.deepEqual(await chooseState(file), { folder: step, kind });
    using model = await load(file, { worker: false });
    assert.match(model.name, /step-00000002@/);
  }
  await writeFile(join(run, "best"), "step-00000099\n");
  const message = /best names no state of the run in .*Give the run's folder, or one of its states/;
  for (const gone of [chooseState(join(run, "best")), load(join(run, "best"))])
    await assert.rejects(gone, { code: "FILE_NOT_FOUND", message });
  assert.equal(await chooseState(join(run, "best.txt")), undefined);
  assert.equal(await chooseState(join(run, "step-00000002", "best")), undefined);
});

test("as many of the newest states are kept as asked for, the best one only where it is wanted", async () => {
  const keep = { keepLast: 2, keepBest: false };
  for (const step of [4, 8, 12, 16]) await saveState(run, stateAt(step, 4), writer(String(step)), keep);
  assert.deepEqual((await readdir(run)).sort(), ["latest", "step-00000012", "step-00000016"]);
  // The best one is not kept: the latest replaces it.
  assert.deepEqual(await chooseState(run), { folder: join(run, "step-00000016"), kind: "latest" });
});

test("whatever a kill leaves behind, the last whole state opens", async () => {
  await saveState(run, stateAt(4), writer("4"));
  await mkdir(join(run, "step-00000008.tmp"));
  await writeFile(join(run, "step-00000008.tmp", "weights"), "hal");
  await mkdir(join(run, "step-00000012")); // renamed, but killed before `latest` was replaced
  await writeFile(join(run, "latest.tmp"), "step-");
  assert.equal((await openLatestState(run))?.state.step, 4);
  await saveState(run, stateAt(12), writer("12"));
  assert.equal((await openLatestState(run))?.state.step, 12);
});

test("a run killed before its first state was whole starts afresh", async () => {
  await mkdir(join(run, "step-00000004.tmp"));
  assert.equal(await openLatestState(run), undefined);
  assert.deepEqual(await readdir(run), []);
});

const LATEST_LOST: Record<string, (file: string) => Promise<unknown>> = {
  missing: (file) => rm(file),
  empty: (file) => writeFile(file, ""),
  torn: (file) => writeFile(file, "step-000"),
  "of another run": (file) => writeFile(file, "step-00000099\n"),
};
for (const [how, lose] of Object.entries(LATEST_LOST)) {
  test(`where latest is ${how}, the newest whole state opens and none is deleted`, async () => {
    for (const step of [4, 8]) await saveState(run, stateAt(step), writer(String(step)), { keepLast: 2 });
    await lose(join(run, "latest"));
    assert.equal((await openLatestState(run))?.state.step, 8);
    assert.deepEqual((await readdir(run)).filter((name) => name !== "latest").sort(), [
      "step-00000004",
      "step-00000008",
    ]);
    await saveState(run, stateAt(12), writer("12"));
    assert.equal((await openLatestState(run))?.state.step, 12);
  });
}

const UNREADABLE: Record<string, (file: string) => Promise<unknown>> = {
  "no text": (file) => writeFile(file, new Uint8Array([0xff, 0xfe, 0x00, 0xc3, 0x28])),
  "a folder": async (file) => {
    await rm(file);
    await mkdir(file);
    await writeFile(join(file, "mine.txt"), "");
  },
  "too long": (file) => writeFile(file, "x".repeat(2000)),
};
for (const [how, damage] of Object.entries(UNREADABLE)) {
  test(`where latest and best are ${how}, the newest state opens with a note, and the run resumes`, async () => {
    for (const step of [4, 8]) await saveState(run, stateAt(step, 4), writer(String(step)), { keepLast: 2 });
    for (const name of ["latest", "best"]) await damage(join(run, name));
    const found = await openLatestState(run);
    assert.equal(found?.state.step, 8);
    assert.match(found.note ?? "", /latest .*The newest state is taken: step-00000008\./);
    assert.deepEqual(await chooseState(run), { folder: join(run, "step-00000008"), kind: "latest" });
    await saveState(run, stateAt(12, 4), writer("12"));
    assert.deepEqual([(await openLatestState(run))?.state.step, (await openLatestState(run))?.note], [12, undefined]);
    assert.deepEqual(await chooseState(run), { folder: join(run, "step-00000004"), kind: "best" });
    const aside = (await readdir(run)).filter((name) => name.endsWith(".aside"));
    assert.equal(aside.length, how === "a folder" ? 2 : 0);
    for (const name of aside) assert.deepEqual(await readdir(join(run, name)), ["mine.txt"]);
  });
}

test("a latest whose states are gone refuses", async () => {
  await saveState(run, stateAt(4), writer("4"));
  await writeFile(join(run, "latest"), "step-00000004\n");
  await rm(join(run, "step-00000004"), { recursive: true });
  await assert.rejects(openLatestState(run), {
    code: "CHECKPOINT_INVALID",
    message: /step-00000004, which is not there/,
  });
});

test("a run may go back to an older state that latest names, and on over the newer one", async () => {
  for (const step of [4, 8]) await saveState(run, stateAt(step), writer("old"), { keepLast: 2 });
  await writeFile(join(run, "latest"), "step-00000004\n");
  assert.equal((await openLatestState(run))?.state.step, 4);
  const { folder } = await saveState(run, stateAt(8), writer("new"));
  assert.equal(await readFile(join(folder, "weights"), "utf8"), "new");
});

test("a state that cannot be written leaves the one before it, and the error says what to do", async () => {
  await saveState(run, stateAt(4), writer("4"));
  const noSpace = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC", syscall: "write" });
  const full = (): Promise<void> => Promise.reject(noSpace);
  await assert.rejects(saveState(run, stateAt(8), full), {
    code: "FILE_UNWRITABLE",
    message: /step 8.*ENOSPC.*Make room/,
  });
  assert.equal((await openLatestState(run))?.state.step, 4);
  assert.deepEqual((await readdir(run)).sort(), ["latest", "step-00000004"]);
});

test("a damaged state is refused by file", async () => {
  const { folder } = await saveState(run, stateAt(4), writer("4"));
  for (const text of ["{}", "not JSON", '{"format": "roc4mllm-trainer", "state": {"step": -1}}']) {
    await writeFile(join(folder, "trainer.json"), text);
    await assert.rejects(openLatestState(run), { code: "CHECKPOINT_INVALID", message: /trainer\.json/ });
  }
  assert.ok((await readdir(run)).includes("step-00000004"));
});

test("clearRun removes a run and nothing else", async () => {
  await saveState(run, stateAt(4), writer("4"));
  await writeFile(join(run, "mine.txt"), "");
  await new EventFile(run, 0).append(1, { loss: 1 });
  await clearRun(run);
  assert.deepEqual(await readdir(run), ["mine.txt"]);
});

test("metrics are cut back to the resumed step, and a half-written line goes", async () => {
  const path = join(run, "metrics.jsonl");
  const metrics = new MetricsFile(path);
  await metrics.truncate(0);
  for (const step of [1, 2, 3]) await metrics.append({ step, loss: 1 / step });
  await writeFile(path, '{"step":4,"lo', { flag: "a" });
  await metrics.truncate(2);
  assert.equal(await readFile(path, "utf8"), '{"step":1,"loss":1}\n{"step":2,"loss":0.5}\n');
  await rm(path);
  await mkdir(path);
  await assert.rejects(metrics.truncate(0), { code: "FILE_UNREADABLE" });
});

test("the environment names node, torch and threads", async () => {
  const environment = await describeEnvironment();
  assert.equal(environment.node, process.version);
  assert.match(environment.torch, /^2\./);
  assert.ok(environment.threads >= 1);
});
