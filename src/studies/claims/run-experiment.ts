/** An experiment from start to end: pictures, base models, runs, results. Stopped anywhere, the same call resumes. */
import { join } from "node:path";
import { z } from "zod";
import { SCORE } from "../../eval/index.js";
import { describeEnvironment, type TrainEvent } from "../../train/index.js";
import { atomicWriteJson, checkSameSettings, exists, ifThere, makeFolder } from "../../files/index.js";
import { readJsonAs, takeLock } from "../../files/index.js";
import { runJobs, type Jobs } from "../runner.js";
import type { ExperimentEvent, ExperimentOptions, ResultsWritten } from "./options.js";
import { settingsOf, type ExperimentConfig } from "./config.js";
import { composeData, readData, type ExperimentData } from "./pictures.js";
import { experimentJobs, isJobFinished, type ExperimentJob } from "./jobs.js";
import { WorkerProcess } from "./process.js";
import { baseRecord, type BaseRecord } from "./pretrain.js";
import { resultsOf, type ExperimentResults } from "./results.js";
import { writeResults } from "./write-results.js";
import { heldOut, readFinished, type Finished } from "./finished-runs.js";
import { KeptRuns, runsIn } from "./kept-runs.js";

const SETTINGS = "experiment.json";
const TIME = "time.json";
const LOCK = "experiment.lock";
const RESULTS = "results";

/** See `runExperiment()`. */
export async function runToResults(
  config: ExperimentConfig,
  { only, from, signal, onProgress = () => undefined }: ExperimentOptions,
): Promise<ExperimentResults> {
  const kept = from === undefined ? undefined : await KeptRuns.read(config, from);
  const phases = experimentJobs(config, only, kept?.runs);
  let read: Promise<ExperimentData> | undefined;
  const data = (): Promise<ExperimentData> => (read ??= readData(config));
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
      if (kept) await checkKept(kept, config, await data());
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
    const seconds = clock.seconds + (kept ? (clock.kept ?? 0) : 0);
    return await collect(config, { data: await data(), seconds, kept, onProgress });
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

/** Before hours of computing: kept runs count where they were read on these pictures, and started from these base models. */
async function checkKept(kept: KeptRuns, config: ExperimentConfig, { test }: ExperimentData): Promise<void> {
  const rows = test.map(({ id, set, score, attributes }) => ({ id, set, truth: { [SCORE]: score, ...attributes } }));
  kept.checkPictures(heldOut(rows));
  await kept.checkBases(config);
}

interface Collecting {
  readonly data: ExperimentData;
  readonly seconds: number;
  readonly kept: KeptRuns | undefined;
  readonly onProgress: (event: ExperimentEvent) => void;
}

async function collect(
  config: ExperimentConfig,
  { data: { train, test }, seconds, kept, onProgress }: Collecting,
): Promise<ExperimentResults> {
  const finished = await readFinished(config, kept);
  const names = Object.keys(config.backbones);
  const records = await Promise.all(names.map((name) => baseRecord(config, name)));
  const bases = names.flatMap((name, i): [string, BaseRecord][] => (records[i] ? [[name, records[i]]] : []));
  const results = resultsOf(config, finished, {
    bases: { ...kept?.bases, ...Object.fromEntries(bases) },
    environment: await describeEnvironment(),
    seconds,
    pictures: { train: train.length, test: test.length },
  });
  const place = await placeOf(config, finished);
  await writeResults(place.folder, results, finished);
  onProgress({ type: "results", ...place });
  return results;
}

/** Results do not replace those of runs that they lack: until they have all of them, they are in the work folder. */
async function placeOf({ out, work }: ExperimentConfig, { arms }: Finished): Promise<Omit<ResultsWritten, "type">> {
  const here = new Set(arms.flatMap(({ runs }) => runs.map(({ name }) => name)));
  const lacking = (await runsIn(out)).filter((name) => !here.has(name)).length;
  return { folder: lacking === 0 ? out : join(work, RESULTS), lacking };
}
