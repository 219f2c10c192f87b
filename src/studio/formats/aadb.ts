import type { Split } from "../../data/types.js";
import { AADB_ATTRIBUTES, AADB_LABELS, aadbLabelFile } from "../../data/aadb.js";
import { drawParts, type Picture, type StudioPictures } from "../pictures.js";
import { rateAadb, type AadbRatings } from "../ratings.js";
import { lines, significant, type LabelFiles, type StudioFormat } from "./types.js";

const DIGITS = 6;
/** Validation share of the non-test pictures; officially 500 of 8,958. */
const AADB_VALIDATION = 0.056;
const FOLDERS = { trained: "datasetImages_originalSize", tested: "AADB_newtest_originalSize" } as const;

/**
 * AADB: a score file and eleven attribute files for each of the parts Train, Validation and TestNew. As in the official
 * files, the images of the new test part are in a separate folder, with names that start with the score.
 */
export const aadbFormat: StudioFormat = {
  owns: [AADB_LABELS, ...Object.values(FOLDERS)],
  imagesOf: (studio) => {
    const parts = aadbParts(studio);
    return studio.pictures.map((picture) => imageOf(picture, parts[picture.index], studio));
  },
  labels,
};

/** The name by which AADB's lists have a picture. */
function aadbName({ id }: Picture): string {
  return `studio_${id}_b.jpg`;
}

function aadbParts({ options }: StudioPictures): readonly Split[] {
  return drawParts(options, AADB_VALIDATION);
}

function imageOf(picture: Picture, part: Split | undefined, { raters }: StudioPictures): string {
  if (part !== "test") return `${FOLDERS.trained}/${aadbName(picture)}`;
  const { score } = rateAadb(picture.composition, raters);
  return `${FOLDERS.tested}/${Number(significant(score, DIGITS)).toFixed(3)}_${aadbName(picture)}`;
}

function labels(studio: StudioPictures): LabelFiles {
  const parts = aadbParts(studio);
  const files: Record<string, string> = {};
  for (const part of ["train", "validation", "test"] as const) {
    const pictures = studio.pictures.filter(({ index }) => parts[index] === part);
    const rated = pictures.map((picture) => [aadbName(picture), rateAadb(picture.composition, studio.raters)] as const);
    const list = (valueOf: (ratings: AadbRatings) => number): string =>
      lines(rated.map(([name, ratings]) => `${name} ${significant(valueOf(ratings), DIGITS)}`));
    files[`${AADB_LABELS}/${aadbLabelFile(part, "score")}`] = list(({ score }) => score);
    for (const attribute of AADB_ATTRIBUTES) {
      const values = list(({ attributes }) => attributes[attribute].mean);
      files[`${AADB_LABELS}/${aadbLabelFile(part, attribute)}`] = values;
    }
  }
  return files;
}
