/** The part of a data set that is evaluated. */
import { createHash } from "node:crypto";
import { dirname, sep } from "node:path";
import { readDataset, type LoadedDataset, type Sample } from "../data/index.js";
import { RocError } from "../errors.js";
import type { EvaluationSpec } from "./spec.js";
import { ratedOf, SCORE, type Prediction } from "./prediction.js";

export interface Selection {
  readonly data: LoadedDataset;
  /** Of the data set. */
  readonly folder: string;
  readonly split: string;
  /** Only the first pictures. */
  readonly limit?: number | undefined;
  /** The rated pictures of the part, in their order. */
  readonly rated: readonly Sample[];
  /** Those of them to be predicted. */
  readonly samples: readonly Sample[];
  /** Those without an image file: among `samples` for a predictions file, which needs none. */
  readonly missing: readonly Sample[];
  /** Digest of the labels of all. */
  readonly labels: string;
}

/**
 * Reads the data set that a spec names, and takes the part of it.
 *
 * @throws RocError as `readDataset()`; DATA_INVALID where no picture is rated, or none is there to look at
 */
export async function selectSamples(spec: EvaluationSpec): Promise<Selection> {
  const { split = "test", limit, predictions } = spec;
  const { data, folder } = await readData(spec.data);
  const lost = new Set(data.missing);
  const all = (data.rated ?? [...data.samples, ...data.missing]).filter(
    (one) => split === "all" || one.split === split,
  );
  const rated = all.slice(0, limit);
  const missing = rated.filter((one) => lost.has(one));
  const present = rated.filter((one) => !lost.has(one));
  const [first] = missing;
  if (rated.length === 0) {
    throw new RocError("DATA_INVALID", `${data.name} has no picture in the split "${split}"; try --split all.`);
  }
  if (present.length === 0 && predictions === undefined) {
    const none = `Of the ${rated.length} rated pictures in the split "${split}" of ${data.name} no file is there`;
    throw new RocError("DATA_INVALID", `${none}: looked for ${first?.image}. Give their folder by --images.`);
  }
  const samples = predictions === undefined ? present : rated;
  return { data, folder, split, limit, rated, samples, missing, labels: digestLabels(rated) };
}

async function readData(given: EvaluationSpec["data"]): Promise<Pick<Selection, "data" | "folder">> {
  if (typeof given === "string") return { data: await readDataset({ folder: given }), folder: given };
  if ("samples" in given) return { data: given, folder: commonFolder([...given.samples, ...given.missing]) };
  return { data: await readDataset({ ...given, nonFinite: "refuse" }), folder: given.folder };
}

function digestLabels(samples: readonly Sample[]): string {
  const labels = samples.map(({ id, score, attributes, votes, comments, theme, split }) =>
    [id, score, attributes, votes, comments, theme, split].map((value) => value ?? null),
  );
  return createHash("sha256").update(JSON.stringify(labels)).digest("hex").slice(0, 16);
}

/** The folder that holds all pictures, itself or in folders of its own. */
export function commonFolder(samples: readonly Sample[]): string {
  const [first = [], ...others] = samples.map(({ image }) => dirname(image).split(sep));
  const parts = others.reduce((common, parts) => {
    const length = common.findIndex((part, i) => parts[i] !== part);
    return length < 0 ? common : common.slice(0, length);
  }, first);
  return parts.join(sep);
}

/** A note where rated pictures have no image file. */
export function missingNote({ rated, missing }: Selection, { predictions }: EvaluationSpec): string[] {
  const [first] = missing;
  if (!first) return [];
  const what = predictions === undefined ? "they count as not scored" : `they are evaluated by ${predictions}`;
  return [`${missing.length} of ${rated.length} rated pictures have no image file, as ${first.image}; ${what}`];
}

/** A model's predictions with a row per rated picture: those that it could not look at have no score. */
export function withMissing(
  predictions: readonly Prediction[],
  { rated, missing }: Pick<Selection, "rated" | "missing">,
): readonly Prediction[] {
  if (missing.length === 0) return predictions;
  const lost = new Set(missing);
  const found = predictions.values();
  return rated.flatMap((sample): Prediction | Prediction[] => {
    if (!lost.has(sample)) return found.next().value ?? [];
    const error = { code: "FILE_NOT_FOUND", message: `no image file: looked for ${sample.image}` };
    return { ...ratedOf(sample), predicted: { [SCORE]: null }, std: null, distribution: null, error };
  });
}
