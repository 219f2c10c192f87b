import { KADID_COLUMNS, KADID_LABELS } from "../../data/kadid10k.js";
import type { Picture } from "../pictures.js";
import { rateKadid } from "../ratings.js";
import { lines, type StudioFormat } from "./types.js";

/** Pictures to a reference; officially 125 versions of one. */
const LEVELS = 5;

/**
 * KADID-10k: `dmos.csv` (with the deviation in `var`, as officially) and `images/I<reference>_01_<level>.jpg`. Five pictures
 * count as versions of one reference, though they are pictures of their own here.
 */
export const kadidFormat: StudioFormat = {
  owns: [KADID_LABELS, "images"],
  imagesOf: ({ pictures }) => pictures.map((picture) => `images/${nameOf(picture)}`),
  labels: ({ pictures, raters }) => ({
    [KADID_LABELS]: lines([
      KADID_COLUMNS.join(","),
      ...pictures.map((picture) => {
        const { mean, std } = rateKadid(picture.composition, raters);
        return [nameOf(picture), `${referenceOf(picture)}.png`, mean.toFixed(2), std.toFixed(3)].join(",");
      }),
    ]),
  }),
};

function referenceOf({ index }: Picture): string {
  return `I${padded(1 + Math.floor(index / LEVELS))}`;
}

function nameOf(picture: Picture): string {
  return `${referenceOf(picture)}_01_${padded(1 + (picture.index % LEVELS))}.jpg`;
}

function padded(number: number): string {
  return String(number).padStart(2, "0");
}
