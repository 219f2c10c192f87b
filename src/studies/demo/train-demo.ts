/**
 * The demo weights from nothing: the studio's pictures, a tokenizer, a small model, training, the test part, the model
 * card. Stopped anywhere, the same call resumes.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { raterCeiling, writeStudio } from "../../studio/index.js";
import { readStudio, type AvaDataset, type OnProgress, type Sample } from "../../data/index.js";
import { saveCheckpoint } from "../../engine/index.js";
import { RocError } from "../../errors.js";
import type { LossWeights } from "../../roc/index.js";
import { atomicWriteFile, atomicWriteJson, isMissing, remove, writeFolder } from "../../files/index.js";
import type { Agreement, EndEvent, TrainEvent } from "../../train/events.js";
import { describeEnvironment } from "../../train/run/metrics-file.js";
import { whileNumThreads } from "../../torch/index.js";
import { strategyObjective } from "../../train/loop/objective.js";
import type { TrainOptions } from "../../train/options.js";
import { PixelCache } from "../../train/data/pixels.js";
import { withLoraTargets } from "../../train/start/patterns.js";
import { runToEnd } from "../../train/start/run-training.js";
import { reopen } from "../../train/start/start.js";
import { agreement } from "../../train/loop/validate.js";
import { modelCard, type DemoReport } from "./card.js";
import { createDemo } from "./create.js";
import { DEMO_FAMILY, DEMO_TEMPLATES, type DemoModel } from "./sizes.js";

export interface DemoOptions {
  /** Where the checkpoint goes; replaced if it holds an earlier demo. */
  readonly out: string;
  /** Pictures and run folder. */
  readonly work: string;
  readonly pictures: number;
  /** Pixels of a picture's long edge. */
  readonly pictureSize: number;
  /** Share of the training part set apart for validation. */
  readonly validation: number;
  readonly model: DemoModel;
  readonly train: TrainOptions;
  readonly weights: LossWeights;
  /** Of the weights that are written. */
  readonly dtype: "float16" | "bfloat16";
  /** All in all; fewer steps are taken if there is not time for them. */
  readonly minutes?: number;
  /** Threads of the tensor library meanwhile, from 1. Default: as for `trainModel()`. */
  readonly threads?: number;
  /** Throw away what an earlier run left. Default false: resume it. */
  readonly fresh?: boolean;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
  /** Work other than training: "Composing pictures", done, total. */
  readonly onWork?: (what: string, done: number, total: number) => void;
}

/** Share of the pictures that only the final figures are taken on. */
const TEST_SHARE = 0.1;
/** Minutes of the time budget that are reserved for the test part. */
const RESERVE = 0.5;
const REPORT = "training.json";

/**
 * Makes the demo checkpoint.
 * @throws RocError USAGE where `out` holds something else; see `runTraining()` for the rest
 */
export async function makeDemo(given: DemoOptions): Promise<DemoReport> {
  const options = { ...given, train: withLoraTargets(given.train, DEMO_FAMILY) };
  const { threads } = options;
  return threads === undefined ? make(options) : whileNumThreads(threads, () => make(options));
}

async function make(options: DemoOptions): Promise<DemoReport> {
  const started = performance.now();
  await checkReplaceable(options.out);
  const data = await composePictures(options);
  const end = await trainDemo(options, data, (performance.now() - started) / 60_000);
  const write = async (aside: string): Promise<DemoReport> => {
    const test = await exportBest(end, aside, options, data);
    const report = await reportOf(options, data, end, test, aside);
    await atomicWriteFile(join(aside, "README.md"), modelCard(report));
    await atomicWriteJson(join(aside, REPORT), report);
    return report;
  };
  return writeFolder(options.out, write, async (out) => {
    await checkReplaceable(out);
    await remove(out);
  });
}

/** A folder that is replaced at the end must be empty or an earlier demo. */
async function checkReplaceable(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((error: unknown): string[] => {
    if (isMissing(error)) return [];
    throw error;
  });
  if (entries.length === 0 || entries.includes(REPORT)) return;
  throw new RocError("USAGE", `${folder} holds something else than a demo checkpoint; give another folder.`);
}

async function composePictures(options: DemoOptions): Promise<AvaDataset> {
  const { pictures: count, pictureSize: longEdge, work, validation, signal } = options;
  const { seed } = options.train;
  const folder = join(work, "studio", `seed-${seed}-${count}x${longEdge}`);
  await writeStudio(folder, {
    seed,
    count,
    longEdge,
    testFraction: TEST_SHARE,
    onProgress: progressOf(options, "Composing pictures"),
    ...(signal !== undefined && { signal }),
  });
  return readStudio(folder, { validationFraction: validation, seed });
}

async function trainDemo(options: DemoOptions, data: AvaDataset, minutesSpent: number): Promise<EndEvent> {
  const { model, train, weights, minutes, fresh, signal, onEvent } = options;
  const folder = join(options.work, "train-demo", `seed-${train.seed}`);
  const plan = {
    folder,
    options: train,
    weights,
    scale: data.scale,
    train: partOf(data, "train"),
    validation: partOf(data, "validation"),
    start: () => createDemo(join(folder, "tokenizer"), train.seed, model, weights),
    from: { model, templates: DEMO_TEMPLATES },
    ...(fresh !== undefined && { fresh }),
    ...(minutes !== undefined && { minutes: Math.max(0.1, minutes - minutesSpent - RESERVE) }),
    ...(signal !== undefined && { signal }),
  };
  return runToEnd(plan, onEvent);
}

/** Writes the best state in 16 bits into `folder`, and tests what was written. */
async function exportBest(end: EndEvent, folder: string, options: DemoOptions, data: AvaDataset): Promise<Agreement> {
  const best = await reopen(end.best?.folder ?? end.folder, { dtype: options.dtype });
  await saveCheckpoint(folder, best.parts);
  best.parts.model.dispose();
  const { parts, prepare } = await reopen(folder);
  try {
    const objective = strategyObjective(parts, data, options.weights);
    return await agreement(objective, new PixelCache({ prepare }), partOf(data, "test"), {
      batchSize: options.train.batchSize,
      signal: options.signal,
      onProgress: progressOf(options, "Scoring the test part"),
    });
  } finally {
    parts.model.dispose();
  }
}

async function reportOf(
  options: DemoOptions,
  data: AvaDataset,
  end: EndEvent,
  test: Agreement,
  folder: string,
): Promise<DemoReport> {
  const { node, torch, cpu, cores, threads } = await describeEnvironment();
  return {
    seed: options.train.seed,
    test,
    ceiling: raterCeiling(options.train.seed, options.pictures),
    validation: end.best && { step: end.best.step, srcc: end.best.srcc },
    pictures: {
      train: partOf(data, "train").length,
      validation: partOf(data, "validation").length,
      test: test.count,
      longEdge: options.pictureSize,
    },
    trainingSeconds: Math.round(end.seconds),
    steps: end.step,
    dtype: options.dtype,
    bytes: await folderBytes(folder),
    model: options.model,
    options: { ...options.train, precision: end.precision, lossWeights: options.weights },
    environment: { node, torch, cpu, cores, threads },
  };
}

function partOf(data: AvaDataset, part: Sample["split"]): Sample[] {
  return data.samples.filter(({ split }) => split === part);
}

function progressOf({ onWork }: DemoOptions, what: string): OnProgress {
  return (done, total) => onWork?.(what, done, total);
}

async function folderBytes(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
