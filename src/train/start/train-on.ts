/** A checked spec and its data set to a finished run: device, run folder and checkpoint are checked before anything is loaded. */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { resolve } from "node:path";
import type { LoadedDataset, ScoreScale } from "../../data/index.js";
import { RocError } from "../../errors.js";
import { systemFacts } from "../../baselines/facts.js";
import { exists, makeFolder, writing } from "../../files/index.js";
import { openCheckpointFolder, type CheckpointFolder } from "../../models/places.js";
import { usesScoreTokens, vocabularyFromConfig } from "../../roc/index.js";
import { checkDevice, type ProcessGroup } from "../../torch/index.js";
import type { TrainEvent } from "../events.js";
import type { TrainOptions } from "../options.js";
import { optionsOf } from "./config.js";
import { ratingsOf, type RunData } from "./data.js";
import { dataOf, setCount, unitsOf } from "./raters.js";
import { runToEnd, type RunPlan } from "./run-training.js";
import { checkedOptions } from "./patterns.js";
import {
  baselineSettings,
  newBaseline,
  outlineOf,
  reopenBaseline,
  startBaseline,
  storedBaseline,
  type BaselineStart,
} from "./baseline.js";
import { refuseNetwork, refuseTogether } from "./refusals.js";
import { folderOfModel, type CheckedSpec, type ModelFolders } from "./spec.js";
import { checkStart, startFrom, startOptions, startSettings, USUAL_SCALE, type StartOptions } from "./start.js";
import type { TrainingOptions, TrainingResult } from "./call.js";
import { checkLabels, lossNotes, networkNotes, planNotes, scaleWarnings, type OnWarning } from "./warnings.js";

/** Everything that a run starts with, checked before weights are read. */
interface Beginning {
  readonly data: RunData;
  readonly recipe: TrainOptions;
  /** What the plan says of the model. */
  readonly model: Pick<RunPlan, "weights" | "base" | "start" | "reopen" | "from"> & { readonly device: string };
  /** Reports what a person should know before the run. */
  readonly warn: (onWarning: OnWarning, ranks?: number) => Promise<void> | void;
}

/**
 * Trains by a spec on a data set that was read; see `trainModel()`.
 * @param options `onWarning` only in the process that reports
 */
export async function trainOn(
  dataset: LoadedDataset,
  spec: CheckedSpec,
  options: TrainingOptions,
  group?: ProcessGroup,
): Promise<TrainingResult> {
  const { signal, onEvent, onWarning = () => undefined } = options;
  const rank = group?.rank ?? 0;
  const beginning = await begin(dataset, spec, options, group);
  if (rank === 0) await beginning.warn(onWarning, group?.worldSize);
  if (!group) checkAborted(signal);
  const plan = planOf(spec, beginning, options, group);
  const { type: _, ...end } = await runToEnd(plan, (event) => onEvent && reportOf(event, rank, onEvent));
  return { ...end, checkpoint: end.best?.folder ?? end.folder };
}

async function begin(
  dataset: LoadedDataset,
  spec: CheckedSpec,
  options: TrainingOptions,
  group: ProcessGroup | undefined,
): Promise<Beginning> {
  const data = dataOf(dataset, spec);
  // Each process has a GPU of its own.
  const device = group && spec.device === "cuda" ? `cuda:${group.localRank}` : spec.device;
  // Before gigabytes are fetched or read.
  checkDevice(device);
  await refuseOwnFolder(spec);
  if ((group?.rank ?? 0) === 0) await checkWritable(spec.out);
  const units = unitsOf(data, spec);
  refuseTogether(spec, group?.worldSize);
  const recipe = optionsOf(spec, units / (group?.worldSize ?? 1));
  const made = await newBaseline(spec, ratingsOf(data));
  if (made) return beginBaseline(spec, data, made, recipe, device);
  const base = await folderOfModel(spec, options);
  const stored = await storedBaseline(spec, base);
  return stored ? beginBaseline(spec, data, stored, recipe, device) : beginStrategy(spec, data, base, recipe, device);
}

async function beginBaseline(
  spec: CheckedSpec,
  data: RunData,
  start: BaselineStart,
  wanted: TrainOptions,
  device: string,
): Promise<Beginning> {
  const { outputs, notes, recipe } = await outlineOf(spec, start, wanted);
  return {
    ...{ data, recipe },
    model: {
      device,
      start: () => startBaseline(start, { device }),
      reopen: reopenBaseline,
      from: () => baselineSettings(start),
    },
    warn(onWarning, ranks) {
      const texts = [
        ...(data.notes ?? []),
        ...notes,
        ...networkNotes(data, outputs),
        ...planNotes(data, recipe, ranks),
      ];
      for (const text of texts) onWarning(text);
    },
  };
}

async function beginStrategy(
  spec: CheckedSpec,
  data: RunData,
  base: ModelFolders,
  wanted: TrainOptions,
  device: string,
): Promise<Beginning> {
  refuseNetwork(spec);
  const checkpoint = await openCheckpointFolder(base.checkpoint ?? base.folder);
  const start = { ...startOptions(spec, base), ...(await scalesOf(spec, data, checkpoint)), device };
  await checkStart(checkpoint, start);
  const recipe = await checkedOptions(checkpoint, start, wanted);
  const { weights } = start;
  return {
    ...{ data, recipe },
    model: {
      ...{ weights, device, base: resolve(base.folder) },
      start: (dtype) => startFrom(checkpoint, { ...start, dtype }),
      from: () => startSettings(checkpoint, start),
    },
    async warn(onWarning, ranks) {
      await checkLabels({ ...spec, weights, base: checkpoint }, data, onWarning);
      for (const text of scaleWarnings(spec.scale, data.scale)) onWarning(text);
      const sets = setCount(data, spec);
      for (const text of planNotes({ ...data, sets }, recipe, ranks)) onWarning(text);
      for (const text of lossNotes(data.train, weights, recipe, sets)) onWarning(text);
    },
  };
}

function planOf(
  spec: CheckedSpec,
  { data, recipe, model }: Beginning,
  { fresh = false, acceptChangedData = false, minutes, signal }: TrainingOptions,
  group: ProcessGroup | undefined,
): RunPlan {
  return {
    ...{ ...data, folder: spec.out, options: recipe, ...model },
    ...{ fresh, acceptChangedData },
    ...(minutes !== undefined && { minutes }),
    ...(signal && { signal }),
    ...(group && { group }),
  };
}

/** Processes other than the first are silent except on themselves: what they leave out must be known. */
function reportOf(event: TrainEvent, rank: number, onEvent: (event: TrainEvent) => void): void {
  if (rank === 0) onEvent(event);
  else if (event.type === "note") onEvent({ ...event, rank });
}

/** The scale of the scores, and that of the ratings where none is chosen: results are given on it. */
async function scalesOf(
  { scale, strategy }: CheckedSpec,
  data: RunData,
  base: CheckpointFolder,
): Promise<ScoreScale & Pick<StartOptions, "ratingScale">> {
  const own = usesScoreTokens(strategy) ? await ownScale(base) : undefined;
  return scale ?? { ...(own ?? USUAL_SCALE), ratingScale: data.scale };
}

/** The scale of the score tokens that a checkpoint has. */
async function ownScale(base: CheckpointFolder): Promise<ScoreScale | undefined> {
  const config = await base.config();
  return vocabularyFromConfig({ ...(typeof config === "object" && config) })?.scale;
}

/** The run's folder, once it is made, would be taken for the model of that name; a new classical system is known by its name. @throws RocError USAGE */
async function refuseOwnFolder({ model, out }: CheckedSpec): Promise<void> {
  if (resolve(model) !== resolve(out) || systemFacts(model) !== undefined || (await exists(model))) return;
  throw new RocError("USAGE", `--out ${out} (out) would be what --model ${model} (model) names. Name another folder.`);
}

/** @throws RocError FILE_UNWRITABLE where no run can be written into a folder */
async function checkWritable(folder: string): Promise<void> {
  await makeFolder(folder);
  await writing(folder, () => access(folder, constants.W_OK));
}

function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new RocError("ABORTED", "Stopped before training started.", { cause: signal.reason });
}
