/** `dataset.json`, the card beside your own labels: a data set's name, scales and file locations. */
import { join } from "node:path";
import { z } from "zod";
import { messageOf } from "../errors.js";
import { exists, readText } from "../files/index.js";
import { invalid } from "./files.js";
import type { ScoreScale } from "./types.js";

export const DATASET_CARD = "dataset.json";

const scaleSchema = z
  .object({ min: z.number().describe("Lowest rating"), max: z.number().describe("Highest rating") })
  .refine(({ min, max }) => min < max, { message: "min must be below max" });

/** The keys of a card; docs/data.md is generated from it. */
export const cardSchema = z.object({
  name: z.string().optional().describe("Name of the data set in reports; default: the label file's name"),
  scale: scaleSchema.optional().describe("Of the scores, both ends included; needed"),
  attributeScales: z
    .record(z.string(), scaleSchema)
    .optional()
    .describe("Scales by column, of attributes whose scale differs from the score's"),
  attributes: z
    .array(z.string())
    .optional()
    .describe("The columns that are attributes; default: every column without another meaning"),
  images: z
    .string()
    .optional()
    .describe("Folder of the pictures, relative to the card's; default: this folder or `images`"),
  file: z.string().optional().describe("Label file, relative to the card's folder; default: the only one there"),
});

/** The keys of a card; other keys are ignored. */
export interface DatasetCard {
  readonly name?: string | undefined;
  readonly scale?: ScoreScale | undefined;
  /** Scales of the attributes whose scale differs from the score's. */
  readonly attributeScales?: Readonly<Record<string, ScoreScale>> | undefined;
  /** The columns that are attributes; default: every column without another meaning. */
  readonly attributes?: readonly string[] | undefined;
  /** Folder of the images, relative to the card's. */
  readonly images?: string | undefined;
  /** Label file, relative to the card's folder. */
  readonly file?: string | undefined;
}

const REMEDY = `Write it like {"name": "My photos", "scale": {"min": 1, "max": 10}}.`;

/** The card of a folder; empty where there is none. @throws RocError DATA_INVALID naming the key */
export async function readCard(folder: string): Promise<DatasetCard> {
  const file = join(folder, DATASET_CARD);
  if (!(await exists(file))) return {};
  let value: unknown;
  try {
    value = JSON.parse(await readText(file, { remedy: REMEDY }));
  } catch (cause) {
    throw invalid(file, `is not JSON (${messageOf(cause)})`, REMEDY, cause);
  }
  const { data, error } = cardSchema.safeParse(value);
  if (data) return data;
  const [issue] = error.issues;
  throw invalid(file, `key "${issue?.path.join(".") ?? ""}": ${issue?.message ?? "not as expected"}`, REMEDY);
}
