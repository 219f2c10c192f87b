/** How much of a photo edits may throw away: a turn of a panorama by a few degrees leaves little of it, and so does a square. */
import { cropWindow, straightenedSize, type Edits } from "../image/edits/index.js";
import type { Size } from "../image/index.js";

/** Least share of a photo's area that a turn leaves, and that all edits together leave. */
const LEAST_TURNED = 0.5;
export const LEAST_KEPT = 0.25;
/** The largest turn that is tried, and the least that is worth it, in degrees. */
const MOST_DEGREES = 10;
const LEAST_DEGREES = 0.5;

/** The share of a photo's area that edits keep. */
export function keptShare({ straighten = 0, crop }: Edits, photo: Size): number {
  const turned = straightenedSize(photo, straighten);
  return areaOf(crop === undefined ? turned : cropWindow(turned, crop)) / areaOf(photo);
}

/** Whether edits keep as much of a photo as advice always does. */
export function keepsEnough(edits: Edits, photo: Size): boolean {
  const { straighten = 0 } = edits;
  return keptShare({ straighten }, photo) >= LEAST_TURNED && keptShare(edits, photo) >= LEAST_KEPT;
}

/** Degrees by which a photo may be turned at most, in steps of 0.1; 0 where that is too little to try. */
export function mostDegrees(photo: Size): number {
  let tenths = 10 * MOST_DEGREES;
  while (tenths >= 10 * LEAST_DEGREES && !keepsEnough({ straighten: tenths / 10 }, photo)) tenths--;
  return tenths >= 10 * LEAST_DEGREES ? tenths / 10 : 0;
}

function areaOf({ width, height }: Size): number {
  return width * height;
}
