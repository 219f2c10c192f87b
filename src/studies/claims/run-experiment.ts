/** An experiment from start to end: pictures, base models, runs, results. Stopped anywhere, the same call resumes. */
import { join } from "node:path";
import { z } from "zod";
import { describeEnvironment, type TrainEvent } from "../../train/index.js";
import { atomicWriteJson, checkSameSettings, exists, ifThere, makeFolder } from "../../files/index.js";
import { readJsonAs, takeLock } from "../../files/index.js";
import { runJobs, type Jobs } from "../runner.js";
import type { ExperimentOptions } from "./options.js";
import { settingsOf, type ExperimentConfig } from "./config.js";
import { composeData, readData } from "./pictures.js";
import { experimentJobs, isJobFinished, type ExperimentJob } from "./jobs.js";
import { WorkerProcess } from "./process.js";
import { baseRecord, type BaseRecord } from "./pretrain.js";
import { resultsOf, type ExperimentResults } from "./results.js";
import { writeResults } from "./write-results.js";
import { readFinished } from "./finished-runs.js";
import { KeptRuns } from "./kept-runs.js";

const SETTINGS = "experiment.json";
const TIME = "time.json";
const LOCK = "experiment.lock";

/** See `runExperiment()`. */
export async function runToResults(
  config: ExperimentConfig,
  { only, from, signal, onProgress = () => undefined }: ExperimentOptions,
): Promise<ExperimentResults> {
  const kept = from === undefined ? undefined : await KeptRuns.read(config, from);
  const phases = experimentJobs(config, only, kept?.runs);
  await makeFolder(config.work);
  const lock = await takeLock(join(config.work, LOCK), `The work folder ${config.work}`);
  try {
    await checkSettings(config);
    const clock = await Clock.open(config, kept);
    try {
      await composeData(config, {
        onProgress: (done, total) => onProgress({ type: "compose", done, total }),
        ...(signal && { signal }),
      });
      await kept?.checkBases(config);
      await runJobs(jobsOf(config, phases, { clock, kept }), {
        signal,
        onEvent(event) {
          // Written again at the end.
          if (event.type === "done") clock.save().catch(() => undefined);
          onProgress(event);
        },
      });
    } finally {
      await clock.save();
    }
    return await collect(config, clock.seconds + (clock.kept ?? 0), kept);
  } finally {
    await lock.release();
  }
}

type Phases = Jobs<ExperimentJob, TrainEvent>["phases"];

function jobsOf(
  config: ExperimentConfig,
  phases: Phases,
  { clock, kept }: { clock: Clock; kept?: KeptRuns | undefined },
) {
  return {
    phases,
    isFinished: async (job: ExperimentJob) => kept?.runs.has(job.name) === true || (await isJobFinished(config, job)),
    worker: (signal: AbortSignal) => {
      const worker = new WorkerProcess(config, signal);
      const run: WorkerProcess["run"] = async (job, onProgress) => {
        await worker.run(job, onProgress);
        if (job.kind === "base") await kept?.checkBases(config);
      };
      return { run, end: () => worker.end() };
    },
    workers: config.workers,
    mayBegin: () => clock.seconds < config.minutes * 60,
  };
}

/** What is in the work folder must have been made by the same settings. */
async function checkSettings(config: ExperimentConfig): Promise<void> {
  const file = join(config.work, SETTINGS);
  const settings = settingsOf(config);
  if (!(await exists(file))) return atomicWriteJson(file, settings);
  const remedy = 'Change them back, give another "work" folder, or delete this one.';
  await checkSameSettings(file, settings, { what: `The experiment in ${config.work}`, remedy });
}

const seconds = z.number().min(0);
const timeSchema = z.object({ seconds, kept: seconds.optional() });

/** The time that all sessions of an experiment took together. */
class Clock {
  readonly #started = performance.now();

  private constructor(
    private readonly file: string,
    private readonly before: number,
    /** Of the sessions whose runs are kept: once, as the results that are written hold them too. */
    readonly kept: number | undefined,
  ) {}

  static async open({ work }: ExperimentConfig, kept?: KeptRuns): Promise<Clock> {
    const file = join(work, TIME);
    const before = await ifThere(readJsonAs(file, timeSchema));
    return new Clock(file, before?.seconds ?? 0, before?.kept ?? kept?.seconds);
  }

  get seconds(): number {
    return this.before + (performance.now() - this.#started) / 1000;
  }

  async save(): Promise<void> {
    const { seconds, kept } = this;
    await atomicWriteJson(this.file, { seconds, ...(kept !== undefined && { kept }) });
  }
}

async function collect(config: ExperimentConfig, seconds: number, kept?: KeptRuns): Promise<ExperimentResults> {
  const finished = await readFinished(config, kept);
  const { train, test } = await readData(config);
  const names = Object.keys(config.backbones);
  const records = await Promise.all(names.map((name) => baseRecord(config, name)));
  const bases = names.flatMap((name, i): [string, BaseRecord][] => (records[i] ? [[name, records[i]]] : []));
  const results = resultsOf(config, finished, {
    bases: { ...kept?.bases, ...Object.fromEntries(bases) },
    environment: await describeEnvironment(),
    seconds,
    pictures: { train: train.length, test: test.length },
  });
  await writeResults(config.out, results, finished);
  return results;
}
