/** `calibration.json`: intervals that were calibrated for a checkpoint, in its folder. */
import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { baselineSource } from "../baselines/source.js";
import { readJsonAs, type OutputKind } from "../files/index.js";
import { CONFORMAL_METHODS, type Calibrated } from "../metrics/conformal.js";
import type { CheckpointFolder } from "../models/places.js";
import type { Scale } from "../roc/index.js";

/** Name of the file in a checkpoint's folder; beside a single file of weights it follows that one's name. */
const CALIBRATION_FILE = "calibration.json";
const FORMAT = "roc4mllm-calibration";
/** Name of the overall score. */
export const SCORE = "score";

/**
 * Calibrated intervals of a checkpoint: what `calibration.json` holds.
 *
 * @category Scoring
 */
export interface Calibration {
  /** Identifies the file. */
  readonly format: typeof FORMAT;
  /** Raised where its fields change. */
  readonly version: 1;
  /** The level that results show, one of those in {@link scores}. */
  readonly level: number;
  /** Whose scores these are: name and digest of every byte of the checkpoint. */
  readonly checkpoint: {
    /** Its folder and the first digits of its digest, as results name it. */
    readonly name: string;
    /** Of every byte of it, 64 hex digits. */
    readonly digest: string;
  };
  /** What else scores depend on (prompt, answer, dtype, resizing): intervals are given to results of the same alone. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Rated pictures that they were calibrated on. */
  readonly data: {
    /** Name of the data set. */
    readonly name: string;
    /** Part of it. */
    readonly split: string;
    /** Digest of ids and labels. */
    readonly labels: string;
    /** Scale of its ratings, which goes linearly to the scale of results. */
    readonly scale: Scale;
    /** Pictures with a rating and a score. */
    readonly count: number;
    /**
     * Digests of name and size of these pictures, eight hex digits each, concatenated: `eval` leaves them out of the coverage. Files
     * of earlier versions lack it.
     */
    readonly pictures?: string | undefined;
  };
  /** Intervals by the score's name ("score" is the overall one), a level each; quantiles are shares of the scale's length. */
  readonly scores: Readonly<Record<string, readonly Calibrated[]>>;
  /** Of the draw of the pictures that chose the method. */
  readonly seed: number;
  /** Version of the program. */
  readonly program: string;
  /** When it was made, in ISO 8601. */
  readonly date: string;
}

const level = z.number().gt(0).lt(1);
const share = z.number().min(0);
const calibratedSchema = z
  .object({
    level,
    method: z.enum(CONFORMAL_METHODS),
    quantile: z.number(),
    count: z.int().min(1),
    chosenBy: z.int().min(0),
    widths: z.object({ absolute: share.optional(), normalised: share.optional(), quantiles: share.optional() }),
  })
  .refine(({ method, quantile }) => quantile >= 0 || method === "quantiles", {
    message: "is below 0: only the method quantiles makes intervals narrower",
    path: ["quantile"],
  });
const scaleSchema = z.object({ min: z.number(), max: z.number() });
const calibrationSchema: z.ZodType<Calibration> = z
  .object({
    format: z.literal(FORMAT),
    version: z.literal(1),
    level,
    checkpoint: z.object({ name: z.string(), digest: z.string().regex(/^[0-9a-f]{64}$/) }),
    settings: z.record(z.string(), z.unknown()),
    data: z.object({
      name: z.string(),
      split: z.string(),
      labels: z.string(),
      scale: scaleSchema,
      count: z.int(),
      pictures: z.string().optional(),
    }),
    scores: z.record(z.string(), z.array(calibratedSchema).min(1)),
    seed: z.int(),
    program: z.string(),
    date: z.string(),
  })
  .refine(({ scores, level: shown }) => Object.values(scores).every((levels) => levels.some((one) => one.level === shown)), {
    message: "a score lacks the level that results show",
    path: ["scores"],
  }); // prettier-ignore

/** What `calibrate --out` may take the place of. */
export const CALIBRATION_KIND: OutputKind = {
  name: "calibration that roc4mllm wrote",
  isOurs: (start) => new RegExp(`^\\s*\\{\\s*"format":\\s*"${FORMAT}"`).test(start),
};

/** The head of every calibration. */
export const CALIBRATION_HEAD = { format: FORMAT, version: 1 } as const;

/**
 * Reads a calibration.
 *
 * @param path the file, or the folder of a checkpoint that has one
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; CONFIG_INVALID naming the field
 *
 * @category Scoring
 */
export async function readCalibration(path: string): Promise<Calibration> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  const file = isFolder ? join(path, CALIBRATION_FILE) : path;
  const remedy = "Make it by roc4mllm calibrate.";
  return (await readJsonAs(file, calibrationSchema as z.ZodType, { remedy })) as Calibration;
}

/** Where the calibration of a checkpoint is kept: in its folder, or beside its only file. */
export async function calibrationPlace({ path, home, adapter, bare }: CheckpointFolder): Promise<string> {
  const isFile = (await stat(path).catch(() => undefined))?.isFile() === true;
  // The weights of one of our folders by their own path are that folder.
  const ours = isFile ? (await baselineSource(path))?.folder : undefined;
  if (ours) return join(ours.path, CALIBRATION_FILE);
  if (isFile) return join(dirname(path), `${basename(path)}.${CALIBRATION_FILE}`);
  return join((adapter?.folder ?? bare ?? home).path, CALIBRATION_FILE);
}
