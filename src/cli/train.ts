/** `roc4mllm train`: trains a checkpoint with the paper's method on rated pictures, in a run folder that resumes. */
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { readAva, type AvaDataset } from "../data/index.js";
import { RocError } from "../errors.js";
import { parseTemplates, type RocTemplates } from "../roc/index.js";
import { setNumThreads } from "../torch/index.js";
import { runTraining, startFrom, type TrainEvent } from "../train/index.js";
import { addTrainOptions, lossWeightsOf, number, trainOptionsOf, whole, type TrainFlags } from "./train-options.js";
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

/** The command, to be added to the program. */
export function trainCommand(): Command {
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
  return command.action(async () => {
    await trainAction(command.opts<Flags>());
  });
}

async function trainAction(flags: Flags): Promise<void> {
  const progress = new TrainProgress(flags.json);
  if (flags.threads !== undefined) setNumThreads(flags.threads);
  const data = await readData(flags, progress);
  const templates = await readTemplates(flags.templates);
  const weights = lossWeightsOf(flags);
  const start = { n: flags.scoreTokens, weights, device: flags.device, ...(templates && { templates }) };
  const end = await follow(
    runTraining({
      folder: flags.out,
      fresh: flags.fresh,
      options: trainOptionsOf(flags),
      weights,
      scale: data.scale,
      train: data.samples.filter(({ split }) => split === "train"),
      validation: data.samples.filter(({ split }) => split === "validation"),
      start: () => startFrom(flags.model, start),
      device: flags.device,
      ...(flags.minutes !== undefined && { minutes: flags.minutes }),
      signal: interruptSignal(),
    }),
    progress,
  );
  progress.line(`Checkpoint: ${end?.best?.folder ?? end?.folder ?? flags.out}`);
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

/** Shows a run until its end. */
export async function follow(
  events: AsyncIterable<TrainEvent>,
  progress: TrainProgress,
): Promise<Extract<TrainEvent, { type: "end" }> | undefined> {
  let end: Extract<TrainEvent, { type: "end" }> | undefined;
  for await (const event of events) {
    progress.event(event);
    if (event.type === "end") end = event;
  }
  return end;
}

/** Fires at the first Ctrl-C, which lets a run write its state; a second one ends the process at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      controller.abort();
    });
  }
  return controller.signal;
}
