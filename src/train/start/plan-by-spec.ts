/** A run before it is one: what it comes to, as far as its data and its checkpoint are here. Nothing is downloaded. */
import { OFFICIAL, officialRatings, type DatasetKind, type LoadedDataset, type Ratings } from "../../data/index.js";
import { isRocError } from "../../errors.js";
import { exists, ifThere, type OpenFolder } from "../../files/index.js";
import { CheckpointFolder, openCheckpointFolder, WEIGHTS } from "../../models/places.js";
import { loadModel } from "../../models/registry.js";
import type { Mllm } from "../../models/types.js";
import { addScoreTokens, loadTemplates, usesScoreTokens } from "../../roc/index.js";
import { actingWeights } from "../../roc/weights.js";
import { loadTokenizer } from "../../tokenizers/index.js";
import { configFolder } from "../../weights/index.js";
import type { TrainOptions } from "../options.js";
import { checkPlaces } from "../loop/objective.js";
import { optionsOf, weightsOf } from "./config.js";
import { ratingsOf, type RunData } from "./data.js";
import { dataOf, setCount, unitsOf } from "./raters.js";
import {
  describePlan,
  describeSteps,
  plannedOutputs,
  sizesOf,
  type ModelPlan,
  type PlanCounts,
  type TrainingPlan,
  type TrainingSteps,
} from "./plan.js";
import { newBaseline, outlineOf, planStart, storedBaseline, type BaselineStart } from "./baseline.js";
import { checkedOptions } from "./patterns.js";
import { refuseNetwork, refuseTogether } from "./refusals.js";
import { checkSpec, datasetOf, folderOfModel, type CheckedSpec, type ModelFolders } from "./spec.js";
import type { PlanOptions } from "./call.js";
import type { TrainingSpec } from "./spec.js";
import { startFrom, startOptions, USUAL_SCALE, type StartOptions } from "./start.js";
import { checkLabels, datasetWarnings, lossNotes, networkNotes, planNotes, type OnWarning } from "./warnings.js";

/** The pictures of a run, or what is known of them. */
interface Pictures {
  readonly data: RunData;
  /** The same where some picture file is there; else those that are rated, or none where the labels are not there either. */
  readonly rated: RunData;
  readonly ratings: Ratings;
  /** Pictures to train on and to validate with; null where they are unknown. */
  readonly counts: PlanCounts | null;
}

/** See `planTraining()`. */
export async function planBySpec(spec: TrainingSpec, options: PlanOptions): Promise<TrainingPlan> {
  const { processes = 1, onWarning = () => undefined, forecast = false } = options;
  const checked = checkSpec(spec);
  refuseTogether(checked, processes);
  const { data, rated, ratings, counts } = await picturesOf(checked, forecast, onWarning);
  const recipe = optionsOf(checked, (counts?.raters ?? counts?.sets ?? counts?.train ?? 1) / processes);
  const steps = stepsOf(checked, recipe, counts);
  const made = await newBaseline(checked, ratings);
  if (made) return planBaseline(checked, made, rated, recipe, steps, options);
  const found = await foldersIfHere(checked, options);
  const stored = found && (await storedBaseline(checked, found));
  if (stored) return planBaseline(checked, stored, rated, recipe, steps, options);
  refuseNetwork(checked);
  if (!found) {
    onWarning(
      `the checkpoint ${checked.model} is not here: without it tokens, parameters and memory are not known. ` +
        `roc4mllm download ${checked.model} fetches it.`,
    );
  }
  const { weights, ...start } = startOptions(checked, found ?? {});
  await checkLabels({ ...checked, weights, base: found?.checkpoint ?? found?.folder }, data, onWarning);
  const sets = counts?.sets;
  if (data.train.length > 0) for (const text of planNotes({ ...data, sets }, recipe, processes)) onWarning(text);
  for (const text of lossNotes(data.train, weights, recipe, sets)) onWarning(text);
  if (!found) return steps;
  // The run's own device need not be in this machine.
  const from = { ...start, weights, ...checked.scale, device: "cpu" };
  return describeModel(found.checkpoint ?? found.folder, from, { data, rated }, recipe, steps, onWarning);
}

/** Of a classical system: steps, what is taught, parameters and memory; it has no tokens. */
async function planBaseline(
  spec: CheckedSpec,
  wanted: BaselineStart,
  data: RunData,
  recipe: TrainOptions,
  steps: TrainingSteps,
  { processes, onWarning = () => undefined }: PlanOptions,
): Promise<TrainingPlan> {
  const { start, notes: absent } = await planStart(wanted);
  const { outputs, notes, sizes, name } = await outlineOf(spec, start, recipe);
  const texts = data.train.length > 0 ? [...networkNotes(data, outputs), ...planNotes(data, recipe, processes)] : [];
  for (const text of [...(data.notes ?? []), ...absent, ...notes, ...texts]) onWarning(text);
  return { ...steps, strategy: name, loss: {}, outputs: plannedOutputs(outputs, data), ...sizes };
}

async function foldersIfHere(spec: CheckedSpec, options: PlanOptions): Promise<ModelFolders | undefined> {
  const { resolveModel, onWarning } = options;
  if (resolveModel) return resolveModel(spec.model, spec.visionTower);
  return (await exists(spec.model)) ? folderOfModel(spec, { onWarning }) : undefined;
}

async function describeModel(
  folder: string | CheckpointFolder,
  start: StartOptions,
  { data, rated }: Pick<Pictures, "data" | "rated">,
  wanted: TrainOptions,
  steps: TrainingSteps,
  onWarning: OnWarning,
): Promise<TrainingPlan> {
  const checkpoint = await openCheckpointFolder(folder);
  if (!(await checkpoint.weights.names()).some((name) => WEIGHTS.test(name))) {
    return { ...steps, ...(await describeConfig(checkpoint, start, wanted, onWarning)) };
  }
  const options = await checkedOptions(checkpoint, start, wanted);
  const from = { ...start, outline: true, ...(options.weights && { dtype: options.weights }) };
  const trainable = await startFrom(checkpoint, from);
  try {
    if (start.weights) checkPlaces(trainable.parts, start.weights);
    return await describePlan(trainable, data, options, steps, rated);
  } finally {
    trainable.parts.model.dispose();
  }
}

/** Of a folder without weights, with the rows of the score tokens that a run adds. */
async function describeConfig(
  { weights }: CheckpointFolder,
  start: StartOptions,
  wanted: TrainOptions,
  onWarning: OnWarning,
): Promise<Pick<ModelPlan, "parameters" | "memory">> {
  const folder = await configFolder(weights);
  const checkpoint = new CheckpointFolder(folder.path, folder);
  const options = await checkedOptions(checkpoint, start, wanted);
  using model = await loadModel(checkpoint, {
    visionTower: start.visionTower,
    outline: true,
    dtype: options.weights ?? "float32",
  });
  const before = model.vocabSize;
  const isExact = await addRows(model, weights, start);
  const added = model.vocabSize - before;
  const rows = added > 0 ? `, with ${added} rows for score tokens` : "";
  const most = added > 0 && !isExact ? " (at most: there is no tokenizer that says how many rows are free)" : "";
  onWarning(`${weights.path} holds no weights: parameters and memory are those of its config.json${rows}${most}.`);
  return sizesOf(model, options);
}

/**
 * Gives the outline of a model the score tokens that its run would add. Without a tokenizer every row of the config counts as in use.
 *
 * @returns whether a tokenizer says which rows are
 */
async function addRows(model: Mllm, folder: OpenFolder, start: StartOptions): Promise<boolean> {
  const { templates = await loadTemplates(folder) } = start;
  if (!usesScoreTokens(start.strategy ?? templates?.strategy ?? "roc")) return true;
  const tokenizer = await ifThere(loadTokenizer(folder));
  const rows = model.vocabSize;
  const none = { size: rows, addTokens: (tokens: readonly string[]) => tokens.map((_, index) => rows + index) };
  addScoreTokens(model, tokenizer ?? none, start);
  return tokenizer !== undefined;
}

/** The run's pictures; those of official files that are not there by their number. */
async function picturesOf(spec: CheckedSpec, forecast: boolean, onWarning: OnWarning): Promise<Pictures> {
  const dataset = await datasetIfThere(spec, forecast);
  if (dataset === undefined) return forecastOf(spec, onWarning);
  await datasetWarnings(dataset, spec.dataset ? undefined : spec.data.folder, onWarning);
  if (dataset.samples.some(({ split }) => split === "train")) {
    const data = dataOf(dataset, spec);
    return { data, rated: data, ratings: ratingsOf(data), counts: countsOf(data, spec) };
  }
  onWarning("no picture file is there; the plan counts the rated pictures.");
  const rated = dataOf({ ...dataset, samples: dataset.missing }, spec);
  return {
    data: { ...rated, train: [], validation: [] },
    rated,
    ratings: ratingsOf(rated),
    counts: countsOf(rated, spec),
  };
}

function countsOf(data: RunData, spec: CheckedSpec): PlanCounts {
  const { train, validation } = data;
  const raters = spec.train.raters && { raters: unitsOf(data, spec) };
  const sets = setCount(data, spec);
  return { train: train.length, validation: validation.length, ...raters, ...(sets !== undefined && { sets }) };
}

function forecastOf(spec: CheckedSpec, onWarning: OnWarning): Pictures {
  const { data, train, strategy, scale = USUAL_SCALE } = spec;
  const { kind, column, validation: share, mostTraining = Infinity, mostValidation } = data;
  const none: RunData = { train: [], validation: [], scale };
  // Who rated what, and which pictures are a set, is not known without the files.
  const isByRater = data.rater !== undefined || train.raters !== undefined;
  const ratings = (isByRater ? undefined : officialRatings(kind, column)) ?? ratingsOf(none);
  const official = kind && OFFICIAL[kind];
  onWarning(absence(data.folder, kind));
  if (!official || isByRater || strategy === "set") return { data: none, rated: none, ratings, counts: null };
  const { train: all, validation: own } = official.pictures;
  const apart = own > 0 ? own : Math.round(all * share);
  const taught = Math.min(own > 0 ? all : all - apart, mostTraining);
  return { data: none, rated: none, ratings, counts: { train: taught, validation: Math.min(apart, mostValidation) } };
}

/** undefined where the folder or its label files are not there, and that is no error. */
async function datasetIfThere(spec: CheckedSpec, forecast: boolean): Promise<LoadedDataset | undefined> {
  try {
    return await datasetOf(spec);
  } catch (error) {
    if (forecast && isRocError(error) && error.code === "FILE_NOT_FOUND") return undefined;
    throw error;
  }
}

function absence(folder: string, kind: DatasetKind | undefined): string {
  const official = kind && OFFICIAL[kind];
  if (!official)
    return `the data set is not there: ${folder}${kind ? ` (${kind})` : ""}; its pictures are not counted.`;
  const { name, files } = official;
  return `${name} is not in ${folder}, where ${files} belong (data.folder); the plan counts the pictures of the official files.`;
}

function stepsOf(spec: CheckedSpec, options: TrainOptions, counts: Pictures["counts"]): TrainingSteps {
  const { strategy } = spec;
  const loss = actingWeights(strategy, weightsOf(spec));
  if (counts) return describeSteps(counts, options, { strategy, loss });
  const samplesPerStep = options.batchSize * options.accumulation;
  // Steps that follow from epochs depend on the number of pictures.
  const steps = spec.train.epochs === undefined ? options.steps : null;
  return { train: null, validation: null, steps, epochs: null, samplesPerStep, strategy, loss };
}
