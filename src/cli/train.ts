/** `roc4mllm train`: trains a checkpoint with the paper's method on rated pictures, in a run folder that resumes. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command } from "commander";
import { readAva, type AvaDataset } from "../data/index.js";
import { RocError } from "../errors.js";
import { parseTemplates, type RocTemplates } from "../roc/template.js";
import type { Context } from "./io.js";
import { addTrainOptions, lossWeightsOf, number, trainOptionsOf, useThreads, whole } from "./train-options.js";
import type { TrainFlags } from "./train-options.js";
import { TrainProgress } from "./train-progress.js";

interface Flags extends TrainFlags {
  readonly data: string;
  readonly images?: string;
  readonly model: string;
  readonly out: string;
  readonly validation: number;
  readonly device: string;
  readonly scoreTokens: number;
  readonly templates?: string;
}

/** Samples that a run may have for validation, so that it does not take longer than the steps between. */
const MOST_VALIDATION = 2000;

export function trainCommand(context: Context): Command {
  const command = new Command("train")
    .description("train a model to score pictures; the same command resumes a stopped run")
    .requiredOption("--data <folder>", "rated pictures in AVA's format")
    .option("--images <folder>", "folder of the pictures, seen from --data (default: images)")
    .requiredOption("--model <folder>", "checkpoint to start from")
    .requiredOption("--out <folder>", "run folder")
    .option("--validation <share>", "share of the training part set apart for validation", number(0, 0.5), 0.05)
    .option("--score-tokens <n>", "score tokens, where the checkpoint has none", whole(2), 10)
    .option("--templates <file>", "questions and answers (JSON), instead of the checkpoint's")
    .option("--device <name>", "cpu, cuda, cuda:1, ...", "cpu");
  addTrainOptions(command, {
    steps: 1000,
    batch: 16,
    lr: 2e-5,
    schedule: "constant",
    warmup: 0,
    decay: 0,
    beta2: 0.999,
    flip: false,
    every: 200,
    loss: "paper",
  });
  return command.action(() => runTrain(command.opts<Flags>(), context));
}

async function runTrain(flags: Flags, { io, signal }: Context): Promise<void> {
  const progress = new TrainProgress(io, flags.json);
  const data = await readData(flags, progress);
  const templates = await readTemplates(flags.templates);
  const training = await import("../train/index.js");
  await useThreads(flags.threads);
  const weights = lossWeightsOf(flags);
  const start = { n: flags.scoreTokens, weights, device: flags.device, ...(templates && { templates }) };
  const events = training.runTraining({
    folder: flags.out,
    fresh: flags.fresh,
    options: trainOptionsOf(flags),
    weights,
    scale: data.scale,
    train: data.samples.filter(({ split }) => split === "train"),
    validation: data.samples.filter(({ split }) => split === "validation"),
    start: (dtype) => training.startFrom(flags.model, { ...start, dtype }),
    base: resolve(flags.model),
    device: flags.device,
    ...(flags.minutes !== undefined && { minutes: flags.minutes }),
    signal,
  });
  for await (const event of events) {
    progress.event(event);
    if (event.type === "end") progress.line(`Checkpoint: ${event.best?.folder ?? event.folder}`);
  }
}

async function readData({ data, images, validation, seed }: Flags, progress: TrainProgress): Promise<AvaDataset> {
  const options = { validationFraction: validation, seed, ...(images !== undefined && { images }) };
  const all = await readAva(data, options);
  if (all.missing.length > 0) progress.line(`${all.missing.length} rated pictures have no image file; left out.`);
  const kept = new Set(all.samples.filter(({ split }) => split === "validation").slice(0, MOST_VALIDATION));
  const samples = all.samples.filter((sample) => sample.split !== "validation" || kept.has(sample));
  if (!samples.some(({ split }) => split === "train")) {
    throw new RocError("DATA_INVALID", `${data} has no picture to train on; check --images.`);
  }
  return { ...all, samples };
}

async function readTemplates(file: string | undefined): Promise<RocTemplates | undefined> {
  if (file === undefined) return undefined;
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new RocError("FILE_NOT_FOUND", `${file} (--templates) cannot be read.`, { cause });
  });
  try {
    return parseTemplates(JSON.parse(text), file);
  } catch (cause) {
    if (cause instanceof RocError) throw cause;
    throw new RocError("CONFIG_INVALID", `${file} (--templates) is not JSON.`, { cause });
  }
}
