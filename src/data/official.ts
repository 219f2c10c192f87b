/** Sizes of the official data sets by split, so that a run can be planned before they are downloaded. */
import { AADB_ATTRIBUTES, AADB_ATTRIBUTE_SCALE, AADB_SCALE } from "./aadb.js";
import { AVA_SCALE } from "./ava.js";
import { FLICKR_AES_RATINGS, FLICKR_AES_SCALE } from "./flickr-aes.js";
import { FLIVE_SCALE } from "./flive.js";
import { ICAA17K_SCALE } from "./icaa17k.js";
import { KADID_SCALE } from "./kadid10k.js";
import { KONIQ_SCALE, KONIQ_ZSCORE_SCALE } from "./koniq10k.js";
import { PARA_ATTRIBUTES, PARA_SCALE } from "./para.js";
import type { DatasetKind, ScoreColumn } from "./registry.js";
import { SPAQ_ATTRIBUTES, SPAQ_SCALE } from "./spaq.js";
import { TAD66K_SCALE } from "./tad66k.js";
import { attributeScale, type ScoreScale, type Split } from "./types.js";

/** What the pictures of a data set are rated for, as its adapter reads them. */
export interface Ratings {
  /** Of the score. */
  readonly scale: ScoreScale;
  /** Scores that a picture's votes count; 0: there are none. */
  readonly votes: number;
  /** Rated beside the score. */
  readonly attributes: readonly string[];
  readonly attributeScales?: Readonly<Record<string, ScoreScale>>;
}

/** Rated pictures by official split, and the files that the folder must hold. */
export interface OfficialDataset {
  readonly name: string;
  readonly pictures: Readonly<Record<Split, number>>;
  /** Label files and the folder of the pictures, in words. */
  readonly files: string;
  /** Without a chosen column. */
  readonly ratings: Ratings;
}

/** Ratings of a score alone. */
function scoreOnly(scale: ScoreScale, votes = 0): Ratings {
  return { scale, votes, attributes: [] };
}

/** AVA-Captions is not among them: the number of its pictures depends on AVA's test list. */
export const OFFICIAL: Readonly<Partial<Record<DatasetKind, OfficialDataset>>> = {
  ava: {
    name: "AVA",
    pictures: { train: 235_600, validation: 0, test: 19_930 },
    files: "AVA.txt, aesthetics_image_lists/generic_test.jpgl and the pictures in images/",
    ratings: scoreOnly(AVA_SCALE, 10),
  },
  tad66k: {
    name: "TAD66K",
    pictures: { train: 52_248, validation: 0, test: 14_079 },
    files: "merge/train.csv, merge/test.csv and the pictures in TAD66K/ or images/",
    ratings: scoreOnly(TAD66K_SCALE),
  },
  icaa17k: {
    name: "ICAA17K",
    pictures: { train: 15_734, validation: 0, test: 1_617 },
    files: "train.csv, test.csv (ID, color, MOS) and the pictures in images/",
    ratings: { scale: ICAA17K_SCALE, votes: 0, attributes: ["MOS"] },
  },
  aadb: {
    name: "AADB",
    pictures: { train: 8_458, validation: 500, test: 1_000 },
    files: "imgListFiles_label/ and the pictures in datasetImages_originalSize/",
    ratings: {
      ...{ scale: AADB_SCALE, votes: 0, attributes: AADB_ATTRIBUTES },
      attributeScales: Object.fromEntries(AADB_ATTRIBUTES.map((name) => [name, AADB_ATTRIBUTE_SCALE])),
    },
  },
  para: {
    name: "PARA",
    pictures: { train: 28_220, validation: 0, test: 3_000 },
    files: "annotation/PARA-GiaaTrain.csv, PARA-GiaaTest.csv and the pictures in imgs/",
    ratings: { scale: PARA_SCALE, votes: 9, attributes: PARA_ATTRIBUTES },
  },
  koniq10k: {
    name: "KonIQ-10k",
    pictures: { train: 7_058, validation: 1_000, test: 2_015 },
    files: "koniq10k_scores_and_distributions.csv, koniq10k_distributions_sets.csv and the pictures in 1024x768/",
    ratings: scoreOnly(KONIQ_SCALE, 5),
  },
  spaq: {
    name: "SPAQ",
    pictures: { train: 8_900, validation: 0, test: 2_225 },
    files: "Annotations/MOS and Image attribute scores.xlsx, Scene category labels.xlsx and the pictures in TestImage/",
    ratings: { scale: SPAQ_SCALE, votes: 0, attributes: SPAQ_ATTRIBUTES },
  },
  kadid10k: {
    name: "KADID-10k",
    pictures: { train: 8_125, validation: 0, test: 2_000 },
    files: "dmos.csv and the pictures in images/",
    ratings: scoreOnly(KADID_SCALE),
  },
  flive: {
    name: "FLIVE",
    pictures: { train: 30_253, validation: 7_730, test: 1_827 },
    files: "labels_image.csv, labels<=640_padded.csv, labels>640.csv and the pictures in database/",
    ratings: scoreOnly(FLIVE_SCALE),
  },
  "flickr-aes": {
    name: "FLICKR-AES",
    pictures: { train: 32_790, validation: 0, test: 8_198 },
    files: "FLICKR-AES_image_score.txt, FLICKR-AES_image_labeled_by_each_worker.csv and the pictures in 40K/",
    ratings: scoreOnly(FLICKR_AES_SCALE, FLICKR_AES_RATINGS),
  },
};

/** What a data set of a kind is rated for, where that is known before its files are here: votes, attributes, scale. */
export function officialRatings(kind: DatasetKind | undefined, column: ScoreColumn | undefined): Ratings | undefined {
  if (kind === "ava-captions") return OFFICIAL.ava?.ratings;
  const ratings = kind && OFFICIAL[kind]?.ratings;
  if (ratings === undefined || column === undefined) return ratings;
  // Of ICAA17K's two the other is an attribute.
  if (kind === "icaa17k") return column === "MOS" ? { ...ratings, attributes: ["color"] } : ratings;
  if (ratings.attributes.includes(column)) return scoreOnly(attributeScale({ ...ratings, name: column }, column));
  return column === "MOS_zscore" ? { ...ratings, scale: KONIQ_ZSCORE_SCALE } : ratings;
}
