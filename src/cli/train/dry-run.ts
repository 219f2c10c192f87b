/** `roc4mllm train --dry-run`: what a run comes to, as far as its data and its checkpoint are there. */
import { OFFICIAL, type DatasetKind, type LoadedDataset } from "../../data/index.js";
import { isRocError } from "../../errors.js";
import type { RunData, StepsDescription, TrainOptions } from "../../train/index.js";
import { readData } from "../shared/data-options.js";
import { modelAtHand } from "../shared/find-model.js";
import type { Context } from "../shared/io.js";
import { tellProblems } from "./notes.js";
import { planText } from "./plan.js";
import type { TrainProgress } from "./progress.js";
import type { Spec } from "./train.js";

type Training = typeof import("../../train/index.js");

/** The pictures of a run, or what is known of them. */
interface Pictures {
  readonly data: RunData;
  /** Pictures to train on and to validate with; null where nobody knows. */
  readonly counts: { readonly train: number; readonly validation: number } | null;
}

/**
 * Prints the plan. Data that are not there are forecast from what their official files hold, a checkpoint that would have
 * to be downloaded is left out; both are said. Nothing is downloaded.
 *
 * @param processes that would train together
 */
export async function dryRun(
  spec: Spec,
  { json, processes }: { readonly json: boolean; readonly processes: number },
  context: Context,
  progress: TrainProgress,
): Promise<void> {
  const training = await import("../../train/index.js");
  const { data, counts } = await picturesOf(spec, training, progress);
  const options = spec.options((counts?.train ?? 1) / processes);
  const steps = stepsOf(spec, options, counts, training);
  const found = await modelAtHand(spec.model, spec, context);
  if (!found) {
    progress.line(
      `note: the checkpoint ${spec.model} is not here: without it tokens, parameters and memory are not known. ` +
        `roc4mllm download ${spec.model} fetches it.`,
    );
  }
  await tellUntrained(spec, data, found?.folder, progress);
  if (data.train.length > 0)
    for (const note of training.planNotes(data, options, processes)) progress.line(`note: ${note}`);
  const plan = found ? await describe(spec, data, options, steps, found, training) : steps;
  context.io.stdout.write(json ? `${JSON.stringify(plan)}\n` : planText(plan));
}

async function describe(
  spec: Spec,
  data: RunData,
  options: TrainOptions,
  steps: StepsDescription,
  { folder, visionTower }: { folder: string; visionTower: string | undefined },
  training: Training,
): Promise<Awaited<ReturnType<Training["describePlan"]>>> {
  const { strategy, scoreTokens: n, scale, weights, templates, conversation } = spec;
  const trainable = await training.startFrom(folder, {
    ...{ strategy, n, ...scale, weights, visionTower, conversation, ...(templates && { templates }) },
    // The run's own device need not be in this machine.
    device: "cpu",
    ...(options.weights && { dtype: options.weights }),
  });
  try {
    return await training.describePlan(trainable, data, options, steps);
  } finally {
    trainable.parts.model.dispose();
  }
}

/** The run's pictures; those of official files that are not there by their number. */
async function picturesOf(spec: Spec, training: Training, progress: TrainProgress): Promise<Pictures> {
  const { validation: validationFraction, mostTraining = Infinity, mostValidation } = spec.data;
  const none: RunData = { train: [], validation: [], scale: spec.scale ?? training.USUAL_SCALE };
  const dataset = await readIfThere(spec, validationFraction);
  if (dataset === undefined) {
    const { kind } = spec.dataFlags;
    const official = kind && OFFICIAL[kind];
    progress.line(`note: ${absence(spec.dataFolder, kind)}`);
    if (!official) return { data: none, counts: null };
    const { train: all, validation: own } = official.pictures;
    const apart = own > 0 ? own : Math.round(all * validationFraction);
    const train = Math.min(own > 0 ? all : all - apart, mostTraining);
    return { data: none, counts: { train, validation: Math.min(apart, mostValidation) } };
  }
  await tellProblems(dataset, spec.dataFolder, progress);
  if (dataset.samples.some(({ split }) => split === "train")) {
    const data = training.runData(dataset, spec.data, spec.seed);
    return { data, counts: { train: data.train.length, validation: data.validation.length } };
  }
  progress.line("note: no picture file is there; the plan counts the rated pictures.");
  const rated = training.runData({ ...dataset, samples: dataset.missing }, spec.data, spec.seed);
  const counts = { train: rated.train.length, validation: rated.validation.length };
  const { scale, attributeScales } = dataset;
  return { data: { train: [], validation: [], scale, ...(attributeScales && { attributeScales }) }, counts };
}

/** undefined where the folder or its label files are not there, but a configuration says what they would be. */
async function readIfThere(spec: Spec, validationFraction: number): Promise<LoadedDataset | undefined> {
  try {
    return await readData(spec.dataFolder, spec.dataFlags, { validationFraction, seed: spec.seed });
  } catch (error) {
    if (spec.isFromFile && isRocError(error) && error.code === "FILE_NOT_FOUND") return undefined;
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

function stepsOf(spec: Spec, options: TrainOptions, counts: Pictures["counts"], training: Training): StepsDescription {
  const { strategy } = spec;
  if (counts) return training.describeSteps(counts, options, strategy);
  // Steps that follow from epochs hang on the number of pictures.
  const [one, million] = [1, 1e6].map((samples) => spec.options(samples).steps);
  const samplesPerStep = options.batchSize * options.accumulation;
  return { train: null, validation: null, steps: one === million ? options.steps : null, epochs: null, samplesPerStep, strategy }; // prettier-ignore
}

/** Checks that answers fit the run's pictures, and says which of their labels nothing is trained on. @param base folder of the checkpoint, if it is there */
export async function tellUntrained(
  { templates, strategy, weights }: Pick<Spec, "templates" | "strategy" | "weights">,
  { train }: Pick<RunData, "train">,
  base: string | undefined,
  progress: TrainProgress,
): Promise<void> {
  const { checkAnswers, untrainedLabels } = await import("../../train/index.js");
  const { placesOf } = await import("../../models/places.js");
  const { DEFAULT_TEMPLATES, loadTemplates, usesScoreTokens } = await import("../../roc/index.js");
  const texts =
    templates ??
    (base === undefined ? undefined : await loadTemplates((await placesOf(base)).home)) ??
    DEFAULT_TEMPLATES;
  checkAnswers(train, texts);
  const how = { templates: texts, weights, scoreTokens: usesScoreTokens(strategy) };
  for (const note of untrainedLabels(train, how)) progress.line(`note: ${note}`);
}
