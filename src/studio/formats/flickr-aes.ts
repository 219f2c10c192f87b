import { FLICKR_AES_COLUMNS, FLICKR_AES_SCORES, FLICKR_AES_WORKERS } from "../../data/flickr-aes.js";
import type { Picture, StudioPictures } from "../pictures.js";
import { rateFlickr } from "../ratings.js";
import { fixed, lines, type LabelFiles, type StudioFormat } from "./types.js";

const DECIMALS = 6;

/**
 * FLICKR-AES: `FLICKR-AES_image_score.txt`, the ratings of every worker, `40K/farm1_1_<id>_b.jpg`. Scores are plain means:
 * how the authors weigh workers is not published. It has no split of pictures; the adapter draws one.
 */
export const flickrAesFormat: StudioFormat = {
  owns: [FLICKR_AES_SCORES, FLICKR_AES_WORKERS, "40K"],
  imagesOf: ({ pictures }) => pictures.map((picture) => `40K/${nameOf(picture)}`),
  labels,
};

function nameOf({ id }: Picture): string {
  return `farm1_1_${id}_b.jpg`;
}

function labels({ pictures, raters }: StudioPictures): LabelFiles {
  const rated = pictures.map((picture) => {
    const { ratings, workers } = rateFlickr(picture.composition, raters);
    // One rating a worker, in the order of the ratings.
    const given = ratings.counts.flatMap((count, level) => new Array<number>(count).fill(level + 1));
    const rows = given.map((rating, k) => [`W${workers[k] ?? k}`, nameOf(picture), rating].join(", "));
    return { line: `${nameOf(picture)} ${fixed((ratings.mean - 1) / 4, DECIMALS)}`, rows };
  });
  return {
    [FLICKR_AES_SCORES]: lines(rated.map(({ line }) => line)),
    [FLICKR_AES_WORKERS]: lines([FLICKR_AES_COLUMNS.join(", "), ...rated.flatMap(({ rows }) => rows)]),
  };
}
