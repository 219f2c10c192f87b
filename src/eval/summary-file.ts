/** `summary.json` of a run folder: the figures, and where they come from. */
import { join } from "node:path";
import { z } from "zod";
import { readText } from "../files/index.js";
import { RocError } from "../errors.js";
import type { CaptionFigures } from "./caption-figures.js";
import { SUMMARY_FILE } from "./folder.js";
import { parseJson } from "./values.js";
import type { Summary } from "./summary.js";

const provenanceSchema = z.object({
  /** What gave the predictions. */
  kind: z.enum(["model", "predictions", "onnx"]),
  /** A checkpoint or ONNX file with its digest, or a predictions file. */
  system: z.string(),
  /** How a checkpoint was asked and read. */
  method: z.object({ family: z.string(), strategy: z.string(), prompt: z.string(), answer: z.string() }).optional(),
  /** How pictures went into an ONNX model. */
  onnx: z.record(z.string(), z.unknown()).optional(),
  data: z.string(),
  folder: z.string(),
  /** The studio's synthetic copy of the data set: it holds `studio.json` beside the official files. */
  studio: z.boolean(),
  split: z.string(),
  /** Only the first pictures. */
  limit: z.number().optional(),
  /** Digest of ids and labels. */
  labels: z.string(),
  missingImages: z.number(),
  /** Rows of a predictions file that belong to no picture. */
  unmatchedRows: z.number().optional(),
  /** Columns of a predictions file that were read. */
  columns: z.object({ id: z.string(), score: z.string() }).optional(),
  /** All that the predictions depend on, by name; absent in summaries of version 0.1. */
  settings: z.record(z.string(), z.unknown()).optional(),
  /** The table beside the summary that it was computed from. */
  predictions: z.strictObject({ file: z.string(), sha256: z.string() }).optional(),
  /** Of the bootstrap. */
  seed: z.number(),
  resamples: z.number(),
  /** Of this program, with its git revision where it is run from a work tree ("+": with changes). */
  version: z.string(),
  revision: z.string().nullable(),
  torch: z.string().optional(),
  node: z.string(),
  date: z.string(),
});

export type Provenance = Readonly<z.infer<typeof provenanceSchema>>;

/** What `summary.json` holds. */
export interface RunSummary extends Summary {
  readonly provenance: Provenance;
  /** Null where no comments were compared. */
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
const parts = z.array(
  z.object({ name: z.string(), count: z.number(), figures: z.object({ srcc: figure, plcc: figure, mae: figure }) }),
);

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
