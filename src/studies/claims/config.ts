/** The file of an experiment: what is compared, on which pictures, by which models, for how long. */
import { parse } from "yaml";
import { z } from "zod";
import { messageOf, RocError } from "../../errors.js";
import { readText } from "../../files/index.js";
import { PAPER_STRATEGIES, STRATEGY_NAMES } from "../../roc/strategy-names.js";
import { MODEL_PARTS } from "../../models/types.js";
import { checkSetAnswers, COMMENT, parseTemplates, scoreNames } from "../../roc/template.js";
import { LOSS_PRESETS } from "../../roc/weights.js";
import { describe } from "../../train/start/config.js";
import { SCHEDULES } from "../../train/optim/schedule.js";
import type { TrainOptions } from "../../train/options.js";

const count = z.number().int().min(1);
const positive = z.number().min(0);
const share = z.number().min(0).lt(1);
/** Of folders and of runs' names. */
const name = z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, { error: "lower-case letters, digits, dots and dashes only" });

const recipe = z.strictObject({
  steps: count.describe("Optimizer steps of every run: the same for all, whatever the strategy"),
  batchSize: count.describe("Pictures of one step"),
  learningRate: positive.describe("The peak"),
  schedule: z.enum(SCHEDULES).default("cosine").describe("Of the learning rate, after the warm-up"),
  warmup: positive.default(0.05).describe("A share of the steps, or from 1 on their number"),
  weightDecay: positive.default(0.05).describe("Of matrices"),
  betas: z.tuple([share, share]).default([0.9, 0.98]).describe("AdamW's decay rates"),
  maxNorm: positive.default(1).describe("Greatest norm of the gradients"),
  flip: z.boolean().default(true).describe("Show every other picture mirrored"),
});

const backbone = z.strictObject({
  family: z.enum(["llava", "qwen2_vl"]).describe("Architecture"),
  imageSize: count.describe(
    "Side of the square in pixels (llava), or of a square of as many pixels as a picture is shrunk to (qwen2_vl)",
  ),
  patch: count.describe("Side of a patch in pixels"),
  visionWidth: count.describe("Width of the vision tower"),
  visionLayers: count.describe("Its layers"),
  visionHeads: count.describe("Its attention heads"),
  textWidth: count.describe("Width of the language model"),
  textLayers: count.describe("Its layers"),
  textHeads: count.describe("Its attention heads"),
  vocabulary: count.describe("Most token ids, before the score tokens"),
});

const condition = z.strictObject({
  prompts: z.array(z.string()).min(1).describe("Questions, each with `<image>` once"),
  answers: z.array(z.string()).min(1).describe("Answers with placeholders, see data.md"),
  backbones: z.array(name).min(1).optional().describe("Without it all"),
  strategies: z
    .array(z.enum(STRATEGY_NAMES))
    .min(1)
    .optional()
    .describe("Without it all of the experiment's; `set` shows the pictures of a set together"),
});

const studio = z.strictObject({
  seed: z.number().int().default(0).describe("Of the pictures"),
  pictures: z.number().int().min(10).describe("How many are composed"),
  longEdge: z.number().int().min(32).describe("Their longer side in pixels"),
  testFraction: z.number().gt(0).lt(1).describe("Share of the test part"),
  mostTest: count.describe("Pictures of the test part at most"),
  mostComments: count.describe("How many of them comments are written about"),
  sets: z
    .boolean()
    .optional()
    .describe("Compose sets of two to eight pictures of one scene; default: each has its own"),
});

const pretrain = recipe.extend({
  seed: z.number().int().default(0).describe("Of weights, order, and pictures of its own"),
  pictures: z
    .number()
    .int()
    .min(10)
    .optional()
    .describe(
      "Composed for the base models alone, by their seed, of scenes of their own; default: the runs' training part",
    ),
  factors: recipe
    .optional()
    .describe("Before the comments: vision tower and projector alone, on the factors that pictures are composed of"),
  freeze: z
    .array(z.enum(MODEL_PARTS))
    .min(1)
    .optional()
    .describe("Parts that the comments leave as they are, so that a tower does not forget what it has learnt to see"),
});

const ablation = z.strictObject({
  condition: name.describe("Under which"),
  scoreTokens: z.array(z.number().int().min(2)).describe("The other numbers"),
  backbones: z.array(name).min(1).optional().describe("Without it all"),
});

/** The keys of an experiment's file; docs/config.md is made of it. */
export const experimentSchema = z.strictObject({
  description: z.string().default("").describe("What is asked, in words"),
  work: z.string().describe("Pictures, base models and run folders; may be thrown away once the results are there"),
  out: z.string().describe("Results"),
  minutes: z.number().positive().describe("Of all sessions together; no run is started after it"),
  workers: count.default(2).describe("Runs that are computed side by side, each in a process"),
  threads: count.default(1).describe("Of each of them"),
  studio: studio.describe("The pictures"),
  backbones: z
    .record(name, backbone)
    .refine((all) => Object.keys(all).length > 0, { error: "names no backbone" })
    .describe("Models by name"),
  pretrain: pretrain.describe("On comments alone, before any score is seen"),
  train: recipe.describe("Of every run"),
  seeds: z.array(z.number().int().min(0)).min(1).describe("A run each"),
  strategies: z.array(z.enum(PAPER_STRATEGIES)).min(1).describe("What is compared"),
  loss: z
    .enum(Object.keys(LOSS_PRESETS) as [keyof typeof LOSS_PRESETS])
    .default("paper")
    .describe("Loss weights"),
  scoreTokens: z.number().int().min(2).default(10).describe("N where it is not what is compared"),
  conditions: z.record(name, condition).describe("Texts by name"),
  ablation: ablation.optional().describe("Other numbers of score tokens, for `roc`"),
  resamples: count.default(2000).describe("Of the bootstrap"),
});

/**
 * An experiment as its file says it, with every default filled in.
 *
 * @category Studies
 */
export type ExperimentConfig = z.infer<typeof experimentSchema>;
export type BackboneConfig = z.infer<typeof backbone>;
export type ConditionConfig = z.infer<typeof condition>;
export type RecipeConfig = z.infer<typeof recipe>;

/**
 * Overrides of a file for one call; everything is then stored in folders of its own, named by them.
 *
 * @category Studies
 */
export interface ExperimentChanges {
  /** Pictures and steps are multiplied by it: below 1 for a trial run. */
  readonly scale?: number;
  /** Of the runs, instead of the file's. */
  readonly seeds?: readonly number[] | undefined;
}

/** See `readExperiment()`. */
export async function readExperimentFile(
  file: string,
  { scale = 1, seeds }: ExperimentChanges = {},
): Promise<ExperimentConfig> {
  const text = await readText(file, { remedy: "Check the path." });
  const parsed = experimentSchema.safeParse(parseYaml(text, file));
  if (!parsed.success) throw new RocError("CONFIG_INVALID", `${file}: ${describe(parsed.error)}`);
  check(parsed.data, file);
  const config = seeds ? seeded(parsed.data, seeds) : parsed.data;
  return scale === 1 ? config : scaled(config, scale);
}

function parseYaml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new RocError("CONFIG_INVALID", `${file} is neither YAML nor JSON: ${messageOf(cause)}`, { cause });
  }
}

/** What the schema cannot see: names that are not defined, and texts that are no templates. */
function check(config: ExperimentConfig, file: string): void {
  const { conditions, backbones, ablation } = config;
  for (const [key, { prompts, answers, backbones: own }] of Object.entries(conditions)) {
    parseTemplates({ prompts, answers }, `${file}: conditions.${key}`);
    checkNames(own, backbones, `${file}: conditions.${key}.backbones`);
  }
  checkSets(config, file);
  if (!ablation) return;
  checkNames(ablation.backbones, backbones, `${file}: ablation.backbones`);
  checkNames([ablation.condition], conditions, `${file}: ablation.condition`);
}

/** @throws RocError CONFIG_INVALID where sets are to be scored of pictures that come in none */
function checkSets({ conditions, studio: { sets } }: ExperimentConfig, file: string): void {
  const [key, own] = Object.entries(conditions).find(([, { strategies = [] }]) => strategies.includes("set")) ?? [];
  if (!own) return;
  const where = `${file}: conditions.${key}`;
  if (!sets) throw new RocError("CONFIG_INVALID", `${where}.strategies: set needs studio.sets: true.`);
  try {
    checkSetAnswers(own.answers);
  } catch (error) {
    throw new RocError("CONFIG_INVALID", `${where}.answers: ${messageOf(error)}`, { cause: error });
  }
}

function checkNames(names: readonly string[] = [], known: Readonly<Record<string, unknown>>, where: string): void {
  const unknown = names.find((one) => !Object.hasOwn(known, one));
  if (unknown === undefined) return;
  throw new RocError("CONFIG_INVALID", `${where}: ${unknown} is none of ${Object.keys(known).join(", ")}.`);
}

function seeded(config: ExperimentConfig, seeds: readonly number[]): ExperimentConfig {
  const name = `-seeds-${seeds.join("-")}`;
  return { ...config, work: `${config.work}${name}`, out: `${config.out}${name}`, seeds: [...seeds] };
}

/** Pictures of a scaled test part, about: figures must be defined for them. */
const FEWEST = 16;

/** Fewer (or more) pictures and steps, in folders of their own. */
function scaled(config: ExperimentConfig, scale: number): ExperimentConfig {
  const times = (value: number, least: number): number => Math.max(least, Math.round(value * scale));
  const { studio, pretrain, train, work, out, resamples } = config;
  const { pictures, factors } = pretrain;
  return {
    ...config,
    work: `${work}-x${scale}`,
    out: `${out}-x${scale}`,
    studio: { ...studio, pictures: times(studio.pictures, Math.ceil(FEWEST / studio.testFraction)), mostTest: times(studio.mostTest, 10), mostComments: times(studio.mostComments, 2) }, // prettier-ignore
    pretrain: {
      ...pretrain,
      steps: times(pretrain.steps, 2),
      ...(pictures && { pictures: times(pictures, 10) }),
      ...(factors && { factors: { ...factors, steps: times(factors.steps, 2) } }),
    },
    train: { ...train, steps: times(train.steps, 2) },
    resamples: times(resamples, 100),
  };
}

/** Whether a condition's answer holds attributes beside the score. */
export function hasAttributes({ answers: [answer = ""] }: Pick<ConditionConfig, "answers">): boolean {
  return scoreNames(answer).length > 1;
}

/** Whether a condition's answer holds a comment. */
export function isCommented({ answers: [answer = ""] }: Pick<ConditionConfig, "answers">): boolean {
  return answer.includes(`{${COMMENT}}`);
}

/**
 * The options of a run by a recipe: a few states on the way, so that little is lost in a kill.
 *
 * @param freeze what stays as it is
 */
export function trainOptions(recipe: RecipeConfig, seed: number, freeze?: readonly string[]): TrainOptions {
  const { steps, batchSize, learningRate, schedule, warmup, weightDecay, betas, maxNorm, flip } = recipe;
  return {
    ...{ seed, steps, batchSize, learningRate, schedule, warmup, weightDecay, betas, maxNorm, flip },
    accumulation: 1,
    precision: "float32",
    every: Math.max(1, Math.ceil(steps / 3)),
    keepBest: false,
    ...(freeze && { freeze }),
  };
}

/** What finished work depends on; the rest of a file may be changed when it is taken up again. */
export function settingsOf(config: ExperimentConfig): Record<string, unknown> {
  const { studio, backbones, pretrain, train, loss, scoreTokens, conditions } = config;
  const texts = Object.entries(conditions).map(([key, { prompts, answers }]) => [key, { prompts, answers }]);
  const made = { studio, backbones, pretrain, train, loss, scoreTokens };
  return { ...made, conditions: Object.fromEntries(texts) as Record<string, unknown> };
}
