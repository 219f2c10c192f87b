/** A run folder from start to end: begun or taken up again, its settings checked, its figures written down. */
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Sample, ScoreScale } from "../data/index.js";
import { saveCheckpoint } from "../engine/index.js";
import { RocError } from "../errors.js";
import type { LossWeights, StrategyParts } from "../roc/index.js";
import { atomicWriteJson } from "../weights/index.js";
import { clearRun, openLatestState, type SavedState } from "./checkpoint.js";
import type { TrainEvent } from "./events.js";
import { train, type TrainTask } from "./loop.js";
import { describeEnvironment, MetricsFile } from "./metrics-file.js";
import { strategyObjective } from "./objective.js";
import type { TrainOptions } from "./options.js";
import { PixelCache } from "./pixels.js";
import { reopen, type Trainable } from "./trainable.js";

const CONFIG = "config.json";

/** Everything that a run needs to start, or to go on. */
export interface RunPlan {
  /** The run folder; made where it does not exist. */
  readonly folder: string;
  /** Throw away what an earlier run has left there. Default false: go on with it. */
  readonly fresh?: boolean;
  readonly options: TrainOptions;
  readonly weights: LossWeights;
  readonly scale: ScoreScale;
  readonly train: readonly Sample[];
  readonly validation: readonly Sample[];
  /** What to train; called where there is no state to go on from. */
  readonly start: () => Promise<Trainable>;
  /** Where a resumed run computes. Default "cpu". */
  readonly device?: string;
  readonly minutes?: number;
  readonly signal?: AbortSignal;
}

/**
 * Trains in a run folder and resumes there. The model is freed at the end: the states are what is left.
 *
 * @throws RocError USAGE where the folder holds a run of other settings; see `train()` for the rest
 */
export async function* runTraining(plan: RunPlan): AsyncGenerator<TrainEvent, void, undefined> {
  await mkdir(plan.folder, { recursive: true });
  if (plan.fresh === true) await clearRun(plan.folder);
  const resume = await openLatestState(plan.folder);
  const trainable = await (resume === undefined
    ? plan.start()
    : reopen(resume.folder, { device: plan.device ?? "cpu" }));
  const { parts } = trainable;
  try {
    await writeSettings(plan, parts, resume);
    const metrics = new MetricsFile(join(plan.folder, "metrics.jsonl"));
    await metrics.truncate(resume?.state.step ?? 0);
    for await (const event of train(taskOf(plan, trainable, resume), plan.options)) {
      await record(metrics, event);
      yield event;
    }
  } finally {
    parts.model.dispose();
  }
}

function taskOf(plan: RunPlan, { parts, prepare }: Trainable, resume: SavedState | undefined): TrainTask {
  const { minutes, signal } = plan;
  return {
    model: parts.model,
    objective: strategyObjective(parts, plan.scale, plan.weights),
    train: plan.train,
    validation: plan.validation,
    pixels: new PixelCache({ prepare }),
    run: plan.folder,
    save: (folder) => saveCheckpoint(folder, parts),
    ...(resume === undefined ? {} : { resume }),
    ...(minutes === undefined ? {} : { minutes }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** Writes `config.json` and `environment.json`; a resumed run's settings must be those that it was started with. */
async function writeSettings(plan: RunPlan, parts: StrategyParts, resume: SavedState | undefined): Promise<void> {
  const file = join(plan.folder, CONFIG);
  const settings = settingsOf(plan, parts);
  if (resume !== undefined) checkSame(settings, JSON.parse(await readFile(file, "utf8")) as unknown, plan.folder);
  const environment = { ...(await describeEnvironment()), command: process.argv.slice(2) };
  await atomicWriteJson(file, settings);
  await atomicWriteJson(join(plan.folder, "environment.json"), environment);
}

/** What determines a run, by name; plain JSON. */
function settingsOf(plan: RunPlan, { model, strategy, templates }: StrategyParts): Record<string, unknown> {
  const { min, max } = strategy.scale;
  return {
    ...plan.options,
    lossWeights: plan.weights,
    dataScale: plan.scale,
    trainSamples: digestOf(plan.train),
    validationSamples: digestOf(plan.validation),
    prompts: templates.prompts,
    answers: templates.answers,
    strategy: strategy.name,
    scoreTokens: { count: strategy.vocabulary?.scoreIds.length ?? 0, min, max },
    family: model.family,
  };
}

function digestOf(samples: readonly Sample[]): string {
  const labels = samples.map(({ id, score, votes, attributes }) => [id, score, votes ?? null, attributes ?? null]);
  const digest = createHash("sha256").update(JSON.stringify(labels)).digest("hex").slice(0, 16);
  return `${samples.length} samples, ${digest}`;
}

function checkSame(now: Record<string, unknown>, before: unknown, folder: string): void {
  const known = typeof before === "object" && before !== null ? (before as Record<string, unknown>) : {};
  const plain = JSON.parse(JSON.stringify(now)) as Record<string, unknown>;
  const changed = Object.keys(plain).filter((key) => !isDeepStrictEqual(plain[key], known[key]));
  if (changed.length === 0) return;
  const list = changed.map((key) => `${key} was ${JSON.stringify(known[key])}, now ${JSON.stringify(plain[key])}`);
  throw new RocError(
    "USAGE",
    `${folder} holds a run of other settings: ${list.join("; ")}. ` +
      "Give the same again to go on with it, another folder, or --fresh to throw it away.",
  );
}

async function record(metrics: MetricsFile, event: TrainEvent): Promise<void> {
  if (event.type === "step" || event.type === "validation") await metrics.append({ ...event });
}
