/** Base models: each backbone once from nothing to one that has seen the studio and comments on it, without scores. */
import { join } from "node:path";
import { z } from "zod";
import { saveCheckpoint } from "../../engine/index.js";
import { RocError } from "../../errors.js";
import type { Sample } from "../../data/index.js";
import type { StrategyParts } from "../../roc/index.js";
import { openLatestState, PixelCache, reopen, train } from "../../train/index.js";
import type { Objective, TrainEvent, TrainOptions, Trainable } from "../../train/index.js";
import { atomicWriteJson, ifThere, makeFolder, readJsonAs } from "../../files/index.js";
import { createBase, type BaseTexts } from "./base.js";
import { CAPTION_PROMPT, captionObjective } from "./caption-objective.js";
import { trainOptions, type ExperimentConfig } from "./config.js";
import { factorObjective } from "./factor-objective.js";
import { probe } from "./probe.js";
import type { ExperimentData } from "./pictures.js";

/** Of a finished base model, and of each training that it is made by. */
const [DONE, TRAINED] = ["base.json", "trained.json"];
/** The run folder of the training on factors, in the base's. */
const FACTORS_FOLDER = "factors";
/** Steps that the reported loss is the mean of. */
const LAST = 50;
/** Pictures whose comments the tokenizer learns from. */
const TOKENIZER_COMMENTS = 1000;

/**
 * What a finished pre-training came to.
 *
 * @category Studies
 */
export interface BaseRecord {
  /** Checkpoint folder, seen from the base's. */
  readonly folder: string;
  /** Optimizer steps on comments. */
  readonly steps: number;
  /** Seconds of training, on factors and on comments. */
  readonly seconds: number;
  /** Mean cross-entropy of a comment's tokens over the last steps. */
  readonly loss: number;
  /**
   * SRCC of each attribute, and of the score as "overall", on the held-out part: what a linear probe reads off the pictures' projected
   * rows. Absent where an earlier version made it.
   */
  readonly attributes?: Readonly<Record<string, number>> | undefined;
}

export const baseSchema: z.ZodType<BaseRecord> = z.object({
  folder: z.string(),
  steps: z.number(),
  seconds: z.number(),
  loss: z.number(),
  attributes: z.record(z.string(), z.number()).optional(),
});

export interface JobOptions {
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
}

function baseFolder({ work }: Pick<ExperimentConfig, "work">, backbone: string): string {
  return join(work, "base", backbone);
}

/** What is known of a backbone's pre-training; undefined where it is not finished. */
export async function baseRecord(config: ExperimentConfig, backbone: string): Promise<BaseRecord | undefined> {
  return ifThere(readJsonAs(join(baseFolder(config, backbone), DONE), baseSchema));
}

/** The checkpoint that every run of a backbone starts from. */
export async function baseCheckpoint(config: ExperimentConfig, backbone: string): Promise<string> {
  return join(baseFolder(config, backbone), (await baseRecord(config, backbone))?.folder ?? "");
}

/** The untrained model of a backbone, with a tokenizer for the texts of all conditions. */
export async function untrained(
  config: ExperimentConfig,
  backbone: string,
  data: Pick<ExperimentData, "train">,
  folder = join(baseFolder(config, backbone), "tokenizer"),
): Promise<Trainable> {
  const { backbones, pretrain } = config;
  const sizes = backbones[backbone];
  if (!sizes) throw new RocError("INTERNAL", `There is no backbone ${backbone}.`);
  return createBase(folder, sizes, pretrain.seed, textsOf(config, data));
}

function textsOf({ conditions }: ExperimentConfig, { train: samples }: Pick<ExperimentData, "train">): BaseTexts {
  const all = Object.values(conditions);
  const [first = { prompts: [], answers: [] }] = all;
  return {
    templates: { prompts: first.prompts, answers: first.answers },
    texts: [
      CAPTION_PROMPT,
      ...all.flatMap(({ prompts, answers }) => [...prompts, ...answers.flatMap((answer) => answer.split(/\{\w+\}/))]),
      ...samples.slice(0, TOKENIZER_COMMENTS).flatMap(({ comments = [] }) => comments),
    ],
  };
}

/** Pre-trains a backbone, or resumes it; does nothing where it is finished. */
export async function pretrain(
  config: ExperimentConfig,
  backbone: string,
  data: ExperimentData,
  options: JobOptions = {},
): Promise<BaseRecord> {
  const finished = await baseRecord(config, backbone);
  if (finished) return finished;
  const run = baseFolder(config, backbone);
  const { factors, freeze, seed } = config.pretrain;
  const { samples, factors: composed } = await data.base();
  const start = (): Promise<Trainable> => untrained(config, backbone, data);
  const seeing = join(run, FACTORS_FOLDER);
  const seen =
    factors &&
    (await trainBase(seeing, trainOptions(factors, seed, LANGUAGE), {
      samples,
      from: start,
      objective: (parts) => factorObjective(parts, composed),
      options,
    }));
  const record = await trainBase(run, trainOptions(config.pretrain, seed, freeze), {
    samples,
    from: seen ? () => reopen(join(seeing, seen.folder)) : start,
    objective: captionObjective,
    options,
  });
  const attributes = await probed(join(run, record.folder), data);
  const done = { ...record, seconds: (seen?.seconds ?? 0) + record.seconds, attributes };
  await atomicWriteJson(join(run, DONE), done);
  return done;
}

/** What is left as it is while factors are learnt: nothing that text is computed by has a gradient. */
const LANGUAGE = ["language"];

interface Stage {
  readonly samples: readonly Sample[];
  /** The model that it starts with. */
  readonly from: () => Promise<Trainable>;
  readonly objective: (parts: StrategyParts) => Objective;
  readonly options: JobOptions;
}

/** One training of a base model, which resumes; does nothing where it is finished. */
async function trainBase(
  run: string,
  training: TrainOptions,
  { samples, from, objective, options: { signal, onEvent } }: Stage,
): Promise<BaseRecord> {
  const finished = await ifThere(readJsonAs(join(run, TRAINED), baseSchema));
  if (finished) return finished;
  await makeFolder(run);
  const resume = await openLatestState(run);
  const { parts, prepare } = resume ? await reopen(resume.folder) : await from();
  const task = {
    model: parts.model,
    objective: objective(parts),
    train: samples,
    validation: [],
    pixels: new PixelCache({ prepare }),
    run,
    save: (folder: string) => saveCheckpoint(folder, parts),
    ...(resume && { resume }),
    ...(signal && { signal }),
  };
  const losses: number[] = [];
  let record: BaseRecord | undefined;
  try {
    for await (const event of train(task, training)) {
      onEvent?.(event);
      if (event.type === "step") losses.push(event.loss);
      if (event.type !== "end") continue;
      const last = losses.slice(-LAST);
      const loss = last.reduce((sum, value) => sum + value, 0) / Math.max(1, last.length);
      record = { folder: event.folder.slice(run.length + 1), steps: event.step, seconds: event.seconds, loss };
    }
  } finally {
    parts.model.dispose();
  }
  const done = baseSchema.parse(record);
  await atomicWriteJson(join(run, TRAINED), done);
  return done;
}

/** See {@link BaseRecord.attributes}. */
async function probed(checkpoint: string, data: ExperimentData): Promise<Record<string, number>> {
  const { parts, prepare } = await reopen(checkpoint);
  try {
    return await probe(parts, data, new PixelCache({ prepare }));
  } finally {
    parts.model.dispose();
  }
}
