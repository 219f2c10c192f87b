/**
 * The colours of heat maps: orange lowers the score, blue lifts it. People with any of the common colour blindnesses tell them apart, as
 * they differ in lightness too; both stand out on a photo without its own colours.
 */
export type Rgb = readonly [number, number, number];

const LIFTS: Rgb = [33, 102, 204];
const LOWERS: Rgb = [255, 127, 14];

/** How much of the photo the strongest colour covers. */
const MOST = 0.82;
/** How light what the model does not see is left. */
const UNSEEN = 0.25;
/** The part of the photo's contrast that is left, lifted: colours on black are not seen. */
const GREY = { from: 60, times: 0.7 };

/** A value's colour over a grey of the photo. @param strength from -1 to 1; NaN: nothing is seen there */
export function tinted(grey: number, strength: number): Rgb {
  if (Number.isNaN(strength)) {
    const dark = grey * UNSEEN;
    return [dark, dark, dark];
  }
  const under = GREY.from + GREY.times * grey;
  const share = MOST * Math.min(1, Math.abs(strength));
  const colour = strength < 0 ? LOWERS : LIFTS;
  const mix = (level: number): number => under * (1 - share) + level * share;
  return [mix(colour[0]), mix(colour[1]), mix(colour[2])];
}

/** The share of cells that is below the strongest colour: one cell alone does not make all others pale. */
const STRONG = 0.98;
/** The strongest colour means at least this share of the scale, so that a map of nothing is not drawn as if it were something. */
const LEAST = 1e-4;

/** The value that has the strongest colour. */
export function strongest(
  values: Iterable<number>,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const sizes = [...values]
    .filter((value) => !Number.isNaN(value))
    .map(Math.abs)
    .sort((a, b) => a - b);
  const strong = sizes[Math.min(sizes.length - 1, Math.floor(STRONG * sizes.length))] ?? 0;
  return Math.max(strong, LEAST * (max - min));
}
