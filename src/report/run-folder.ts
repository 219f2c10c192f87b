/** What is in a run folder, as the report needs it. */
import { join } from "node:path";
import { z } from "zod";
import { exists } from "../files/index.js";
import { readLines } from "../data/files.js";
import { parseJson } from "../eval/values.js";
import { readEvaluation, readSummary, type Prediction, type RunSummary } from "../eval/index.js";
import type { Curve } from "./other-charts.js";

export interface RunFolder {
  readonly summary: RunSummary;
  readonly predictions: readonly Prediction[];
  /** Of the training, where the folder has its `metrics.jsonl`. */
  readonly curves: readonly Curve[];
}

const METRICS_FILE = "metrics.jsonl";

/**
 * Reads what `roc4mllm eval` wrote.
 *
 * @param training folder of the training run, where its curves are wanted; default: the run folder itself
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, DATA_INVALID naming the file
 */
export async function readRunFolder(folder: string, training = folder): Promise<RunFolder> {
  const summary = await readSummary(folder);
  const { predictions } = await readEvaluation(folder);
  return { summary, predictions, curves: await readCurves(training, training !== folder) };
}

const record = z.looseObject({ type: z.string(), step: z.number() });

const POSITIVE = { min: 0 };
const CORRELATION = { min: -1, max: 1 };

/** Figures of the training that are drawn: of which events, and how they are called. */
const DRAWN = [
  { id: "loss", event: "step", key: "loss", title: "Training loss", label: "loss", bounds: POSITIVE },
  {
    id: "srcc",
    event: "validation",
    key: "srcc",
    title: "SRCC on the validation part",
    label: "SRCC",
    bounds: CORRELATION,
  },
  {
    id: "mae",
    event: "validation",
    key: "mae",
    title: "Mean absolute error on the validation part",
    label: "MAE",
    bounds: POSITIVE,
  },
  { id: "rate", event: "step", key: "learningRate", title: "Learning rate", label: "learning rate", bounds: POSITIVE },
] as const;

async function readCurves(folder: string, asked: boolean): Promise<Curve[]> {
  const file = join(folder, METRICS_FILE);
  if (!asked && !(await exists(file))) return [];
  const lines = await readLines(file, "Give the folder of a training run.");
  // A line that a kill cut off is none.
  const records = lines.flatMap(({ text }) => record.safeParse(parseJson(text)).data ?? []);
  return DRAWN.map(({ event, key, ...curve }) => {
    const points = records.flatMap((one) => {
      const value = one[key];
      return one.type === event && typeof value === "number" ? [[one.step, value] as const] : [];
    });
    return { ...curve, points };
  }).filter(({ points }) => points.length > 1);
}
