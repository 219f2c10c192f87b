/** Edits of 8-bit pictures: pixels in, new pixels out. */
import { RocError } from "../../errors.js";
import type { RgbImage } from "../types.js";
import { crop, straighten } from "./frame.js";
import { editTones } from "./tone.js";
import { CROP_ASPECTS, type Crop, type Edits } from "./types.js";

export { cropWindow, straightenedSize } from "./frame.js";
export { CROP_ASPECTS } from "./types.js";
export type { Crop, CropAspect, EditKind, Edits } from "./types.js";

/** Lowest and highest value of each edit that is one number. */
const LIMITS = {
  straighten: [-10, 10],
  exposure: [-6, 6],
  warmth: [-2, 2],
  contrast: [0, 4],
  saturation: [0, 4],
} as const;

/**
 * A picture with changes; it is itself never changed, and is given back where nothing is to be done.
 *
 * @throws RocError USAGE for a value out of range, or proportions that are not known
 */
export async function applyEdits(image: RgbImage, edits: Edits): Promise<RgbImage> {
  checkEdits(edits);
  const turned = await straighten(image, edits.straighten ?? 0);
  const framed = edits.crop === undefined ? turned : crop(turned, edits.crop);
  return editTones(framed, edits);
}

function checkEdits(edits: Edits): void {
  for (const [name, [low, high]] of Object.entries(LIMITS)) {
    const value = edits[name as keyof typeof LIMITS];
    if (value !== undefined && !(value >= low && value <= high))
      throw new RocError("USAGE", `The edit "${name}" is ${value}; give a number from ${low} to ${high}.`);
  }
  if (edits.crop !== undefined) checkCrop(edits.crop);
}

function checkCrop({ aspect, size, x, y }: Crop): void {
  const aspects = ["original", ...Object.keys(CROP_ASPECTS)];
  if (!aspects.includes(aspect))
    throw new RocError("USAGE", `A crop's aspect is "${aspect}"; give one of ${aspects.join(", ")}.`);
  const isShare = (value: number): boolean => value >= 0 && value <= 1;
  if (size > 0 && [size, x, y].every(isShare)) return;
  throw new RocError("USAGE", `A crop has size ${size} at ${x}, ${y}; give a size above 0, and all of them up to 1.`);
}
