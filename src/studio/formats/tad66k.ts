import { voteStatistics } from "../../data/ava.js";
import { SUBJECTS, subjectOf } from "../facts.js";
import { drawParts, type Picture, type StudioPictures } from "../pictures.js";
import { fixed, lines, plainImages, type LabelFiles, type StudioFormat } from "./types.js";

/** Decimals of the official files. */
const DECIMALS = 6;

/** TAD66K: `merge/{train,test}.csv` and `unmerge/{train,test}/<theme>.csv`; scores are the mean votes, themes the subjects'. */
export const tad66kFormat: StudioFormat = { owns: ["merge", "unmerge", "images"], imagesOf: plainImages, labels };

function labels({ pictures, options }: StudioPictures): LabelFiles {
  const parts = drawParts(options);
  const files: Record<string, string> = {};
  for (const part of ["train", "test"] as const) {
    const rated = pictures.filter(({ index }) => parts[index] === part);
    files[`merge/${part}.csv`] = table(rated);
    for (const [theme, ofTheme] of byTheme(rated)) files[`unmerge/${part}/${theme}.csv`] = table(ofTheme);
  }
  return files;
}

function byTheme(pictures: readonly Picture[]): Map<string, Picture[]> {
  const themes = new Map<string, Picture[]>();
  for (const picture of pictures) {
    const { theme } = SUBJECTS[subjectOf(picture.composition)];
    themes.set(theme, [...(themes.get(theme) ?? []), picture]);
  }
  return themes;
}

function table(pictures: readonly Picture[]): string {
  return lines([
    "image,score",
    ...pictures.map(({ id, votes }) => `${id}.jpg,${fixed(voteStatistics(votes).mean, DECIMALS)}`),
  ]);
}
