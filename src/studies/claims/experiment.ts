/** An experiment from start to end: pictures, base models, cells, results. Stopped anywhere, the same call goes on. */
import { join } from "node:path";
import { z } from "zod";
import { RocError } from "../../errors.js";
import { describeEnvironment, type TrainEvent } from "../../train/index.js";
import { atomicWriteJson, checkSameSettings, exists, ifThere, makeFolder } from "../../files/index.js";
import { readJsonAs, takeLock } from "../../files/index.js";
import { cellsOf } from "./runs.js";
import { cellRecord } from "./fine-tune.js";
import { settingsOf, type ExperimentConfig } from "./config.js";
import { composeData, readData } from "./pictures.js";
import { runTasks } from "../runner.js";
import { baseRecord, type BaseRecord } from "./pretrain.js";
import { resultsOf, writeResults, type ExperimentResults } from "./results.js";
import { readFinished } from "./finished-runs.js";
import { baseTask, cellTask, type Task } from "./tasks.js";

export type ExperimentEvent =
  | { readonly type: "compose"; readonly done: number; readonly total: number }
  | { readonly type: "plan"; readonly tasks: number; readonly finished: number }
  | { readonly type: "train"; readonly task: string; readonly event: TrainEvent }
  | {
      readonly type: "done";
      readonly task: string;
      readonly seconds: number;
      readonly left: number;
      readonly secondsLeft: number;
    }
  /** The time budget is spent. */
  | { readonly type: "budget"; readonly left: number };

export interface ExperimentOptions {
  /** Only the cells whose name it matches, and the base models that they need. Default: all. */
  readonly only?: RegExp;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: ExperimentEvent) => void;
}

const SETTINGS = "experiment.json";
const TIME = "time.json";
const LOCK = "experiment.lock";

/**
 * Runs what is not finished yet and writes the results of all that is.
 *
 * @throws RocError USAGE where the work folder holds an experiment of other settings, or `only` matches no cell; ABORTED on
 *   the signal, with everything so far kept; IN_USE; and those of training
 */
export async function runExperiment(
  config: ExperimentConfig,
  { only, signal, onEvent = () => undefined }: ExperimentOptions = {},
): Promise<ExperimentResults> {
  const tasks = chosenTasks(config, only);
  await makeFolder(config.work);
  const lock = await takeLock(join(config.work, LOCK), `The work folder ${config.work}`);
  try {
    await checkSettings(config);
    const clock = await Clock.open(config);
    try {
      await composeData(config, {
        onProgress: (done, total) => onEvent({ type: "compose", done, total }),
        ...(signal && { signal }),
      });
      await runPhases(config, tasks, clock, { signal, onEvent });
    } finally {
      await clock.save();
    }
    return await collect(config, clock.seconds);
  } finally {
    await lock.release();
  }
}

/** Base models first: cells start from them. */
function chosenTasks(config: ExperimentConfig, only: RegExp | undefined): { bases: Task[]; cells: Task[] } {
  const cells = cellsOf(config).filter(({ name }) => only?.test(name) ?? true);
  if (cells.length > 0) {
    const bases = new Set(cells.map(({ backbone }) => backbone));
    return { bases: [...bases].map(baseTask), cells: cells.map(cellTask) };
  }
  const example = cellsOf(config)[0]?.name ?? "none";
  throw new RocError("USAGE", `--only matches no cell; their names are as ${example}. See --dry-run.`);
}

async function runPhases(
  config: ExperimentConfig,
  { bases, cells }: { bases: Task[]; cells: Task[] },
  clock: Clock,
  { signal, onEvent }: { signal: AbortSignal | undefined; onEvent: (event: ExperimentEvent) => void },
): Promise<void> {
  const all = [...bases, ...cells];
  const left: Task[] = [];
  for (const task of all) if (!(await isFinished(config, task))) left.push(task);
  onEvent({ type: "plan", tasks: all.length, finished: all.length - left.length });
  let [open, spent, done] = [left.length, 0, 0];
  const options = {
    signal,
    mayBegin: () => clock.seconds < config.minutes * 60,
    onEvent: (task: Task, event: TrainEvent) => onEvent({ type: "train", task: task.name, event }),
    onDone: ({ name: task }: Task, seconds: number) => {
      [open, spent, done] = [open - 1, spent + seconds, done + 1];
      // Written again at the end.
      clock.save().catch(() => undefined);
      onEvent({ type: "done", task, seconds, left: open, secondsLeft: (open * spent) / done / config.workers });
    },
  };
  for (const kind of ["base", "cell"] as const) {
    const skipped = await runTasks(config, left.filter((task) => task.kind === kind), options); // prettier-ignore
    if (skipped.length > 0) return onEvent({ type: "budget", left: open });
  }
}

async function isFinished(config: ExperimentConfig, task: Task): Promise<boolean> {
  const record = task.kind === "base" ? await baseRecord(config, task.backbone) : await cellRecord(config, task.cell);
  return record !== undefined;
}

/** What is in the work folder must have been made by the same settings. */
async function checkSettings(config: ExperimentConfig): Promise<void> {
  const file = join(config.work, SETTINGS);
  const settings = settingsOf(config);
  if (!(await exists(file))) return atomicWriteJson(file, settings);
  const remedy = 'Change them back, give another "work" folder, or delete this one.';
  await checkSameSettings(file, settings, { what: `The experiment in ${config.work}`, remedy });
}

/** The time that all sessions of an experiment took together. */
class Clock {
  readonly #started = performance.now();

  private constructor(
    private readonly file: string,
    private readonly before: number,
  ) {}

  static async open({ work }: ExperimentConfig): Promise<Clock> {
    const file = join(work, TIME);
    const before = await ifThere(readJsonAs(file, z.object({ seconds: z.number().min(0) })));
    return new Clock(file, before?.seconds ?? 0);
  }

  get seconds(): number {
    return this.before + (performance.now() - this.#started) / 1000;
  }

  async save(): Promise<void> {
    await atomicWriteJson(this.file, { seconds: this.seconds });
  }
}

async function collect(config: ExperimentConfig, seconds: number): Promise<ExperimentResults> {
  const finished = await readFinished(config);
  const { train, test } = await readData(config);
  const names = Object.keys(config.backbones);
  const records = await Promise.all(names.map((name) => baseRecord(config, name)));
  const bases = names.flatMap((name, i): [string, BaseRecord][] => (records[i] ? [[name, records[i]]] : []));
  const results = resultsOf(config, finished, {
    bases: Object.fromEntries(bases),
    environment: await describeEnvironment(),
    seconds,
    pictures: { train: train.length, test: test.length },
  });
  await writeResults(config.out, results, finished);
  return results;
}
