/**
 * `roc4mllm train-demo`: the demo weights from nothing by one command: the studio's pictures, a tokenizer, a small LLaVA,
 * training, the test part, the model card. Stopped anywhere, the same command goes on.
 */
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { raterCeiling, readAva, writeStudio, type AvaDataset } from "../data/index.js";
import { RocError } from "../errors.js";
import { LOSS_PRESETS } from "../roc/index.js";
import { setNumThreads } from "../torch/index.js";
import { agreement, describeEnvironment, PixelCache, reopen, rocObjective, runTraining, saveTrainable } from "../train/index.js";
import type { Agreement, EndEvent } from "../train/index.js";
import { modelCard, type DemoReport } from "./demo-card.js";
import { createDemo, DEMO_MODEL, type DemoModel } from "./demo-model.js";
import { addTrainOptions, lossWeightsOf, number, trainOptionsOf, whole, type TrainFlags } from "./train-options.js";
import { duration, TrainProgress } from "./train-progress.js";
import { follow, interruptSignal } from "./train.js";

interface Flags extends TrainFlags, DemoModel {
  readonly out: string;
  readonly work: string;
  readonly pictures: number;
  readonly pictureSize: number;
  readonly validation: number;
  readonly dtype: "float16" | "bfloat16";
}

/** Share of the pictures that only the final figures are taken on. */
const TEST_SHARE = 0.1;
const CARD = "README.md";
/** Minutes of `--minutes` that are kept for the test part. */
const RESERVE = 0.5;

/** The command, to be added to the program. */
export function trainDemoCommand(): Command {
  const command = new Command("train-demo")
    .description("train the demo weights from nothing; the same command resumes a stopped run")
    .option("--out <folder>", "where the demo checkpoint goes", "models/demo")
    .option("--work <folder>", "pictures and run folder", ".cache")
    .option("--pictures <n>", "pictures to compose, a tenth of them for the test", whole(50), 10_000)
    .option("--picture-size <px>", "long edge of a picture", whole(32), 160)
    .option("--validation <share>", "share of the training part set apart for validation", number(0.001, 0.5), 0.03)
    .option("--dtype <name>", "of the weights that are written: float16 or bfloat16", dtype, "float16");
  for (const [name, value] of Object.entries(DEMO_MODEL)) {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (name === "resize") command.option(`--${flag} <how>`, "stretch or pad to a square", resize, value);
    else command.option(`--${flag} <n>`, "of the model", whole(1), value);
  }
  addTrainOptions(command, {
    steps: 3000,
    batch: 32,
    lr: 1e-3,
    schedule: "cosine",
    warmup: 0.05,
    decay: 0.05,
    beta2: 0.98,
    flip: true,
    every: 250,
    loss: "paper-ava",
  });
  return command.action(async () => {
    await demoAction(command.opts<Flags>());
  });
}

function dtype(text: string): Flags["dtype"] {
  if (text === "float16" || text === "bfloat16") return text;
  throw new RocError("USAGE", `--dtype is ${text}; give float16 or bfloat16.`);
}

function resize(text: string): DemoModel["resize"] {
  if (text === "stretch" || text === "pad") return text;
  throw new RocError("USAGE", `--resize is ${text}; give stretch or pad.`);
}

async function demoAction(flags: Flags): Promise<void> {
  const started = performance.now();
  const progress = new TrainProgress(flags.json);
  const signal = interruptSignal();
  await checkReplaceable(flags.out);
  if (flags.threads !== undefined) setNumThreads(flags.threads);
  const data = await composePictures(flags, progress, signal);
  const spent = (performance.now() - started) / 60_000;
  const end = await follow(runTraining(planOf(flags, data, spent, signal)), progress);
  if (end === undefined) throw new RocError("INTERNAL", "The training ended without saying so.");
  const aside = `${flags.out}.tmp`;
  await rm(aside, { recursive: true, force: true });
  const test = await exportBest(end, aside, flags, data, progress);
  const report = await reportOf(flags, data, end, test);
  await writeFile(join(aside, CARD), modelCard(report));
  await writeFile(join(aside, "training.json"), `${JSON.stringify(report, null, 2)}\n`);
  await rm(flags.out, { recursive: true, force: true });
  await rename(aside, flags.out);
  const { srcc, plcc, mae } = test;
  progress.line(`Test part: SRCC ${srcc?.toFixed(4)}  PLCC ${plcc?.toFixed(4)}  MAE ${mae.toFixed(3)}`);
  progress.line(`Wrote ${flags.out} (${(report.bytes / 1e6).toFixed(1)} MB) after ${duration(spentSeconds(started))}`);
  if (flags.json) process.stdout.write(`${JSON.stringify({ type: "report", ...report })}\n`);
}

/** A folder that is replaced at the end must be empty or an earlier demo. */
async function checkReplaceable(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((): string[] => []);
  if (entries.length === 0 || entries.includes("training.json")) return;
  throw new RocError("USAGE", `${folder} holds something else than a demo checkpoint; give another --out.`);
}

async function composePictures(flags: Flags, progress: TrainProgress, signal: AbortSignal): Promise<AvaDataset> {
  const { pictures: count, pictureSize: longEdge, seed } = flags;
  const folder = join(flags.work, "studio", `seed-${seed}-${count}x${longEdge}`);
  const onProgress = (done: number, total: number): void => {
    progress.update(`Composing pictures ${done}/${total}`);
  };
  await writeStudio(folder, { seed, count, longEdge, testFraction: TEST_SHARE, onProgress, signal });
  return readAva(folder, { validationFraction: flags.validation, seed });
}

function planOf(flags: Flags, data: AvaDataset, spent: number, signal: AbortSignal): Parameters<typeof runTraining>[0] {
  const folder = join(flags.work, "train-demo", `seed-${flags.seed}`);
  const weights = lossWeightsOf(flags);
  return {
    folder,
    fresh: flags.fresh,
    options: trainOptionsOf(flags),
    weights,
    scale: data.scale,
    train: data.samples.filter(({ split }) => split === "train"),
    validation: data.samples.filter(({ split }) => split === "validation"),
    start: () => createDemo(join(folder, "tokenizer"), flags.seed, flags, weights),
    ...(flags.minutes !== undefined && { minutes: Math.max(0.1, flags.minutes - spent - RESERVE) }),
    signal,
  };
}

/** Writes the best state in 16 bits, and tests what was written. */
async function exportBest(
  end: EndEvent,
  folder: string,
  flags: Flags,
  data: AvaDataset,
  progress: TrainProgress,
): Promise<Agreement> {
  const best = await reopen(end.best?.folder ?? end.folder, { dtype: flags.dtype });
  await mkdir(folder, { recursive: true });
  await saveTrainable(folder, best.parts);
  best.parts.model.dispose();
  const { parts, prepare } = await reopen(folder);
  try {
    const objective = rocObjective(parts, data.scale, LOSS_PRESETS.paper);
    const samples = data.samples.filter(({ split }) => split === "test");
    const onProgress = (done: number, total: number): void => {
      progress.update(`Scoring the test part ${done}/${total}`);
    };
    return await agreement(objective, new PixelCache({ prepare }), samples, { batchSize: flags.batch, onProgress });
  } finally {
    parts.model.dispose();
  }
}

async function reportOf(flags: Flags, data: AvaDataset, end: EndEvent, test: Agreement): Promise<DemoReport> {
  const { node, torch, cpu, cores, threads } = await describeEnvironment();
  const sizes = Object.fromEntries(Object.keys(DEMO_MODEL).map((name) => [name, flags[name as keyof DemoModel]]));
  const countOf = (part: string): number => data.samples.filter(({ split }) => split === part).length;
  return {
    seed: flags.seed,
    test,
    ceiling: raterCeiling(flags.seed, flags.pictures),
    validation: end.best,
    pictures: { train: countOf("train"), validation: countOf("validation"), test: countOf("test") },
    trainingSeconds: Math.round(end.seconds),
    steps: end.step,
    dtype: flags.dtype,
    bytes: await folderBytes(`${flags.out}.tmp`),
    model: sizes,
    options: { ...trainOptionsOf(flags), lossWeights: lossWeightsOf(flags) },
    environment: { node, torch, cpu, cores, threads },
  };
}

async function folderBytes(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function spentSeconds(started: number): number {
  return (performance.now() - started) / 1000;
}
