/** What can be done to a picture, as plain numbers. */

/** Proportions of a crop, width to height; a picture that is taller than wide is cropped to the inverse. */
export const CROP_ASPECTS: Readonly<Record<Exclude<CropAspect, "original">, number>> = {
  "1:1": 1,
  "5:4": 5 / 4,
  "3:2": 3 / 2,
  "16:9": 16 / 9,
};

/**
 * Proportions of a crop: those of the picture itself, or longer side to shorter side.
 *
 * @category Scoring
 */
export type CropAspect = "original" | "1:1" | "5:4" | "3:2" | "16:9";

/**
 * The part of a picture that is kept.
 *
 * @category Scoring
 */
export interface Crop {
  /** Its proportions; the longer side lies along the picture's longer side. */
  readonly aspect: CropAspect;
  /** Its sides as a share of the largest crop of these proportions, in (0, 1]. */
  readonly size: number;
  /** Where it lies between the left edge (0) and the right one (1); 0.5: in the middle. */
  readonly x: number;
  /** Where it lies between the upper edge (0) and the lower one (1). */
  readonly y: number;
}

/**
 * Changes of a picture, at most one of a kind; they are made in this order. Absent: left as it is.
 *
 * @category Scoring
 */
export interface Edits {
  /** Degrees clockwise, -10 to 10; what remains is the largest part with the picture's proportions. */
  readonly straighten?: number;
  /** Of what is left. */
  readonly crop?: Crop;
  /** Stops, in linear light: 1 doubles the light. What gets brighter than white is white. -6 to 6. */
  readonly exposure?: number;
  /** Stops of red against blue, in linear light, green between them: above 0 warmer. -2 to 2. */
  readonly warmth?: number;
  /** Factor on the distance of each value from middle grey, 0 to 4. */
  readonly contrast?: number;
  /** Factor on the distance of each colour from its own grey, 0 (grey) to 4. */
  readonly saturation?: number;
}

/**
 * A kind of edit: a key of {@link Edits}.
 *
 * @category Scoring
 */
export type EditKind = keyof Edits;
