/** From rated ids to samples: finds the image files and splits off a validation part. The same for every adapter. */
import { slashed } from "./files.js";
import { ImageFinder } from "./images.js";
import { seededPart } from "./split.js";
import type { LoadedDataset, ReaderOptions, Sample } from "./types.js";

/** A rated picture before its image file is found. */
export interface Rated extends Omit<Sample, "image"> {
  /** Candidate paths of the image, relative to the image folder; the first that exists is used. */
  readonly files: readonly string[];
  /** Pictures that must be in the same part, as versions of one. Default: each is on its own. */
  readonly group?: string;
}

/**
 * The samples of a data set, those whose image file is missing, and both in order.
 *
 * @param notes receives a sentence where file names cannot match the labels
 * @throws RocError FILE_NOT_FOUND for an image folder that does not exist; FILE_UNREADABLE for an unreadable one that may
 *   hold missing pictures
 */
export async function assemble(
  rated: readonly Rated[],
  folder: string,
  usualImageFolders: readonly string[],
  options: ReaderOptions,
  notes: string[],
): Promise<Required<Pick<LoadedDataset, "samples" | "missing" | "rated">>> {
  const finder = await ImageFinder.open(folder, options.images, usualImageFolders);
  await finder.look(rated.flatMap(({ files }) => spellings(files)));
  const samples: Sample[] = [];
  const missing: Sample[] = [];
  const all: Sample[] = [];
  for (const { files, group: _, ...rest } of withValidation(rated, options)) {
    const image = finder.find(spellings(files));
    const list = image === undefined ? missing : samples;
    const sample = Object.assign(rest, { image: image ?? finder.place(files.map(slashed)) });
    list.push(sample);
    all.push(sample);
  }
  if (missing.length > 0) notes.push(...finder.whyMissing());
  return { samples, missing, rated: all };
}

/** A path as written, and with slashes instead of Windows' backslashes. */
function spellings(files: readonly string[]): readonly string[] {
  if (!files.some((file) => file.includes("\\"))) return files;
  return [...new Set(files.flatMap((file) => [file, slashed(file)]))];
}

/** A seeded share of the training part becomes the validation part, where the data set has no official one. */
function withValidation(
  rated: readonly Rated[],
  { validationFraction = 0, seed = 0 }: ReaderOptions,
): readonly Rated[] {
  if (validationFraction === 0 || rated.some(({ split }) => split === "validation")) return rated;
  const keyOf = ({ id, group = id }: Rated): string => group;
  const keys = new Set(rated.filter(({ split }) => split === "train").map(keyOf));
  const part = seededPart([...keys], validationFraction, seed);
  return rated.map((one) =>
    one.split === "train" && part.has(keyOf(one)) ? { ...one, split: "validation" as const } : one,
  );
}
