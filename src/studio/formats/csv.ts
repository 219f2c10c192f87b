import { stringify } from "csv-stringify/sync";
import { AADB_ATTRIBUTE_SCALE, AADB_ATTRIBUTES } from "../../data/aadb.js";
import { AVA_SCALE, voteStatistics } from "../../data/ava.js";
import { DATASET_CARD, type DatasetCard } from "../../data/card.js";
import type { Split } from "../../data/types.js";
import { commentsOn } from "../comments/index.js";
import { SUBJECTS, subjectOf } from "../facts.js";
import { partsOf, type Picture, type StudioPictures } from "../pictures.js";
import { rateAadb, rateColour } from "../ratings.js";
import { fixed, plainImages, type LabelFiles, type StudioFormat } from "./types.js";

const LABELS = "labels.csv";
const DECIMALS = 6;
const VALIDATION = 0.05;
/** The attribute that ICAA17K's colour score becomes. */
const COLOUR_COLUMN = "color";

/** The plain CSV with its card: all ratings of a picture in one row, with the first of its comments. */
export const csvFormat: StudioFormat = { owns: [LABELS, DATASET_CARD, "images"], imagesOf: plainImages, labels };

function labels(studio: StudioPictures): LabelFiles {
  const parts = partsOf(studio, VALIDATION);
  const rows = studio.pictures.map((picture) => rowOf(picture, parts[picture.index] ?? "train", studio));
  const card: DatasetCard = {
    name: "studio",
    scale: AVA_SCALE,
    attributes: [...AADB_ATTRIBUTES, COLOUR_COLUMN],
    attributeScales: Object.fromEntries(AADB_ATTRIBUTES.map((name) => [name, AADB_ATTRIBUTE_SCALE])),
    file: LABELS,
  };
  return { [LABELS]: stringify(rows, { header: true }), [DATASET_CARD]: `${JSON.stringify(card, null, 1)}\n` };
}

function rowOf({ id, composition, votes, set }: Picture, split: Split, { raters }: StudioPictures): object {
  const { mean, std } = voteStatistics(votes);
  const { attributes } = rateAadb(composition, raters);
  return {
    id,
    image: `images/${id}.jpg`,
    ...(set !== undefined && { set: `set-${set + 1}` }),
    score: fixed(mean, DECIMALS),
    std: fixed(std, DECIMALS),
    ...Object.fromEntries(votes.map((n, i) => [`votes_${i + 1}`, n])),
    ...Object.fromEntries(AADB_ATTRIBUTES.map((name) => [name, fixed(attributes[name].mean, DECIMALS)])),
    [COLOUR_COLUMN]: fixed(rateColour(composition, raters).mean, DECIMALS),
    theme: SUBJECTS[subjectOf(composition)].theme,
    comment: commentsOn(composition, raters)[0] ?? "",
    split,
  };
}
