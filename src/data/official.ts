/** Sizes of the official data sets by split, so that a run can be planned before they are downloaded. */
import type { DatasetKind } from "./registry.js";
import type { Split } from "./types.js";

/** Rated pictures by official split, and the files that the folder must hold. */
export interface OfficialDataset {
  readonly name: string;
  readonly pictures: Readonly<Record<Split, number>>;
  /** Label files and the folder of the pictures, in words. */
  readonly files: string;
}

/** AVA-Captions is not among them: the number of its pictures depends on AVA's test list. */
export const OFFICIAL: Readonly<Partial<Record<DatasetKind, OfficialDataset>>> = {
  ava: {
    name: "AVA",
    pictures: { train: 235_600, validation: 0, test: 19_930 },
    files: "AVA.txt, aesthetics_image_lists/generic_test.jpgl and the pictures in images/",
  },
  tad66k: {
    name: "TAD66K",
    pictures: { train: 52_248, validation: 0, test: 14_079 },
    files: "merge/train.csv, merge/test.csv and the pictures in TAD66K/ or images/",
  },
  icaa17k: {
    name: "ICAA17K",
    pictures: { train: 15_734, validation: 0, test: 1_617 },
    files: "train.csv, test.csv (ID, color, MOS) and the pictures in images/",
  },
  aadb: {
    name: "AADB",
    pictures: { train: 8_458, validation: 500, test: 1_000 },
    files: "imgListFiles_label/ and the pictures in datasetImages_originalSize/",
  },
  para: {
    name: "PARA",
    pictures: { train: 28_220, validation: 0, test: 3_000 },
    files: "annotation/PARA-GiaaTrain.csv, PARA-GiaaTest.csv and the pictures in imgs/",
  },
  koniq10k: {
    name: "KonIQ-10k",
    pictures: { train: 7_058, validation: 1_000, test: 2_015 },
    files: "koniq10k_scores_and_distributions.csv, koniq10k_distributions_sets.csv and the pictures in 1024x768/",
  },
  spaq: {
    name: "SPAQ",
    pictures: { train: 8_900, validation: 0, test: 2_225 },
    files: "Annotations/MOS and Image attribute scores.xlsx, Scene category labels.xlsx and the pictures in TestImage/",
  },
  kadid10k: {
    name: "KADID-10k",
    pictures: { train: 8_125, validation: 0, test: 2_000 },
    files: "dmos.csv and the pictures in images/",
  },
  flive: {
    name: "FLIVE",
    pictures: { train: 30_253, validation: 7_730, test: 1_827 },
    files: "labels_image.csv, labels<=640_padded.csv, labels>640.csv and the pictures in database/",
  },
  "flickr-aes": {
    name: "FLICKR-AES",
    pictures: { train: 32_790, validation: 0, test: 8_198 },
    files: "FLICKR-AES_image_score.txt, FLICKR-AES_image_labeled_by_each_worker.csv and the pictures in 40K/",
  },
};
