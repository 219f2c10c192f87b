/** A run folder from start to end: begun or taken up again, its settings checked, its figures written down. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Sample } from "../data/index.js";
import { saveCheckpoint } from "../engine/index.js";
import { messageOf, RocError } from "../errors.js";
import { attachLora, type LoraAdapters } from "../models/lora.js";
import { loadAdapter, saveAdapter } from "../models/peft.js";
import { saveConfig } from "../models/save.js";
import type { Mllm } from "../models/types.js";
import { saveTemplates, type LossWeights, type StrategyParts } from "../roc/index.js";
import type { ProcessGroup } from "../torch/index.js";
import { atomicWriteJson, makeFolder } from "../files/index.js";
import { clearRun, openLatestState, type SavedState } from "./checkpoint.js";
import type { TrainEvent } from "./events.js";
import { train, type TrainTask } from "./loop.js";
import { describeEnvironment, figuresOf, MetricsFile } from "./metrics-file.js";
import { strategyObjective, type Scales } from "./objective.js";
import type { Precision, TrainOptions } from "./options.js";
import { PixelCache } from "./pixels.js";
import { EventFile } from "./tensorboard.js";
import { reopen, type Trainable } from "./trainable.js";

const CONFIG = "config.json";
/** Folder of a state that holds its adapters. */
const ADAPTER = "adapter";
/** Options that may change when a run is taken up again: they change nothing that is computed. */
const FREE: ReadonlySet<string> = new Set(["recompute", "shardOptimizer", "keepLast", "keepBest"]);

/** Everything that a run needs to start, or to go on. */
export interface RunPlan extends Scales {
  /** The run folder; made where it does not exist. */
  readonly folder: string;
  /** Throw away what an earlier run has left there. Default false: go on with it. */
  readonly fresh?: boolean;
  readonly options: TrainOptions;
  readonly weights: LossWeights;
  readonly train: readonly Sample[];
  readonly validation: readonly Sample[];
  /**
   * What to train, with weights of a dtype; called where there is no state to go on from. With adapters it is called by a
   * resumed run, too, and must give the same weights again.
   */
  readonly start: (dtype: Precision) => Promise<Trainable>;
  /** Folder or hub name of what `start` opens, which adapters are written to belong to. */
  readonly base?: string;
  /** Length of a sample, see `TrainTask`. */
  readonly length?: (sample: Sample) => number;
  /** Where a resumed run computes. Default "cpu". */
  readonly device?: string;
  readonly minutes?: number;
  readonly signal?: AbortSignal;
  /** The processes that train together. Rank 0 alone uses the run folder; the others call `start`, whatever is in it. */
  readonly group?: ProcessGroup;
}

/**
 * Trains in a run folder and resumes there. The model is freed at the end: the states are what is left.
 *
 * @throws RocError USAGE where the folder holds a run of other settings; see `train()` for the rest
 */
export async function* runTraining(plan: RunPlan): AsyncGenerator<TrainEvent, void, undefined> {
  const { group } = plan;
  const isFirst = group === undefined || group.rank === 0;
  const latest = await (group ? group.fromFirst(() => prepareFolder(plan)) : prepareFolder(plan));
  // The others get the weights of rank 0 later.
  const resume = isFirst ? latest : undefined;
  const trainable = await open(plan, resume);
  const { model } = trainable.parts;
  try {
    using adapters = await adapt(plan, model, resume);
    if (isFirst) await writeSettings(plan, trainable.parts, resume);
    const record = isFirst ? await recorder(plan.folder, resume?.state.step ?? 0) : () => Promise.resolve();
    for await (const event of train(taskOf(plan, trainable, adapters, latest), plan.options)) {
      await record(event);
      yield event;
    }
  } finally {
    model.dispose();
  }
}

/** The state to go on from, if there is one. */
async function prepareFolder({ folder, fresh = false, options }: RunPlan): Promise<SavedState | undefined> {
  await makeFolder(folder);
  if (fresh) await clearRun(folder);
  return openLatestState(folder, options);
}

/** Adapters are put on the weights that the run began with: a state holds what was trained alone. */
async function open({ options, device, start }: RunPlan, resume: SavedState | undefined): Promise<Trainable> {
  const { lora, weights = "float32" } = options;
  if (resume !== undefined && !lora) return reopen(resume.folder, { device: device ?? "cpu", dtype: weights });
  const trainable = await start(weights);
  const { dtype } = trainable.parts.model;
  if (dtype === weights) return trainable;
  trainable.parts.model.dispose();
  throw new RocError("USAGE", `The weights are ${dtype}; this run cannot be given ${weights} ones.`);
}

async function adapt(
  { options: { lora, seed } }: RunPlan,
  model: Mllm,
  resume: SavedState | undefined,
): Promise<LoraAdapters | undefined> {
  if (!lora) return undefined;
  return resume ? loadAdapter(model, join(resume.folder, ADAPTER)) : attachLora(model, lora, seed);
}

function taskOf(
  plan: RunPlan,
  { parts, prepare }: Trainable,
  adapters: LoraAdapters | undefined,
  resume: SavedState | undefined,
): TrainTask {
  const { minutes, signal, length, group } = plan;
  return {
    model: parts.model,
    objective: strategyObjective(parts, plan, plan.weights),
    train: plan.train,
    validation: plan.validation,
    pixels: new PixelCache({ prepare }),
    run: plan.folder,
    save: (folder) => (adapters ? saveAdapted(folder, plan, parts, adapters) : saveCheckpoint(folder, parts)),
    ...(adapters && { adapters }),
    ...(resume && { resume }),
    ...(length && { length }),
    ...(minutes === undefined ? {} : { minutes }),
    ...(signal === undefined ? {} : { signal }),
    ...(group && { group }),
  };
}

/** A checkpoint (without weights, if they are not to be merged) and in it a folder of the adapters, as peft reads it. */
async function saveAdapted(
  folder: string,
  { base = "", options }: RunPlan,
  parts: StrategyParts,
  adapters: LoraAdapters,
): Promise<void> {
  const { model, processor, templates } = parts;
  if (options.lora?.merge === false) {
    await saveConfig(model, folder);
    await processor.save(folder);
    await saveTemplates(folder, templates);
  } else await adapters.whileMerged(() => saveCheckpoint(folder, parts));
  const trained = [...model.parameters()].filter(([, tensor]) => tensor.requiresGrad).map(([name]) => name);
  await saveAdapter(join(folder, ADAPTER), model, adapters, { base, trained });
}

/** Writes `config.json` and `environment.json`; a resumed run's settings must be those that it was started with. */
async function writeSettings(plan: RunPlan, parts: StrategyParts, resume: SavedState | undefined): Promise<void> {
  const file = join(plan.folder, CONFIG);
  const settings = settingsOf(plan, parts);
  if (resume !== undefined) checkSame(settings, JSON.parse(await readFile(file, "utf8")) as unknown, plan.folder);
  const { device } = parts.model;
  const environment = { ...(await describeEnvironment()), device, command: process.argv.slice(2) };
  await atomicWriteJson(file, settings);
  await atomicWriteJson(join(plan.folder, "environment.json"), environment);
}

/** What determines a run, by name; plain JSON. */
function settingsOf(plan: RunPlan, { model, strategy, templates }: StrategyParts): Record<string, unknown> {
  const { min, max } = strategy.scale;
  return {
    ...plan.options,
    ...(plan.group && { ranks: plan.group.worldSize }),
    lossWeights: plan.weights,
    dataScale: plan.scale,
    attributeScales: plan.attributeScales,
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
  const keys = new Set([...Object.keys(known), ...Object.keys(plain)].filter((key) => !FREE.has(key)));
  const changed = [...keys].filter((key) => !isDeepStrictEqual(plain[key], known[key]));
  if (changed.length === 0) return;
  const list = changed.map((key) => `${key} was ${JSON.stringify(known[key])}, now ${JSON.stringify(plain[key])}`);
  throw new RocError(
    "USAGE",
    `${folder} holds a run of other settings: ${list.join("; ")}. ` +
      "Give the same again to go on with it, another folder, or --fresh to throw it away.",
  );
}

/** Writes a run's figures down, from the step on that it starts after. */
async function recorder(folder: string, step: number): Promise<(event: TrainEvent) => Promise<void>> {
  const metrics = new MetricsFile(join(folder, "metrics.jsonl"));
  const events = new EventFile(folder, step);
  await metrics.truncate(step);
  return async (event) => {
    if (event.type !== "step" && event.type !== "validation") return;
    try {
      await metrics.append({ ...event });
      await events.append(event.step, figuresOf(event));
    } catch (cause) {
      const message = `The figures of step ${event.step} cannot be written to ${folder}: ${messageOf(cause)}.`;
      const remedy = "Make room there and start again: the run resumes from its last state.";
      throw new RocError("TRAINING", `${message} ${remedy}`, { cause });
    }
  };
}
