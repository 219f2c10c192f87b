import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { clearRun, openLatestState, saveState, type TrainerState } from "../../src/train/checkpoint.js";
import { describeEnvironment, MetricsFile } from "../../src/train/metrics-file.js";
import { EventFile } from "../../src/train/tensorboard.js";

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
  assert.deepEqual((await readdir(run)).sort(), ["latest", "step-00000008", "step-00000016"]);
  const opened = await openLatestState(run);
  assert.deepEqual(opened?.state, stateAt(16, 8));
  assert.equal(await readFile(join(opened?.folder ?? "", "weights"), "utf8"), "16");
});

test("as many of the newest states are kept as asked for, the best one only where it is wanted", async () => {
  const keep = { keepLast: 2, keepBest: false };
  for (const step of [4, 8, 12, 16]) await saveState(run, stateAt(step, 4), writer(String(step)), keep);
  assert.deepEqual((await readdir(run)).sort(), ["latest", "step-00000012", "step-00000016"]);
  await mkdir(join(run, "step-00000020")); // renamed, but killed before `latest` was replaced
  await openLatestState(run, keep);
  assert.deepEqual((await readdir(run)).sort(), ["latest", "step-00000012", "step-00000016"]);
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
  await mkdir(join(run, "step-00000004"));
  assert.equal(await openLatestState(run), undefined);
  assert.deepEqual(await readdir(run), []);
  assert.equal(await openLatestState(join(run, "none")), undefined);
});

test("a state that cannot be written leaves the one before it, and the error says what to do", async () => {
  await saveState(run, stateAt(4), writer("4"));
  const full = (): Promise<void> => Promise.reject(new Error("ENOSPC: no space left on device"));
  await assert.rejects(saveState(run, stateAt(8), full), { code: "TRAINING", message: /step 8.*ENOSPC.*Make room/ });
  assert.equal((await openLatestState(run))?.state.step, 4);
  assert.deepEqual((await readdir(run)).sort(), ["latest", "step-00000004"]);
});

test("a damaged state is refused by file", async () => {
  const { folder } = await saveState(run, stateAt(4), writer("4"));
  await writeFile(join(folder, "trainer.json"), "{}");
  await assert.rejects(openLatestState(run), { code: "CHECKPOINT_INVALID", message: /trainer\.json/ });
  await writeFile(join(run, "latest"), "../elsewhere");
  await assert.rejects(openLatestState(run), { code: "CHECKPOINT_INVALID", message: /latest/ });
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
});

test("the environment names node, torch and threads", async () => {
  const environment = await describeEnvironment();
  assert.equal(environment.node, process.version);
  assert.match(environment.torch, /^2\./);
  assert.ok(environment.threads >= 1);
});
