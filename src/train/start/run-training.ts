/** A run folder from start to end: started or resumed, its settings checked, its figures written down. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Sample } from "../../data/index.js";
import { writeTrainedOn } from "../../data/trained-on.js";
import { saveCheckpoint } from "../../engine/index.js";
import { messageOf, RocError } from "../../errors.js";
import { saveBaseline } from "../../baselines/registry.js";
import { attachLora, type LoraAdapters } from "../../models/lora.js";
import { loadAdapter, saveAdapter } from "../../models/peft.js";
import { ADAPTER_FOLDER } from "../../models/places.js";
import { saveConfig } from "../../models/save.js";
import type { Mllm } from "../../models/types.js";
import { saveTemplates, type LossWeights, type StrategyParts } from "../../roc/index.js";
import { usesStds } from "../../roc/weights.js";
import type { ProcessGroup } from "../../torch/index.js";
import {
  atomicWriteJson,
  checkSameSettings,
  makeFolder,
  takeLock,
  type Lock,
  type Settings,
} from "../../files/index.js";
import { clearRun, openLatestState, readingState, type SavedState } from "../run/checkpoint.js";
import type { EndEvent, TrainEvent } from "../events.js";
import { train, type TrainTask } from "../loop/train.js";
import { describeEnvironment, figuresOf, MetricsFile } from "../run/metrics-file.js";
import { baselineObjective } from "../loop/baseline-objective.js";
import { setsOf } from "../data/sets.js";
import { strategyObjective, type Scales } from "../loop/objective.js";
import type { Learner } from "../learner.js";
import type { Precision, TrainOptions } from "../options.js";
import { PixelCache } from "../data/pixels.js";
import { checkSamples, readUnusable, recordSamples, writeSamples, writeUnusable } from "../run/samples.js";
import type { SampleRecord } from "../run/samples.js";
import { EventFile } from "../run/tensorboard.js";
import type { TrainableBaseline } from "./baseline.js";
import { reopen, type Trainable } from "./start.js";

const CONFIG = "config.json";
/** Held as long as a process trains in the folder. */
const LOCK = "run.lock";
/** As `startSettings()` has it; settings of others may call another thing their base. */
const DIGEST = /^[0-9a-f]{64}$/;
/** Options that may change when a run is resumed: they change nothing that is computed. */
const FREE: ReadonlySet<string> = new Set(["recompute", "shardOptimizer", "keepLast", "keepBest", "skipBroken"]);

/** Everything that a run needs to start or to resume. */
export interface RunPlan extends Scales {
  /** The run folder; made where it does not exist. */
  readonly folder: string;
  /** Throw away what an earlier run has left there. Default false: resume it. */
  readonly fresh?: boolean;
  /** Resume with pictures and labels as they are now, whatever the run was started with. Default false: an error. */
  readonly acceptChangedData?: boolean;
  readonly options: TrainOptions;
  /** Of a strategy's losses; a classical system has its own loss. */
  readonly weights?: LossWeights;
  readonly train: readonly Sample[];
  readonly validation: readonly Sample[];
  /**
   * What to train, with weights of a dtype; called where there is no state to resume. With adapters it is called by a
   * resumed run, too, and must give the same weights again.
   */
  readonly start: (dtype: Precision) => Promise<Trainable | TrainableBaseline>;
  /** Opens a state to resume from it. Default {@link reopen}. */
  readonly reopen?: (
    folder: string,
    at: { device: string; dtype: Precision },
  ) => Promise<Trainable | TrainableBaseline>;
  /** What the result of `start` depends on, by name: a run is only resumed with the same. See `startSettings()`. */
  readonly from: Settings | (() => Promise<Settings>);
  /** Folder or hub name of what `start` opens, which adapters are written to belong to. */
  readonly base?: string;
  /** Length of a sample, see `TrainTask`. */
  readonly length?: (sample: Sample) => number;
  /** Where a resumed run computes. Default "cpu". */
  readonly device?: string;
  readonly minutes?: number;
  readonly signal?: AbortSignal;
  /** The processes that train together. Only rank 0 uses the run folder; the others call `start`, whatever is in it. */
  readonly group?: ProcessGroup;
}

/**
 * Trains in a run folder and resumes there. The model is freed at the end: the states are what is left.
 *
 * @throws RocError USAGE where the folder holds a run of other settings or data; IN_USE where another process trains in
 *   it; see `train()` for the rest
 */
export async function* runTraining(plan: RunPlan): AsyncGenerator<TrainEvent, void, undefined> {
  const { group } = plan;
  if (group !== undefined && group.rank > 0) {
    yield* trainIn(plan, await group.fromFirst<Prepared | undefined>(() => undefined));
    return;
  }
  await makeFolder(plan.folder);
  const lock = await takeLock(join(plan.folder, LOCK), `The run folder ${plan.folder}`);
  try {
    const prepared = await (group ? group.fromFirst(() => prepare(plan)) : prepare(plan));
    for (const text of prepared.notes) yield { type: "note", step: prepared.resume?.state.step ?? 0, text };
    yield* trainIn(plan, prepared);
  } finally {
    await release(lock);
  }
}

/**
 * Trains to the end of a run, as {@link runTraining}.
 *
 * @param onEvent called for every event; what it throws ends the run
 * @returns how the run ended
 */
export async function runToEnd(plan: RunPlan, onEvent?: (event: TrainEvent) => void): Promise<EndEvent> {
  let end: EndEvent | undefined;
  for await (const event of runTraining(plan)) {
    onEvent?.(event);
    if (event.type === "end") end = event;
  }
  if (end === undefined) throw new RocError("INTERNAL", "The training ended without saying so.");
  return end;
}

/** What rank 0 finds in the run folder. */
interface Prepared {
  /** The state to resume, if there is one. */
  readonly resume: SavedState | undefined;
  readonly notes: readonly string[];
  readonly samples: readonly SampleRecord[];
  /** Digest of what the run starts from, where its settings have it. */
  readonly base: string | undefined;
}

/** Its folder may be gone: that is not what a run should end with. */
async function release(lock: Lock): Promise<void> {
  await lock.release().catch(() => undefined);
}

async function* trainIn(plan: RunPlan, prepared: Prepared | undefined): AsyncGenerator<TrainEvent, void, undefined> {
  const rank = plan.group?.rank ?? 0;
  // The others get the weights of rank 0 later.
  const resume = rank === 0 ? prepared?.resume : undefined;
  const trainable = await open(plan, resume);
  const model = modelOf(trainable);
  const pixels = new PixelCache({ prepare: trainable.prepare, skipBroken: plan.options.skipBroken ?? false });
  try {
    using adapters = "parts" in trainable ? await adapt(plan, trainable.parts.model, resume) : undefined;
    if (rank === 0) await writeEnvironment(plan, model);
    const record = rank === 0 ? await recorder(plan.folder, resume?.state.step ?? 0) : () => Promise.resolve();
    const task = taskOf(plan, trainable, adapters, prepared);
    const save = async (folder: string): Promise<void> => {
      await task.save(folder);
      await writeTrainedOn(folder, plan.train, prepared?.samples ?? []);
    };
    for await (const event of train({ ...task, save, pixels }, plan.options)) {
      await record(event);
      yield event;
    }
  } finally {
    model.dispose();
    await writeUnusable(plan.folder, rank, pixels.unusable);
  }
}

/**
 * Looks at the run folder and writes down what the run depends on; nothing of the model is loaded yet.
 * @throws RocError USAGE where a run of other settings or data is there
 */
async function prepare(plan: RunPlan): Promise<Prepared> {
  const { folder, fresh = false, acceptChangedData: accept = false } = plan;
  if (fresh) await clearRun(folder);
  const resume = await openLatestState(folder);
  const settings = await settingsOf(plan);
  const samples = await recordSamples(plan, plan.weights === undefined || usesStds(plan.weights));
  let notes: string[] = [];
  if (resume !== undefined) {
    const remedy = "Give the same again to resume it, another folder, or --fresh to throw it away.";
    const damaged = "Restore it, give another folder, or start again with --fresh.";
    const what = `The run in ${folder}`;
    await checkSameSettings(join(folder, CONFIG), settings, { what, remedy, damaged, say: ranksText, free: FREE });
    const excused = await readUnusable(folder, await readdir(folder));
    notes = (await checkSamples(folder, samples, { accept, excused })).map((text) => `the data have changed: ${text}`);
    if (resume.note !== undefined) notes.unshift(resume.note);
  }
  await atomicWriteJson(join(folder, CONFIG), settings);
  await writeSamples(folder, samples);
  const { base } = settings;
  return { resume, notes, samples, base: typeof base === "string" && DIGEST.test(base) ? base : undefined };
}

/** The number of processes is no option of the command. */
function ranksText(name: string, before: unknown, now: unknown): string | undefined {
  if (name !== "ranks") return undefined;
  const count = (ranks: unknown): string =>
    typeof ranks === "number"
      ? `${ranks} process${ranks === 1 ? "" : "es"} of torchrun`
      : "one process, without torchrun";
  const again = typeof before === "number" ? `torchrun --nproc_per_node ${before} on one machine` : "no torchrun";
  return `it was trained in ${count(before)}, now in ${count(now)} (start as many as before: ${again})`;
}

/** Adapters are put on the weights that the run started from: a state holds only what was trained. */
async function open(
  { options, device = "cpu", start, reopen: again = reopen }: RunPlan,
  resume: SavedState | undefined,
): Promise<Trainable | TrainableBaseline> {
  const { lora, weights = "float32" } = options;
  if (resume !== undefined && !lora) {
    const { folder } = resume;
    return readingState(folder, () => again(folder, { device, dtype: weights }));
  }
  const trainable = await start(weights);
  const model = modelOf(trainable);
  const { dtype } = model;
  if (dtype === weights) return trainable;
  model.dispose();
  throw new RocError("USAGE", `The weights are ${dtype}; this run cannot be given ${weights} ones.`);
}

function modelOf(trainable: Trainable | TrainableBaseline): Learner {
  return "parts" in trainable ? trainable.parts.model : trainable.baseline;
}

async function adapt(
  { options: { lora, seed } }: RunPlan,
  model: Mllm,
  resume: SavedState | undefined,
): Promise<LoraAdapters | undefined> {
  if (!lora) return undefined;
  if (!resume) return attachLora(model, lora, seed);
  return readingState(resume.folder, () => loadAdapter(model, join(resume.folder, ADAPTER_FOLDER)));
}

function taskOf(
  plan: RunPlan,
  trainable: Trainable | TrainableBaseline,
  adapters: LoraAdapters | undefined,
  prepared: Prepared | undefined,
): Omit<TrainTask, "pixels"> {
  const { resume, base } = prepared ?? {};
  const { minutes, signal, length, group } = plan;
  return {
    ...workOf(plan, trainable, adapters, base),
    train: isOfSets(trainable) ? setsOf(plan.train) : plan.train,
    validation: plan.validation,
    run: plan.folder,
    ...(adapters && { adapters }),
    ...(resume && { resume }),
    ...(length && { length }),
    ...(minutes === undefined ? {} : { minutes }),
    ...(signal === undefined ? {} : { signal }),
    ...(group && { group }),
  };
}

/** Whether whole sets are shown. */
function isOfSets(trainable: Trainable | TrainableBaseline): boolean {
  return "parts" in trainable && trainable.parts.strategy.name === "set";
}

/** What is trained, how, and how it is written. @param base digest of what the run starts from */
function workOf(
  plan: RunPlan,
  trainable: Trainable | TrainableBaseline,
  adapters: LoraAdapters | undefined,
  base: string | undefined,
): Pick<TrainTask, "model" | "objective" | "save"> {
  if ("baseline" in trainable) {
    const { baseline } = trainable;
    const save = (folder: string): Promise<void> => saveBaseline(baseline, folder);
    return { model: baseline, objective: baselineObjective(baseline, plan), save };
  }
  const { parts } = trainable;
  if (plan.weights === undefined) throw new RocError("INTERNAL", "A strategy is trained without loss weights.");
  return {
    model: parts.model,
    objective: strategyObjective(parts, plan, plan.weights),
    save: (folder) => (adapters ? saveAdapted(folder, plan, parts, adapters, base) : saveCheckpoint(folder, parts)),
  };
}

/** A checkpoint (without weights, if they are not to be merged) and in it a folder of the adapters, as peft reads it. */
async function saveAdapted(
  folder: string,
  { base = "", options }: RunPlan,
  parts: StrategyParts,
  adapters: LoraAdapters,
  digest: string | undefined,
): Promise<void> {
  const { model, processor, templates } = parts;
  if (options.lora?.merge === false) {
    await saveConfig(model, folder);
    await processor.save(folder);
    await saveTemplates(folder, templates);
  } else await adapters.whileMerged(() => saveCheckpoint(folder, parts));
  const trained = [...model.parameters()].filter(([, tensor]) => tensor.requiresGrad).map(([name]) => name);
  await saveAdapter(join(folder, ADAPTER_FOLDER), model, adapters, { base, digest, trained });
}

async function writeEnvironment({ folder }: RunPlan, { device }: Learner): Promise<void> {
  const environment = { ...(await describeEnvironment()), device, command: process.argv.slice(2) };
  await atomicWriteJson(join(folder, "environment.json"), environment);
}

/** What determines a run in addition to its pictures, by name; plain JSON. */
async function settingsOf(plan: RunPlan): Promise<Settings> {
  const { from } = plan;
  return {
    ...plan.options,
    ...(plan.group && { ranks: plan.group.worldSize }),
    lossWeights: plan.weights,
    dataScale: plan.scale,
    attributeScales: plan.attributeScales,
    ...(typeof from === "function" ? await from() : from),
  };
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
