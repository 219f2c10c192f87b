import { voteStatistics } from "../../data/ava.js";
import { chromaOf, hueNames } from "../facts.js";
import { drawParts, type Picture, type StudioPictures } from "../pictures.js";
import { rateColour } from "../ratings.js";
import { fixed, lines, type LabelFiles, type StudioFormat } from "./types.js";

const DECIMALS = 6;
/** Below this chroma (1 = natural) a picture counts as one without hues. */
const GREY = 0.2;
/** The lowest vote that counts as "good" for `probability`. */
const GOOD = 6;

/**
 * ICAA17K: `{train,test}.csv`, columns ID, color, MOS, probability. An ID is nested by the scheme of the palette and the
 * hues of the ground and the accent; `color` is the mean vote on the colours, `MOS` on the whole. The meaning of the
 * official `probability` is not published: here it is the share of colour votes from 6 up.
 */
export const icaa17kFormat: StudioFormat = {
  owns: ["train.csv", "test.csv", "images"],
  imagesOf: ({ pictures }) => pictures.map((picture) => `images/${icaaId(picture)}`),
  labels,
};

/** The path by which ICAA17K names a picture. */
function icaaId({ id, composition }: Picture): string {
  const names = hueNames(composition, "ground", "accent");
  if (chromaOf(composition) < GREY) return `monochromatic/grey/${id}.jpg`;
  const scheme = (composition.merits.harmony ?? 1) >= 0.5 ? "complementary" : "contrasting";
  return `${scheme}/${names.join("_")}/${id}.jpg`;
}

function labels(studio: StudioPictures): LabelFiles {
  const parts = drawParts(studio.options);
  const rowsOf = (part: "train" | "test"): string =>
    lines([
      "ID,color,MOS,probability",
      ...studio.pictures.filter(({ index }) => parts[index] === part).map((picture) => rowOf(picture, studio)),
    ]);
  return { "train.csv": rowsOf("train"), "test.csv": rowsOf("test") };
}

function rowOf(picture: Picture, { raters }: StudioPictures): string {
  const { mean } = rateColour(picture.composition, raters);
  const fields = [
    fixed(mean, DECIMALS),
    String(voteStatistics(picture.votes).mean),
    String(goodShare(picture, raters)),
  ];
  return [icaaId(picture), ...fields].join(",");
}

/** Share of colour votes from {@link GOOD} up. */
function goodShare({ composition }: Picture, raters: StudioPictures["raters"]): number {
  const { counts } = rateColour(composition, raters);
  const sum = (votes: readonly number[]): number => votes.reduce((total, n) => total + n, 0);
  return sum(counts.slice(GOOD - 1)) / sum(counts);
}
