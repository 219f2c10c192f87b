import { PARA_ATTRIBUTES, PARA_FILES, PARA_LABELS, PARA_SCALE, PARA_SCORE } from "../../data/para.js";
import { PARA_SCENES } from "../facts.js";
import { drawParts, type Picture, type StudioPictures } from "../pictures.js";
import { ratePara, type ParaRatings, type Ratings } from "../ratings.js";
import { lines, significant, type LabelFiles, type StudioFormat } from "./types.js";

const DIGITS = 6;
const SESSION = 70;
const HALVES = levels(0.5).map((level) => level.toFixed(1));
const WHOLE = levels(1).map(String);

/** PARA: `annotation/PARA-Giaa{Train,Test}.csv` with votes, means and deviations; `imgs/session<k>/iaa_pub<n>_.jpg`. */
export const paraFormat: StudioFormat = {
  owns: [PARA_LABELS, "imgs"],
  imagesOf: ({ pictures }) => pictures.map((picture) => `imgs/${sessionOf(picture)}/${nameOf(picture)}`),
  labels,
};

/** 70 pictures per session. */
function sessionOf({ index }: Picture): string {
  return `session${1 + Math.floor(index / SESSION)}`;
}

function nameOf({ index }: Picture): string {
  return `iaa_pub${index + 1}_.jpg`;
}

function labels(studio: StudioPictures): LabelFiles {
  const parts = drawParts(studio.options);
  const tableOf = (part: "train" | "test"): string =>
    lines([
      HEADER.join(","),
      ...studio.pictures
        .filter(({ index }) => parts[index] === part)
        .map((picture) => rowOf(picture, ratePara(picture.composition, studio.raters)).join(",")),
    ]);
  return {
    [`${PARA_LABELS}/${PARA_FILES.train}`]: tableOf("train"),
    [`${PARA_LABELS}/${PARA_FILES.test}`]: tableOf("test"),
  };
}

const HEADER = [
  ...["imageName", "sessionId", "semantic"],
  ...headerOf(PARA_SCORE, HALVES),
  ...["qualityScore_mean", "qualityScore_std"],
  ...PARA_ATTRIBUTES.flatMap((name) => headerOf(name, WHOLE)),
];

function headerOf(name: string, votes: readonly string[]): string[] {
  return [...votes.map((level) => `${name}_${level}`), `${name}_mean`, `${name}_std`];
}

function rowOf(picture: Picture, { score, attributes }: ParaRatings): string[] {
  const votesAnd = (ratings: Ratings): string[] => [...ratings.counts.map(String), ...statistics(ratings)];
  return [
    ...[nameOf(picture), sessionOf(picture), PARA_SCENES[picture.composition.scene]],
    ...votesAnd(score),
    ...statistics(attributes.qualityScore),
    ...PARA_ATTRIBUTES.flatMap((name) => votesAnd(attributes[name])),
  ];
}

function statistics({ mean, std }: Ratings): string[] {
  return [significant(mean, DIGITS), significant(std, DIGITS)];
}

function levels(step: number): number[] {
  const { min, max } = PARA_SCALE;
  return Array.from({ length: (max - min) / step + 1 }, (_, i) => min + i * step);
}
