/** A run: fine-tuned from its base model, then read on the held-out part. Resumes; a finished one is not run again. */
import { join } from "node:path";
import { z } from "zod";
import { compare } from "../../engine/compare.js";
import { createModel, digestCheckpoint, type Model } from "../../engine/index.js";
import type { Sample } from "../../data/index.js";
import { RocError } from "../../errors.js";
import { predict, readKept, type Prediction } from "../../eval/index.js";
import { COMMENT, commentComesFirst } from "../../roc/template.js";
import { LOSS_PRESETS, type StrategyParts } from "../../roc/index.js";
import { reopen, runTraining, startFrom, startSettings, type EndEvent } from "../../train/index.js";
import { atomicWriteJson, ifThere, readJsonAs, removeEntries } from "../../files/index.js";
import { runFolder, type Run } from "./runs.js";
import { isCommented, trainOptions, type ConditionConfig, type ExperimentConfig } from "./config.js";
import type { StrategyName } from "../../roc/strategy-names.js";
import { picturesBySet } from "../../train/data/sets.js";
import type { RecipeConfig } from "./config.js";
import type { ExperimentData } from "./pictures.js";
import { baseCheckpoint, type JobOptions } from "./pretrain.js";

/** Kept name of the format: what an earlier version finished is found. */
const DONE = "cell.json";
const PREDICTIONS = "predictions.jsonl";
/** What a run needs to resume: of no use once its predictions are there. */
const STATE = /^(step-\d+(\.tmp)?|latest)$/;

const recordSchema = z.object({
  steps: z.number(),
  /** Of training and of reading the held-out part. */
  trainSeconds: z.number(),
  readSeconds: z.number(),
});

const environmentSchema = z.object({ revision: z.string().nullable().default(null) });

/** What a finished run came to, beside its predictions. */
export type RunRecord = Readonly<z.infer<typeof recordSchema>>;

/** What is known of a run; undefined where it is not finished. */
export async function runRecord(config: ExperimentConfig, run: Run): Promise<RunRecord | undefined> {
  return ifThere(readJsonAs(join(runFolder(config, run), DONE), recordSchema));
}

/** The predictions of a finished run, one per picture of the held-out part. */
export async function runPredictions(config: ExperimentConfig, run: Run): Promise<Prediction[]> {
  return readKept(join(runFolder(config, run), PREDICTIONS));
}

/** Git revision of the program that trained a run; null where it did not know. */
export async function runRevision(config: ExperimentConfig, run: Run): Promise<string | null> {
  const file = join(runFolder(config, run), "environment.json");
  return (await ifThere(readJsonAs(file, environmentSchema)))?.revision ?? null;
}

/** Trains and reads a run, resuming where it was stopped. */
export async function fineTune(
  config: ExperimentConfig,
  run: Run,
  data: ExperimentData,
  options: JobOptions = {},
): Promise<RunRecord> {
  const finished = await runRecord(config, run);
  if (finished) return finished;
  const folder = runFolder(config, run);
  const end = await tune(config, run, data, options);
  const started = performance.now();
  await readTest(
    conditionOf(config, run),
    config.studio.mostComments,
    data,
    end.folder,
    join(folder, PREDICTIONS),
    options,
  );
  const readSeconds = (performance.now() - started) / 1000;
  const record = { steps: end.step, trainSeconds: end.seconds, readSeconds };
  await atomicWriteJson(join(folder, DONE), record);
  await removeEntries(folder, (name) => STATE.test(name));
  return record;
}

export function conditionOf({ conditions }: ExperimentConfig, { condition }: Pick<Run, "condition">): ConditionConfig {
  const found = conditions[condition];
  if (!found) throw new RocError("INTERNAL", `There is no condition ${condition}.`);
  return found;
}

/** The last state counts, not the best one: nothing is chosen by looking at scores. */
async function tune(
  config: ExperimentConfig,
  run: Run,
  data: ExperimentData,
  { signal, onEvent }: JobOptions,
): Promise<EndEvent> {
  const base = await baseCheckpoint(config, run.backbone);
  const { prompts, answers } = conditionOf(config, run);
  const { strategy, scoreTokens: n, seed } = run;
  const weights = LOSS_PRESETS[config.loss];
  const { scale, attributeScales } = data;
  const start = { strategy, n, weights, templates: { prompts, answers } };
  const events = runTraining({
    folder: runFolder(config, run),
    options: trainOptions(recipeOf(config, strategy, data.train), seed),
    weights,
    ...{ scale, ...(attributeScales && { attributeScales }) },
    train: data.train,
    validation: [],
    start: (dtype) => startFrom(base, { ...start, dtype }),
    from: () => startSettings(base, start),
    base,
    ...(signal && { signal }),
  });
  let end: EndEvent | undefined;
  for await (const event of events) {
    onEvent?.(event);
    if (event.type === "end") end = event;
  }
  if (!end) throw new RocError("INTERNAL", `The training of ${run.name} ended without saying so.`);
  return end;
}

/** The recipe of a run. Batches of sets hold about as many pictures as those of single ones. */
export function recipeOf(
  { train }: Pick<ExperimentConfig, "train">,
  strategy: StrategyName,
  samples: readonly Sample[],
): RecipeConfig {
  if (strategy !== "set") return train;
  const size = samples.length / picturesBySet(samples).length;
  return { ...train, batchSize: Math.max(1, Math.round(train.batchSize / size)) };
}

/**
 * Reads the scores of all pictures and has comments written about the first `mostComments`, where answers hold one. Goes on
 * with what `file` holds. Of the strategy `set`, the pictures of a set are shown in one prompt.
 */
export async function readTest(
  condition: ConditionConfig,
  mostComments: number,
  data: ExperimentData,
  checkpoint: string,
  file: string,
  { signal }: Pick<JobOptions, "signal"> = {},
): Promise<void> {
  const { parts } = await reopen(checkpoint);
  const settings = { checkpoint: await digestCheckpoint(checkpoint) };
  const options = { partial: file, settings, remedy: `Delete ${file}.`, ...(signal && { signal }) };
  try {
    const commented = isCommented(condition) ? data.test.slice(0, mostComments) : [];
    await predict(createModel(parts), data, commented, { ...options, comments: true });
    const model = createModel(withoutComment(parts));
    if (parts.strategy.name !== "set") await predict(model, data, data.test, options);
    // A set is not cut by a stop: it is read anew.
    else await predict(bySets(model, data.test), data, data.test, { ...options, fresh: true });
  } finally {
    parts.model.dispose();
  }
}

/** A comment behind the scores cannot change them: it need not be written to read them. */
function withoutComment(parts: StrategyParts): StrategyParts {
  const { templates } = parts;
  const [answer = ""] = templates.answers;
  if (commentComesFirst(answer)) return parts;
  const [scores = ""] = answer.split(`{${COMMENT}}`);
  return { ...parts, templates: { ...templates, answers: [scores === answer ? answer : scores.trimEnd()] } };
}

/** Scores as {@link compare} gives them: the pictures of a set in one prompt, in several orders. Sets follow one another. */
function bySets(model: Model, samples: readonly Sample[]): Pick<Model, "score"> {
  return {
    async *score(_, options) {
      for (const set of picturesBySet(samples)) {
        const images = set.map(({ image }) => image);
        if (images.length > 1) yield* (await compare(model, images, options)).results;
        else yield* model.score(images, options);
      }
    },
  };
}
