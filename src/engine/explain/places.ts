/**
 * Where in the photo each number of a model's input comes from, found by looking: a photo that goes from black at the left to white at
 * the right is prepared as any other, and what arrives says how far to the right it was. So a map needs to know nothing of how a
 * family resizes, crops, pads, tiles or cuts into patches, and what two families do alike is not written twice.
 *
 * A number counts where it follows the picture's grey evenly, which leaves out padding and what else is no pixel. With 256 greys a place
 * is known to 1/255 of the photo's side, a tenth of a cell.
 */
import type { Grid, ProbePictures } from "./types.js";

/** A number that moves by less than this share of the one that moves most is none of the photo's: a canvas' edge, at best. */
const MOVES = 0.05;
/** How far grey may lie from the middle of black and white, as a share of their difference: the bytes are rounded. */
const EVEN = 0.02;
/** How far beyond the photo a place may be found: of overshoot at an edge. */
const BEYOND = 0.03;

/** Where a number comes from, as shares of the photo's width and height; NaN where it comes from none of it. */
export interface Places {
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/** @param numbers of one input each, as many as the model takes */
export function placesOf({ black, grey, white, across, down }: ProbePictures<Float32Array>): Places {
  const swings = black.map((from, i) => (white[i] as number) - from);
  const most = swings.reduce((top, swing) => Math.max(top, Math.abs(swing)), 0);
  const x = new Float32Array(black.length).fill(NaN);
  const y = new Float32Array(black.length).fill(NaN);
  for (const [i, swing] of swings.entries()) {
    if (!(Math.abs(swing) > MOVES * most)) continue;
    const share = (probe: Float32Array): number => ((probe[i] as number) - (black[i] as number)) / swing;
    if (Math.abs(share(grey) - GREY / 255) > EVEN) continue;
    const [right, below] = [share(across), share(down)];
    if (!isWithin(right) || !isWithin(below)) continue;
    x[i] = Math.min(1, Math.max(0, right));
    y[i] = Math.min(1, Math.max(0, below));
  }
  return { x, y };
}

/** Byte of the grey picture. */
export const GREY = 128;

function isWithin(share: number): boolean {
  return share >= -BEYOND && share <= 1 + BEYOND;
}

/** Index of the cell that each number belongs to; -1: to none. */
export function cellsOfNumbers({ x, y }: Places, { columns, rows }: Grid): Int32Array {
  const at = (share: number, count: number): number => Math.min(count - 1, Math.floor(share * count));
  return Int32Array.from(x, (right, i) =>
    Number.isNaN(right) ? -1 : at(y[i] as number, rows) * columns + at(right, columns),
  );
}
