/** The file of an experiment: what is compared, on which pictures, by which models, for how long. */
import { parse } from "yaml";
import { z } from "zod";
import { messageOf, RocError } from "../errors.js";
import { readText } from "../files/index.js";
import { STRATEGY_NAMES } from "../roc/strategy-names.js";
import { COMMENT, parseTemplates, scoreNames } from "../roc/template.js";
import { LOSS_PRESETS } from "../roc/weights.js";
import { describe } from "../train/config.js";
import { SCHEDULES } from "../train/schedule.js";
import type { TrainOptions } from "../train/options.js";

const count = z.number().int().min(1);
const positive = z.number().min(0);
const share = z.number().min(0).lt(1);
/** Of folders and of cells' names. */
const name = z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, { error: "lower-case letters, digits, dots and dashes only" });

const recipe = z.strictObject({
  /** Optimizer steps of every run: the same for all, whatever the strategy. */
  steps: count,
  batchSize: count,
  learningRate: positive,
  schedule: z.enum(SCHEDULES).default("cosine"),
  warmup: positive.default(0.05),
  weightDecay: positive.default(0.05),
  betas: z.tuple([share, share]).default([0.9, 0.98]),
  maxNorm: positive.default(1),
  flip: z.boolean().default(true),
});

const backbone = z.strictObject({
  family: z.enum(["llava", "qwen2_vl"]),
  /** Side of the square in pixels (llava), or of a square of as many pixels as a picture is shrunk to (qwen2_vl). */
  imageSize: count,
  patch: count,
  visionWidth: count,
  visionLayers: count,
  visionHeads: count,
  textWidth: count,
  textLayers: count,
  textHeads: count,
  /** Most token ids, before the score tokens. */
  vocabulary: count,
});

const condition = z.strictObject({
  prompts: z.array(z.string()).min(1),
  answers: z.array(z.string()).min(1),
  /** Default: all. */
  backbones: z.array(name).min(1).optional(),
  strategies: z.array(z.enum(STRATEGY_NAMES)).min(1).optional(),
});

const schema = z.strictObject({
  description: z.string().default(""),
  /** Pictures, base models and run folders; may be thrown away once the results are there. */
  work: z.string(),
  /** Results. */
  out: z.string(),
  /** Of all sessions together; no cell is begun after it. */
  minutes: z.number().positive(),
  /** Cells that are computed side by side, each in a process with so many threads. */
  workers: count.default(2),
  threads: count.default(1),
  studio: z.strictObject({
    seed: z.number().int().default(0),
    pictures: z.number().int().min(10),
    longEdge: z.number().int().min(32),
    testFraction: z.number().gt(0).lt(1),
    /** Pictures of the test part at most, and how many of them comments are written about. */
    mostTest: count,
    mostComments: count,
  }),
  backbones: z.record(name, backbone).refine((all) => Object.keys(all).length > 0, { error: "names no backbone" }),
  pretrain: recipe.extend({ seed: z.number().int().default(0) }),
  train: recipe,
  seeds: z.array(z.number().int().min(0)).min(1),
  strategies: z.array(z.enum(STRATEGY_NAMES)).min(1),
  loss: z.enum(Object.keys(LOSS_PRESETS) as [keyof typeof LOSS_PRESETS]).default("paper"),
  /** N where it is not what is compared. */
  scoreTokens: z.number().int().min(2).default(10),
  conditions: z.record(name, condition),
  /** Other numbers of score tokens, for `roc`. */
  ablation: z
    .strictObject({
      condition: name,
      scoreTokens: z.array(z.number().int().min(2)),
      backbones: z.array(name).min(1).optional(),
    })
    .optional(),
  resamples: count.default(2000),
});

/** An experiment as its file says it, with every default filled in. */
export type ExperimentConfig = z.infer<typeof schema>;
export type BackboneConfig = z.infer<typeof backbone>;
export type ConditionConfig = z.infer<typeof condition>;
export type RecipeConfig = z.infer<typeof recipe>;

/** What a file says otherwise for once; everything is kept in folders of its own, named by it. */
export interface ExperimentChanges {
  /** Pictures and steps are multiplied by it: below 1 for a trial run. */
  readonly scale?: number;
  /** Of the runs, instead of the file's. */
  readonly seeds?: readonly number[] | undefined;
}

/**
 * Reads an experiment's file.
 *
 * @throws RocError FILE_NOT_FOUND; CONFIG_INVALID naming the file and the key
 */
export async function readExperiment(
  file: string,
  { scale = 1, seeds }: ExperimentChanges = {},
): Promise<ExperimentConfig> {
  const text = await readText(file, { remedy: "Check the path." });
  const parsed = schema.safeParse(parseYaml(text, file));
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

/** What the schema cannot see: names that stand for nothing, and texts that are no templates. */
function check(config: ExperimentConfig, file: string): void {
  const { conditions, backbones, ablation } = config;
  for (const [key, { prompts, answers, backbones: own }] of Object.entries(conditions)) {
    parseTemplates({ prompts, answers }, `${file}: conditions.${key}`);
    checkNames(own, backbones, `${file}: conditions.${key}.backbones`);
  }
  if (!ablation) return;
  checkNames(ablation.backbones, backbones, `${file}: ablation.backbones`);
  checkNames([ablation.condition], conditions, `${file}: ablation.condition`);
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
  return {
    ...config,
    work: `${work}-x${scale}`,
    out: `${out}-x${scale}`,
    studio: { ...studio, pictures: times(studio.pictures, Math.ceil(FEWEST / studio.testFraction)), mostTest: times(studio.mostTest, 10), mostComments: times(studio.mostComments, 2) }, // prettier-ignore
    pretrain: { ...pretrain, steps: times(pretrain.steps, 2) },
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

/** The options of a run by a recipe: a few states on the way, so that little is lost in a kill. */
export function trainOptions(recipe: RecipeConfig, seed: number): TrainOptions {
  const { steps, batchSize, learningRate, schedule, warmup, weightDecay, betas, maxNorm, flip } = recipe;
  return {
    ...{ seed, steps, batchSize, learningRate, schedule, warmup, weightDecay, betas, maxNorm, flip },
    accumulation: 1,
    precision: "float32",
    every: Math.max(1, Math.ceil(steps / 3)),
    keepBest: false,
  };
}

/** What finished work depends on; the rest of a file may be changed when it is taken up again. */
export function settingsOf(config: ExperimentConfig): Record<string, unknown> {
  const { studio, backbones, pretrain, train, loss, scoreTokens, conditions } = config;
  const texts = Object.entries(conditions).map(([key, { prompts, answers }]) => [key, { prompts, answers }]);
  const made = { studio, backbones, pretrain, train, loss, scoreTokens };
  return { ...made, conditions: Object.fromEntries(texts) as Record<string, unknown> };
}
