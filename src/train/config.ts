/**
 * Configuration files: one file says everything about a run (YAML or JSON). Files may stand on others (`extends`), single
 * keys can be set from outside (`--set train.learningRate=1e-5`), and a key that is not known is an error.
 */
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { messageOf, RocError } from "../errors.js";
import { readText } from "../files/index.js";
import { DATASET_KINDS } from "../data/index.js";
import { LOSS_PRESETS, type LossWeights } from "../roc/weights.js";
import { STRATEGY_NAMES } from "../roc/strategy-names.js";
import { PRECISIONS, VOCABULARY_PARTS, type TrainOptions } from "./options.js";
import { SCHEDULES } from "./schedule.js";

const share = z.number().min(0).lt(1);
const count = z.number().int().min(1);
const positive = z.number().min(0);

const weights = z.strictObject({ l1: positive, ce: positive, emd: positive });
const presets = Object.keys(LOSS_PRESETS) as [keyof typeof LOSS_PRESETS, ...(keyof typeof LOSS_PRESETS)[]];

const lora = z.strictObject({
  rank: count,
  alpha: positive.optional(),
  dropout: share.default(0),
  rslora: z.boolean().default(false),
  targets: z.union([z.string(), z.array(z.string()).min(1)]).default("all-linear"),
  alsoTrain: z.array(z.string()).optional(),
  merge: z.boolean().default(true),
});

/** The recipe; the defaults are the paper's, where it says something. */
const train = z.strictObject({
  seed: z.number().int().min(0).default(0),
  /** Either of the two; epochs are rounded up to whole steps. */
  steps: count.optional(),
  epochs: positive.optional(),
  batchSize: count.default(16),
  accumulation: count.default(1),
  learningRate: positive.default(2e-5),
  schedule: z.enum(SCHEDULES).default("constant"),
  warmup: positive.default(0),
  weightDecay: positive.default(0),
  betas: z.tuple([share, share]).default([0.9, 0.999]),
  maxNorm: positive.default(1),
  flip: z.boolean().default(false),
  precision: z.enum(["auto", ...PRECISIONS]).default("auto"),
  every: count.optional(),
  freeze: z.array(z.string()).optional(),
  groups: z
    .array(z.strictObject({ pattern: z.string(), learningRate: positive.optional(), weightDecay: positive.optional() }))
    .optional(),
  decayVectors: z.boolean().optional(),
  vocabulary: z.enum(VOCABULARY_PARTS).optional(),
  lora: lora.optional(),
  recompute: z.boolean().optional(),
  weights: z.enum(PRECISIONS).optional(),
  shardOptimizer: z.boolean().optional(),
  groupByLength: z.boolean().optional(),
  patience: count.optional(),
  keepLast: count.optional(),
  keepBest: z.boolean().optional(),
  skipBroken: z.boolean().optional(),
});

const schema = z.strictObject({
  /** What it reproduces, in words. */
  description: z.string().default(""),
  /** Checkpoint to start from: a folder, or a name on the hub. */
  model: z.string(),
  visionTower: z.string().optional(),
  data: z.strictObject({
    folder: z.string(),
    kind: z.enum(DATASET_KINDS).optional(),
    images: z.string().optional(),
    ava: z.string().optional(),
    column: z.enum(["color", "MOS"]).optional(),
    /** Share of the training part set apart, where no official part is. */
    validation: share.default(0.05),
    /** Pictures of a validation at most. */
    mostValidation: count.default(2000),
    /** Training pictures at most, the first of the seeded order. */
    mostTraining: count.optional(),
  }),
  strategy: z.enum(STRATEGY_NAMES).default("roc"),
  scoreTokens: z.number().int().min(2).default(10),
  scale: z.strictObject({ min: z.number(), max: z.number() }).default({ min: 1, max: 10 }),
  loss: z.union([z.enum(presets), weights]).default("paper"),
  templates: z.strictObject({ prompts: z.array(z.string()).min(1), answers: z.array(z.string()).min(1) }).optional(),
  conversation: z.string().optional(),
  train: train.prefault({}),
  out: z.string(),
  device: z.string().default("cpu"),
});

/** A run as its file says it, with every default filled in. */
export type RunConfig = z.infer<typeof schema>;

/**
 * Reads a configuration file.
 *
 * @param settings `key.path=value` pairs, values as YAML writes them; they win over the file
 * @throws RocError FILE_NOT_FOUND; CONFIG_INVALID naming the file and the key; USAGE for a setting without "="
 */
export async function readConfig(file: string, settings: readonly string[] = []): Promise<RunConfig> {
  const values = await readLayers(file, []);
  for (const setting of settings) set(values, setting);
  const { extends: _, ...rest } = values;
  const parsed = schema.safeParse(rest);
  if (!parsed.success) throw new RocError("CONFIG_INVALID", `${file}: ${describe(parsed.error)}`);
  const { steps, epochs } = parsed.data.train;
  if ((steps === undefined) === (epochs === undefined)) {
    throw new RocError("CONFIG_INVALID", `${file}: train.steps or train.epochs must be given, and not both.`);
  }
  return parsed.data;
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
  // Of what might have stood there, what the value comes nearest to: the one that is wrong further inside.
  const inside = issue.errors.find((issues) =>
    issues.some((one) => one.path.length > 0 || one.code === "unrecognized_keys"),
  );
  return (inside ?? issue.errors.flat()).map((one) => describeIssue(one, path)).join(inside ? "; " : ", or ");
}

type Values = Record<string, unknown>;

/** The file on top of what it extends. */
async function readLayers(file: string, above: readonly string[]): Promise<Values> {
  if (above.includes(file)) {
    throw new RocError("CONFIG_INVALID", `${[...above, file].join(" extends ")}: a file cannot stand on itself.`);
  }
  const by = above.length > 0 ? `It is extended by ${above.at(-1)}. ` : "";
  const text = await readText(file, { remedy: `${by}Check the path.` });
  const values = parseValues(text, file);
  const bases = z.union([z.string().transform((one) => [one]), z.array(z.string())]).safeParse(values["extends"] ?? []);
  if (!bases.success) throw new RocError("CONFIG_INVALID", `${file}: extends: give a file or a list of them.`);
  let merged: Values = {};
  for (const base of bases.data)
    merged = merge(merged, await readLayers(resolve(dirname(file), base), [...above, file]));
  return merge(merged, values);
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
    place = place[key] = isValues(below) ? { ...below } : {};
  }
  place[last] = parse(text) as unknown;
}

/** The loss weights that a configuration names. */
export function weightsOf({ loss }: Pick<RunConfig, "loss">): LossWeights {
  return typeof loss === "string" ? LOSS_PRESETS[loss] : loss;
}

/** The options of its run over `samples` training samples. */
export function optionsOf(
  { train: { steps, epochs, every, lora: adapters, ...rest } }: RunConfig,
  samples: number,
): TrainOptions {
  const perStep = rest.batchSize * rest.accumulation;
  const all = steps ?? Math.max(1, Math.ceil(((epochs ?? 1) * samples) / perStep));
  const lora = adapters && { ...adapters, alpha: adapters.alpha ?? 2 * adapters.rank };
  const options = { ...rest, lora, steps: all, every: every ?? Math.max(1, Math.min(1000, Math.ceil(all / 10))) };
  // Drops the keys that are not there, which zod's types cannot say.
  return JSON.parse(JSON.stringify(options)) as TrainOptions;
}
