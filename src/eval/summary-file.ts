/** `summary.json` of a run folder: the figures, and where they come from. */
import { join } from "node:path";
import { z } from "zod";
import { readText } from "../files/index.js";
import { RocError } from "../errors.js";
import { scorerInfoSchema } from "../roc/published/schema.js";
import type { ScorerInfo } from "../roc/published/types.js";
import type { IntervalFigures } from "../metrics/interval-figures.js";
import type { CaptionFigures } from "./caption-figures.js";
import { SUMMARY_FILE } from "./folder.js";
import { parseJson } from "./values.js";
import type { Summary } from "./summary.js";

/**
 * How a checkpoint was asked and read, as an evaluation keeps it.
 *
 * @category Evaluation
 */
export interface AskedMethod {
  /** Family of the model. */
  readonly family: string;
  /** How its scores were read. */
  readonly strategy: string;
  /** The canonical prompt. */
  readonly prompt: string;
  /** The canonical answer. */
  readonly answer: string;
  /** Of a published scorer. */
  readonly scorer?: ScorerInfo | undefined;
}

/**
 * Where the figures of an evaluation come from.
 *
 * @category Evaluation
 */
export interface Provenance {
  /** What gave the predictions. */
  readonly kind: "model" | "predictions" | "onnx";
  /** A checkpoint or ONNX file with its digest, or a predictions file. */
  readonly system: string;
  /** How a checkpoint was asked and read. */
  readonly method?: AskedMethod | undefined;
  /** How pictures went into an ONNX model. */
  readonly onnx?: Readonly<Record<string, unknown>> | undefined;
  /** Name of the data set. */
  readonly data: string;
  /** Its folder. */
  readonly folder: string;
  /** The studio's synthetic copy of the data set: it holds `studio.json` beside the official files. */
  readonly studio: boolean;
  /** Part of the data set. */
  readonly split: string;
  /** Only the first pictures. */
  readonly limit?: number | undefined;
  /** Digest of ids and labels. */
  readonly labels: string;
  /** Rated pictures whose file is not there. */
  readonly missingImages: number;
  /** Rows of a predictions file that belong to no picture. */
  readonly unmatchedRows?: number | undefined;
  /** Columns of a predictions file that were read. */
  readonly columns?: Readonly<Record<"id" | "score", string>> | undefined;
  /** All that the predictions depend on, by name; absent in summaries of version 0.1. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** The table beside the summary that it was computed from. */
  readonly predictions?: Readonly<Record<"file" | "sha256", string>> | undefined;
  /** Of the bootstrap. */
  readonly seed: number;
  /** Of the bootstrap. */
  readonly resamples: number;
  /** Of this program. */
  readonly version: string;
  /** Its git revision where it is run from a work tree ("+": with changes). */
  readonly revision: string | null;
  /** Version of libtorch, where a model was computed. */
  readonly torch?: string | undefined;
  /** Version of Node. */
  readonly node: string;
  /** When it was finished, in ISO 8601. */
  readonly date: string;
}

const provenanceSchema: z.ZodType<Provenance> = z.object({
  kind: z.enum(["model", "predictions", "onnx"]),
  system: z.string(),
  method: z
    .object({
      family: z.string(),
      strategy: z.string(),
      prompt: z.string(),
      answer: z.string(),
      scorer: scorerInfoSchema.optional(),
    })
    .optional(),
  onnx: z.record(z.string(), z.unknown()).optional(),
  data: z.string(),
  folder: z.string(),
  studio: z.boolean(),
  split: z.string(),
  limit: z.number().optional(),
  labels: z.string(),
  missingImages: z.number(),
  unmatchedRows: z.number().optional(),
  columns: z.object({ id: z.string(), score: z.string() }).optional(),
  settings: z.record(z.string(), z.unknown()).optional(),
  predictions: z.strictObject({ file: z.string(), sha256: z.string() }).optional(),
  seed: z.number(),
  resamples: z.number(),
  version: z.string(),
  revision: z.string().nullable(),
  torch: z.string().optional(),
  node: z.string(),
  date: z.string(),
});

/**
 * What `summary.json` holds.
 *
 * @category Evaluation
 */
export interface RunSummary extends Summary {
  /** Where the figures come from. */
  readonly provenance: Provenance;
  /** How the checkpoint's calibrated intervals fare on pictures that did not calibrate them, by the score's name; absent without. */
  readonly intervals?: Readonly<Record<string, IntervalFigures>> | undefined;
  /** How the comments agree with those of people; null where none were compared. */
  readonly captions: CaptionFigures | null;
}

const figure = z.number().nullable();
const interval = z.object({
  value: z.number(),
  low: z.number(),
  high: z.number(),
  level: z.number(),
  resamples: z.number(),
  undefinedResamples: z.number(),
});
const figures = {
  srcc: interval.nullable(),
  plcc: interval.nullable(),
  krcc: interval.nullable(),
  mae: interval.nullable(),
  rmse: interval.nullable(),
};
const setAccuracy = z.object({ interval: interval.nullable(), chance: figure, count: z.number() });
const parts = z.array(
  z.object({ name: z.string(), count: z.number(), figures: z.object({ srcc: figure, plcc: figure, mae: figure }) }),
);

const countedShare = z.object({ value: z.number(), low: z.number(), high: z.number() }).nullable();
const intervalParts = z.array(z.object({ name: z.string(), count: z.number(), coverage: countedShare, width: figure }));
const intervalFigures = z.object({
  level: z.number(),
  scale: z.object({ min: z.number(), max: z.number() }).optional(),
  count: z.number(),
  coverage: countedShare,
  width: interval.nullable(),
  byScore: intervalParts,
  byTheme: intervalParts,
});

const summarySchema: z.ZodType<RunSummary> = z.object({
  provenance: provenanceSchema,
  scale: z.object({ min: z.number(), max: z.number() }),
  count: z.number(),
  scored: z.number(),
  failures: z.record(z.string(), z.number()),
  overall: z.object(figures),
  plccAfterLogisticFit: figure,
  accuracy: z.object({ threshold: z.number(), value: figure }),
  distributions: z.object({ count: z.number(), emd: figure, kl: figure }),
  attributes: z.record(z.string(), z.object({ ...figures, count: z.number() })),
  byTheme: parts,
  byTrueScore: parts,
  coverage: z.array(z.object({ level: z.number(), coverage: figure })),
  // Absent before there were sets.
  sets: z
    .object({
      sets: z.number(),
      pictures: z.number(),
      pairs: setAccuracy.extend({ ties: z.number() }),
      best: setAccuracy,
      worst: setAccuracy,
    })
    .optional(),
  intervals: z.record(z.string(), intervalFigures).optional(),
  captions: z
    .object({
      count: z.number(),
      cider: figure,
      ciderD: figure,
      spice: z.object({ parser: z.string(), value: figure }),
    })
    .nullable(),
});

/**
 * The summary of a run folder.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; DATA_INVALID naming the field
 */
export async function readSummary(folder: string): Promise<RunSummary> {
  const file = join(folder, SUMMARY_FILE);
  const text = await readText(file, { remedy: "Give the folder that roc4mllm eval wrote (--out)." });
  const { data, error } = summarySchema.safeParse(parseJson(text));
  if (data) return data;
  const [issue] = error.issues;
  const what = `${issue?.path.join(".") || "the file"}: ${issue?.message ?? "not as expected"}`;
  throw new RocError("DATA_INVALID", `${file}: ${what}. Run roc4mllm eval again.`);
}
