/** The runner of studies: in order, side by side, without what is finished, stopped with nothing lost. */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { RocError } from "../../src/errors.js";
import { runJobs, type Job, type JobEvent, type Jobs } from "../../src/studies/runner.js";

const jobs = (...names: string[]): Job[] => names.map((name) => ({ name }));

/** A study of jobs that are done by `act`, and what has happened in it. */
function study(phases: readonly Job[][], act: (job: Job, signal: AbortSignal) => Promise<void> = () => setImmediate()) {
  const happened: string[] = [];
  const counts = { running: 0, most: 0, made: 0, ended: 0 };
  const work: Jobs<Job, number> = {
    phases,
    isFinished: () => Promise.resolve(false),
    worker: (signal) => {
      counts.made++;
      return {
        async run(job, onProgress) {
          happened.push(`begin ${job.name}`);
          counts.most = Math.max(counts.most, ++counts.running);
          onProgress(1);
          try {
            await act(job, signal);
          } finally {
            counts.running--;
          }
          happened.push(`end ${job.name}`);
        },
        end: () => void counts.ended++,
      };
    },
  };
  return { work, happened, counts };
}

test("one worker does the jobs in their order, and reports each step", async () => {
  const { work, happened, counts } = study([jobs("a", "b")]);
  const events: JobEvent<number>[] = [];
  await runJobs(work, { onEvent: (event) => events.push(event) });
  assert.deepEqual(happened, ["begin a", "end a", "begin b", "end b"]);
  assert.deepEqual(events.map((event) => event.type), ["plan", "begin", "progress", "done", "begin", "progress", "done"]); // prettier-ignore
  assert.deepEqual(events.map((event) => (event.type === "done" ? event.left : -1)).filter((left) => left >= 0), [1, 0]); // prettier-ignore
  assert.deepEqual(counts, { running: 0, most: 1, made: 1, ended: 1 });
});

test("several workers work side by side, but no job starts before the phase ahead of it is done", async () => {
  const { work, happened, counts } = study([jobs("a", "b", "c"), jobs("d")]);
  await runJobs({ ...work, workers: 2 });
  assert.equal(counts.most, 2);
  assert.equal(counts.made, counts.ended);
  assert.deepEqual(happened.slice(-2), ["begin d", "end d"]);
});

test("what is finished is not done again, and no worker is made for it", async () => {
  const { work, happened, counts } = study([jobs("a"), jobs("b", "c")]);
  const events: JobEvent<number>[] = [];
  const isFinished = ({ name }: Job): Promise<boolean> => Promise.resolve(name !== "c");
  await runJobs({ ...work, isFinished, workers: 4 }, { onEvent: (event) => events.push(event) });
  assert.deepEqual(happened, ["begin c", "end c"]);
  assert.deepEqual(events[0], { type: "plan", jobs: 3, finished: 2 });
  assert.equal(counts.made, 1);
});

test("when no more may start, what is left is reported, and no later phase starts", async () => {
  const { work, happened } = study([jobs("a", "b"), jobs("c")]);
  const events: JobEvent<number>[] = [];
  await runJobs({ ...work, mayBegin: () => happened.length === 0 }, { onEvent: (event) => events.push(event) });
  assert.deepEqual(happened, ["begin a", "end a"]);
  assert.deepEqual(events.at(-1), { type: "budget", left: 2 });
});

/** Waits for the signal, as a job does that then writes its state. */
function untilStopped(signal: AbortSignal): Promise<never> {
  const stopped = new RocError("ABORTED", "stopped");
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(stopped), { once: true }));
}

test("a job that fails stops the others, and its error is the one that is thrown", async () => {
  const fails = new RocError("TRAINING", "broken");
  const { work, happened, counts } = study([jobs("waits", "fails", "later")], async ({ name }, signal) => {
    if (name === "waits") return untilStopped(signal);
    await setImmediate();
    throw fails;
  });
  await assert.rejects(runJobs({ ...work, workers: 2 }), fails);
  assert.deepEqual(happened, ["begin waits", "begin fails"]);
  assert.equal(counts.made, counts.ended);
});

test("the signal stops the running job and starts no other", async () => {
  const control = new AbortController();
  const { work, happened } = study([jobs("a", "b")], (_, signal) => {
    setTimeout(() => control.abort(), 1);
    return untilStopped(signal);
  });
  await assert.rejects(runJobs(work, { signal: control.signal }), { code: "ABORTED" });
  assert.deepEqual(happened, ["begin a"]);
  await assert.rejects(runJobs(work, { signal: AbortSignal.abort() }), { code: "ABORTED" });
  assert.deepEqual(happened, ["begin a"]);
});
