import { KONIQ_FILES } from "../../data/koniq10k.js";
import type { Split } from "../../data/types.js";
import { drawParts, type Picture, type StudioPictures } from "../pictures.js";
import { rateKoniq } from "../ratings.js";
import { lines, significant, type LabelFiles, type StudioFormat } from "./types.js";

const DIGITS = 12;
/** Officially 1,000 of the 8,058 pictures that are not for testing. */
const VALIDATION = 0.124;
const SETS: Readonly<Record<Split, string>> = { train: "training", validation: "validation", test: "test" };

/**
 * KonIQ-10k: the file of scores (counts of the votes 1 to 5) and that of the sets (their shares), `1024x768/<id>.jpg`.
 * `MOS_zscore` is the mean vote on 0 to 100: raters are not standardised here.
 */
export const koniqFormat: StudioFormat = {
  owns: [...Object.values(KONIQ_FILES), "1024x768"],
  imagesOf: ({ pictures }) => pictures.map((picture) => `1024x768/${nameOf(picture)}`),
  labels,
};

function nameOf({ id }: Picture): string {
  return `${id}.jpg`;
}

function labels(studio: StudioPictures): LabelFiles {
  const parts = drawParts(studio.options, VALIDATION);
  const rated = studio.pictures.map((picture) => {
    const { counts, mean, std } = rateKoniq(picture.composition, studio.raters);
    const total = counts.reduce((sum, n) => sum + n, 0);
    // Officially a sample's deviation.
    const sd = significant(std * Math.sqrt(total / (total - 1)), DIGITS);
    const zscore = significant(((mean - 1) / 4) * 100, DIGITS);
    const set = SETS[parts[picture.index] ?? "train"];
    return { name: nameOf(picture), counts, total, mean: significant(mean, DIGITS), sd, zscore, set };
  });
  const head = ["image_name", "c1", "c2", "c3", "c4", "c5", "c_total", "MOS", "SD"].join(",");
  return {
    [KONIQ_FILES.scores]: lines([
      `${head},MOS_zscore`,
      ...rated.map(({ name, counts, total, mean, sd, zscore }) => [name, ...counts, total, mean, sd, zscore].join(",")),
    ]),
    [KONIQ_FILES.sets]: lines([
      `${head},set`,
      ...rated.map(({ name, counts, total, sd, zscore, set }) =>
        [name, ...counts.map((n) => significant(n / total, DIGITS)), total, zscore, sd, set].join(","),
      ),
    ]),
  };
}
