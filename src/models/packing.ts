/** What can be said of packing without libtorch. */

/** Values of `LoadOptions.pack`. */
export const PACKINGS: readonly unknown[] = [true, false, "auto", undefined];

/**
 * Whether weights are packed beforehand: true, or "auto", which is where that is known to make scoring faster.
 *
 * @category Scoring
 */
export type Packing = boolean | "auto";

/**
 * A job of fewer pictures does not pack by itself. Packing takes 1.5 ms per million weights, and a picture gains 0.07 ms of them
 * at 16 rows, 0.1 at 64 and 174, 0.9 at 611: it is earned back by the 22nd picture at the latest (docs/speed.md).
 */
export const PACKING_PAYS = 32;
