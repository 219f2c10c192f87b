/**
 * Configuration files: one file says everything about a run (YAML or JSON). Files may extend others (`extends`), single
 * keys can be set from outside (`--set train.learningRate=1e-5`), and a key that is not known is an error.
 */
import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { messageOf, RocError } from "../../errors.js";
import { readText } from "../../files/index.js";
import { DATASET_KINDS, OWN_FILE, SCORE_COLUMNS } from "../../data/index.js";
import { checkLoss, LOSS_PRESETS, RATING_LOSSES, weighed, type LossWeights } from "../../roc/weights.js";
import { STRATEGY_NAMES } from "../../roc/strategy-names.js";
import { parseTemplates } from "../../roc/template.js";
import { KEPT_WEIGHTS, OPTIMIZERS, PRECISIONS, VOCABULARY_PARTS, type TrainOptions } from "../options.js";
import { SCHEDULES } from "../optim/schedule.js";
import { stepsOfTask } from "../data/raters.js";

const share = z.number().min(0).lt(1);
const count = z.number().int().min(1);
const positive = z.number().min(0);

/** Of a loss that each file with weights of its own has to name. */
const weight = z
  .number({ error: ({ input }) => (input === undefined ? "its weight is missing; 0 leaves it out" : undefined) })
  .min(0);

const weights = z.strictObject({
  l1: weight.describe("Smooth L1 between score and rating"),
  ce: weight.describe("Cross-entropy between predicted and voted distribution"),
  emd: weight.describe("Earth mover's distance between the two"),
  soft: positive
    .optional()
    .describe("Divergence from DeQA's soft distribution of the rating's mean and deviation; without it 0"),
  thurstone: positive.optional().describe("DeQA's fidelity of pairs, by deviations; without it 0"),
  fidelity: positive.optional().describe("Fidelity of the order of pairs; without it 0"),
});
const DEFAULT_LOSS = "paper";
const presets = Object.keys(LOSS_PRESETS) as [keyof typeof LOSS_PRESETS, ...(keyof typeof LOSS_PRESETS)[]];

const lora = z.strictObject({
  rank: count.describe("Rank of the adapters"),
  alpha: positive.optional().describe("Their scale times the rank; without it twice the rank"),
  dropout: share.default(0).describe("Of the adapters' inputs"),
  rslora: z.boolean().default(false).describe("Scale by the root of the rank"),
  targets: z
    .union([z.string(), z.array(z.string()).min(1)])
    .default("all-linear")
    .describe(
      "Linear maps that get one: `all-linear`, `language` (those of the language model), last parts of their names, or a " +
        "regular expression",
    ),
  alsoTrain: z.array(z.string()).optional().describe("Weights that are trained in full nevertheless, as in `freeze`"),
  merge: z.boolean().default(true).describe("Write each state's merged weights too, which load without the adapters"),
});

const group = z.strictObject({
  pattern: z.string().describe("Parameters, as in `freeze`"),
  learningRate: positive.optional().describe("Their peak learning rate"),
  weightDecay: positive.optional().describe("Their weight decay"),
});

const above = z.number().gt(0);

const raters = z.strictObject({
  steps: count.default(5).describe("Steps on the pictures of a task, and as many on others of the same rater"),
  tasks: count.default(4).describe("Tasks that start from the same prior, which each moves by one part in so many"),
  keep: z
    .enum(KEPT_WEIGHTS)
    .default("prior")
    .describe("What is saved: the `prior`, or the weights of the `last` task, as BIAA's code does it"),
});

/** The recipe; the defaults are the paper's, where it says something. */
const train = z.strictObject({
  seed: z.number().int().min(0).default(0).describe("Of weights, order, texts, flips and drawn parts"),
  steps: count.optional().describe("Optimizer steps; either these or `epochs`"),
  epochs: positive.optional().describe("Times through the training part, rounded up to whole steps"),
  batchSize: count.default(16).describe("Pictures of one forward, in each process"),
  accumulation: count.default(1).describe("Forwards of one optimizer step"),
  learningRate: positive.default(2e-5).describe("The peak"),
  schedule: z.enum(SCHEDULES).default("constant").describe("Of the learning rate, after the warm-up"),
  warmup: positive
    .default(0)
    .describe("Over which the rate rises from 0: a share of the steps, or from 1 on their number"),
  drops: z
    .array(
      z.strictObject({
        epoch: above.describe("Times through the training part before it"),
        factor: positive.describe("Of the rate from then on"),
      }),
    )
    .optional()
    .describe("Falls of the learning rate, on top of `schedule`"),
  dropEvery: z
    .strictObject({
      epochs: above.describe("Times through the training part between them"),
      factor: positive.describe("Of the rate, each time"),
      growing: z.boolean().optional().describe("The k-th fall is by the factor's k-th power, as BIAA's code does it"),
    })
    .optional()
    .describe("Falls of the learning rate that come again and again; 1 epoch: exponential by epoch"),
  weightDecay: positive.default(0).describe("Of matrices"),
  optimizer: z.enum(OPTIMIZERS).optional().describe("Without it `adamw`"),
  momentum: share.optional().describe("Of `sgd`; without it 0.9"),
  nesterov: z.boolean().optional().describe("Of `sgd`: Nesterov's momentum"),
  betas: z.tuple([share, share]).default([0.9, 0.999]).describe("Decay rates of AdamW and Adam"),
  maxNorm: positive.default(1).describe("Greatest norm of the gradients"),
  flip: z.boolean().default(false).describe("Show every other picture mirrored"),
  precision: z
    .enum(["auto", ...PRECISIONS])
    .default("auto")
    .describe("Of matrix products; `auto`: bfloat16 where the device has it"),
  every: count
    .optional()
    .describe("Steps between validations, each with a state; without it a tenth of the steps, at most 1000"),
  freeze: z
    .array(z.string())
    .optional()
    .describe(
      "What stays as it is: `vision`, `projector`, `language`, of a classical system the first piece of parameters' names " +
        "(as `features`), or regular expressions of the names; `[]`: nothing, where a system's authors trained its head alone (LAION)",
    ),
  groups: z.array(group).optional().describe("Learning rates and weight decays by name; the first that matches holds"),
  decayVectors: z.boolean().optional().describe("Decay the weights of norms and biases too"),
  vocabulary: z
    .enum(VOCABULARY_PARTS)
    .optional()
    .describe("Rows of embedding and head that are trained; without it `all`, with `lora` the `new` ones"),
  lora: lora.optional().describe("Train adapters instead of the weights"),
  recompute: z.boolean().optional().describe("Compute activations twice instead of keeping them"),
  weights: z.enum(PRECISIONS).optional().describe("Dtype that weights are stored in; without it float32"),
  shardOptimizer: z
    .boolean()
    .optional()
    .describe("In several processes: the optimizer's states are sharded over them (ZeRO-1)"),
  groupByLength: z.boolean().optional().describe("Batches of answers of like length"),
  raters: raters
    .optional()
    .describe("Learn a prior from one rater after another: `batchSize` pictures a task, `epochs` over the raters"),
  patience: count.optional().describe("Stop after so many validations without a better SRCC"),
  keepLast: count.optional().describe("States to keep in addition to the best; without it 1"),
  keepBest: z.boolean().optional().describe("Keep the state of the best validation as well; without it true"),
  skipBroken: z.boolean().optional().describe("Go on without pictures that cannot be read"),
});

const templates = z.strictObject({
  prompts: z.array(z.string()).min(1).describe("Questions, each with `<image>` once"),
  answers: z.array(z.string()).min(1).describe("Answers with placeholders, see data.md"),
  levels: z.array(z.string().min(1)).min(2).optional().describe("Words of `level`, worst first"),
});

const data = z.strictObject({
  folder: z.string().describe("Folder of the official files, or of your own label file; or that file"),
  kind: z.enum(DATASET_KINDS).optional().describe("Without it by the files in the folder"),
  images: z
    .string()
    .optional()
    .describe("Folder of the pictures, seen from `folder`; without it where they usually are"),
  ava: z.string().optional().describe("`ava-captions`: folder of AVA's files, seen from `folder`"),
  column: z
    .enum(SCORE_COLUMNS)
    .optional()
    .describe(
      "The score's column: of `icaa17k` `color` or `MOS`, of `koniq10k` `MOS` or `MOS_zscore`; without it the first. Of `aadb`, `para` and `csv` an attribute; without it the score",
    ),
  validation: share.default(0.05).describe("Share of the training part set apart, where no official part is"),
  mostValidation: count.default(2000).describe("Pictures of a validation at most"),
  rater: z
    .string()
    .optional()
    .describe("Train on the ratings of this person: 100 (`mostTraining`); validate with the others"),
  apart: z
    .union([z.number().int().min(0), z.array(z.string()).min(1)])
    .optional()
    .describe(
      "With `train.raters`: raters whom, and whose pictures, nothing is trained on, by name or as many drawn ones",
    ),
  mostTraining: count.optional().describe("Training pictures at most, the first of the seeded order"),
});

/** The keys of a run's file; docs/config.md is made of it. */
export const runSchema = z.strictObject({
  description: z.string().default("").describe("What it reproduces, in words"),
  model: z
    .string()
    .describe(
      "Checkpoint to start from: a folder, or a name on the hub; or a classical system's name (`nima`, ...), for a new one",
    ),
  variant: z.string().optional().describe("Which network of a new classical system; without it its usual one"),
  pretrained: z
    .union([z.string(), z.array(z.string()).min(1)])
    .optional()
    .describe(
      "File of a classifier's weights (torchvision's, timm's) that a new classical system begins with, or a list of files, each " +
        "of another part of its network (TANet: scenes, MobileNetV2)",
    ),
  tiny: z.boolean().optional().describe("A new classical system of a few thousand weights, to try a run with"),
  attributes: z
    .boolean()
    .optional()
    .describe("Whether a new classical system predicts the data set's attributes too; without it where it can"),
  bins: z
    .number()
    .int()
    .min(0)
    .refine((value) => value !== 1, "give 0, or from 2 on")
    .optional()
    .describe(
      "Scores that a new classical system predicts the distribution over; 0: it predicts one number. Without it as many as the " +
        "data set's votes have, else 0",
    ),
  visionTower: z
    .string()
    .optional()
    .describe("Folder or hub name of the CLIP tower, where the checkpoint has it elsewhere"),
  data: data.describe("Which pictures"),
  strategy: z.enum(STRATEGY_NAMES).default("roc").describe("How scores are written, taught and read"),
  scoreTokens: z.number().int().min(2).default(10).describe("N, where the checkpoint has no score tokens"),
  scale: z
    .strictObject({ min: z.number().describe("Lowest score"), max: z.number().describe("Highest score") })
    .optional()
    .describe(
      "Of the scores that the checkpoint gives; labels are brought to it. Without it scores are learned on the score " +
        "tokens' scale (1 to 10 where there are none yet) and given on that of the labels",
    ),
  loss: z
    .union([z.enum(presets), weights])
    .default(DEFAULT_LOSS)
    .describe("Loss weights: a preset, or each weight (`--set loss.soft=1` adds one to a preset)"),
  templates: templates.optional().describe("Questions and answers, instead of the checkpoint's"),
  conversation: z.string().optional().describe("How prompts are framed, where the checkpoint does not say it"),
  train: train.prefault({}).describe("The recipe"),
  out: z.string().describe("Run folder"),
  device: z.string().default("cpu").describe("`cpu`, `cuda`, `cuda:1`, ..."),
});

/** A run as its file says it, with every default filled in. */
export type RunConfig = z.infer<typeof runSchema>;

/** The files that a spec names as one, as several, or not at all. */
export function filesOf(files: string | readonly string[] | undefined): readonly string[] {
  return typeof files === "string" ? [files] : (files ?? []);
}

/** See `readTrainingConfig()`. */
export async function readConfig(file: string, settings: readonly string[] = []): Promise<RunConfig> {
  await refuseData(file);
  const values = await readLayers(file, []);
  for (const setting of settings) set(values, setting);
  const { extends: _, ...rest } = values;
  return checkConfig(rest, file);
}

/**
 * The configuration that files make, each on top of the ones before, and `values` on top of all files.
 *
 * @param source what messages call it
 * @throws RocError FILE_NOT_FOUND; CONFIG_INVALID naming the key
 */
export async function layeredConfig(files: readonly string[], values: Values, source: string): Promise<RunConfig> {
  const { extends: _, ...merged } = merge(await mergeLayers(files, []), values);
  return checkConfig(merged, source);
}

/** A data set where a configuration file belongs is reported as what it is. */
async function refuseData(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  const isData = found ? found.isDirectory() || OWN_FILE.test(file) : !/\.(ya?ml|json)$/i.test(file);
  if (!isData) return;
  const isKind = (DATASET_KINDS as readonly string[]).includes(file) && !found;
  const data = isKind ? `FOLDER --kind ${file}` : file;
  const what = found ? (found.isDirectory() ? "is a folder" : "is a file of labels") : "does not exist";
  throw new RocError(
    found ? "USAGE" : "FILE_NOT_FOUND",
    `${file} ${what}; a configuration file (YAML or JSON, as in configs/) is needed here. ` +
      `To train on a data set of that name: roc4mllm train --data ${data} --model CHECKPOINT --out RUN.`,
  );
}

/**
 * Checks the values of a run and fills in the defaults.
 *
 * @param source what messages call the values
 * @throws RocError CONFIG_INVALID naming the source and the key
 */
export function checkConfig(values: unknown, source: string): RunConfig {
  const parsed = runSchema.safeParse(values);
  if (!parsed.success) throw new RocError("CONFIG_INVALID", `${source}: ${describe(parsed.error)}`);
  const { templates, scale, train } = parsed.data;
  if ((train.steps === undefined) === (train.epochs === undefined)) {
    throw new RocError("CONFIG_INVALID", `${source}: train.steps or train.epochs must be given, and not both.`);
  }
  if (scale && scale.min >= scale.max) {
    throw new RocError("CONFIG_INVALID", `${source}: scale: min (${scale.min}) must be below max (${scale.max}).`);
  }
  if (templates) parseTemplates(templates, source);
  checkLoss(parsed.data.strategy, weightsOf(parsed.data));
  checkRecipe(train, source);
  checkRaters(parsed.data, source);
  return parsed.data;
}

/** @throws RocError CONFIG_INVALID where a key acts on another optimizer */
function checkRecipe({ optimizer = "adamw", momentum, nesterov }: RunConfig["train"], source: string): void {
  const given = momentum === undefined ? (nesterov === true ? "nesterov" : undefined) : "momentum";
  if (given === undefined || optimizer === "sgd") {
    if (nesterov === true && momentum === 0) {
      throw new RocError("CONFIG_INVALID", `${source}: train.nesterov needs a train.momentum above 0.`);
    }
    return;
  }
  throw new RocError("CONFIG_INVALID", `${source}: train.${given} is of train.optimizer sgd, which is ${optimizer}.`);
}

/** @throws RocError CONFIG_INVALID for what has no meaning for tasks of raters, or only for them */
function checkRaters({ train, data }: RunConfig, source: string): void {
  const wrong = train.raters
    ? [data.rater !== undefined && "data.rater is of a run for one person", train.accumulation > 1 && "a task's pictures are one batch (train.accumulation)"] // prettier-ignore
    : [data.apart !== undefined && "data.apart is of a run with train.raters"];
  const text = wrong.find((one) => one !== false);
  if (text !== undefined) throw new RocError("CONFIG_INVALID", `${source}: ${text}${train.raters ? "; leave it out with train.raters" : ""}.`); // prettier-ignore
}

/** What is wrong with a file's values, each with its key. */
export function describe(error: z.ZodError): string {
  return error.issues.map((issue) => describeIssue(issue, [])).join("; ");
}

function describeIssue(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): string {
  const path = [...above, ...issue.path];
  const key = path.join(".");
  if (issue.code === "unrecognized_keys")
    return `unknown key ${issue.keys.map((one) => [...path, one].join(".")).join(", ")}`;
  if (issue.code !== "invalid_union") return `${key || "the file"}: ${issue.message}`;
  // Of the possible types, the one closest to the value: the one that is wrong deeper inside.
  const inside = issue.errors.find((issues) =>
    issues.some((one) => one.path.length > 0 || one.code === "unrecognized_keys"),
  );
  return (inside ?? issue.errors.flat()).map((one) => describeIssue(one, path)).join(inside ? "; " : ", or ");
}

type Values = Record<string, unknown>;

/** The file on top of what it extends. */
async function readLayers(file: string, above: readonly string[]): Promise<Values> {
  if (above.includes(file)) {
    throw new RocError("CONFIG_INVALID", `${[...above, file].join(" extends ")}: a file cannot extend itself.`);
  }
  const by = above.length > 0 ? `It is extended by ${above.at(-1)}. ` : "";
  const text = await readText(file, { remedy: `${by}Check the path.` });
  const values = parseValues(text, file);
  const bases = z.union([z.string().transform((one) => [one]), z.array(z.string())]).safeParse(values["extends"] ?? []);
  if (!bases.success) throw new RocError("CONFIG_INVALID", `${file}: extends: give a file or a list of them.`);
  const files = bases.data.map((base) => resolve(dirname(file), base));
  return merge(await mergeLayers(files, [...above, file]), values);
}

async function mergeLayers(files: readonly string[], above: readonly string[]): Promise<Values> {
  let merged: Values = {};
  for (const file of files) merged = merge(merged, await readLayers(file, above));
  return merged;
}

function parseValues(text: string, file: string): Values {
  try {
    const values: unknown = parse(text);
    if (isValues(values)) return values;
  } catch (cause) {
    throw new RocError("CONFIG_INVALID", `${file} is neither YAML nor JSON: ${messageOf(cause)}`, { cause });
  }
  throw new RocError("CONFIG_INVALID", `${file} holds no keys.`);
}

function isValues(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Objects key by key, everything else as a whole. */
function merge(below: Values, above: Values): Values {
  const merged: Values = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const old = merged[key];
    merged[key] = isValues(old) && isValues(value) ? merge(old, value) : value;
  }
  return merged;
}

function set(values: Values, setting: string): void {
  const [, path = "", text = ""] = /^([\w.]+)=(.*)$/s.exec(setting) ?? [];
  if (path === "") throw new RocError("USAGE", `--set ${setting}: give key=value, as train.learningRate=1e-5.`);
  const keys = path.split(".");
  const last = keys.pop() as string;
  let place = values;
  for (const key of keys) {
    const below = place[key];
    place = place[key] = isValues(below) ? { ...below } : place === values && key === "loss" ? presetOf(below) : {};
  }
  place[last] = parse(text) as unknown;
}

/** The weights of a preset, of which single ones are to be changed; none of a name that is not known. */
function presetOf(name: unknown = DEFAULT_LOSS): Values {
  const known = presets.find((preset) => preset === name);
  return known ? { ...LOSS_PRESETS[known] } : {};
}

/** The loss weights that a configuration names. */
export function weightsOf({ loss }: Pick<RunConfig, "loss">): LossWeights {
  if (typeof loss === "string") return LOSS_PRESETS[loss];
  const { l1, ce, emd } = loss;
  // One that is 0 is as one that is not there: a run may be resumed with either.
  return { l1, ce, emd, ...Object.fromEntries(weighed(loss, RATING_LOSSES).map((name) => [name, loss[name]])) };
}

/** The options of its run over `samples` training samples, or raters. */
export function optionsOf(
  { train: { steps, epochs, every, lora: adapters, ...rest } }: Pick<RunConfig, "train">,
  samples: number,
): TrainOptions {
  const perStep = rest.raters ? 1 / stepsOfTask(rest.raters) : rest.batchSize * rest.accumulation;
  const all = steps ?? Math.max(1, Math.ceil(((epochs ?? 1) * samples) / perStep));
  const lora = adapters && { ...adapters, alpha: adapters.alpha ?? 2 * adapters.rank };
  const options = { ...rest, lora, steps: all, every: every ?? Math.max(1, Math.min(1000, Math.ceil(all / 10))) };
  // Drops the keys that are not there, which zod's types cannot say.
  return JSON.parse(JSON.stringify(options)) as TrainOptions;
}
