/** What advice is asked for and what it says. */
import type { ScoreResult } from "../engine/index.js";
import type { EditKind, Edits } from "../image/edits/index.js";

/** Kinds of edits, in the order of the options. */
export const ADVICE_KINDS = ["crop", "straighten", "exposure", "contrast", "saturation", "warmth"] as const;

/** What is tried where nobody says: warmth is a matter of taste more than the others. */
export const DEFAULT_KINDS: readonly EditKind[] = ADVICE_KINDS.filter((kind) => kind !== "warmth");

/**
 * How `advise()` looks for edits.
 *
 * @category Scoring
 */
export interface AdviseOptions {
  /** Scorings of a photo, those that check what was found included; at least 60, default 90. */
  readonly budget?: number;
  /** Which edits may be made; default all but `warmth`. */
  readonly edits?: readonly EditKind[];
  /** Least chance that a rater prefers the edited photo, in [0.5, 1], below which a gain is too small to matter; default 0.6. */
  readonly leastPreferred?: number;
  /**
   * Long edge in pixels of the copy on which edits are tried; a smaller photo stays as it is. The short edge stays at 448 or `side`, the
   * smaller of them, where a photo has that and the copy does not get more than twice `side` by `side` pixels. Default 1024.
   */
  readonly side?: number;
  /** Names the small variations by which a gain is checked; default 0. */
  readonly seed?: number;
  /** Photos with more pixels are refused; as {@link ScoreOptions.maxPixels}. */
  readonly maxPixels?: number;
  /** Ends the work with RocError ABORTED. */
  readonly signal?: AbortSignal;
  /** Called with the scorings of the photo that are done, and how many there will be at most. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * A gain of the score, with the interval in which 95% of the gains of further small variations of both pictures lie.
 *
 * @category Scoring
 */
export interface Gain {
  /** Mean over variations that the search has not seen, in units of the scale. */
  readonly value: number;
  /** Lower end. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
}

/**
 * Edits that were tried and checked.
 *
 * @category Scoring
 */
export interface Suggestion {
  /** What to do, one edit or several together. */
  readonly edits: Edits;
  /** The same in words with units, one text an edit. */
  readonly words: readonly string[];
  /** Mean score of the edited copy over the variations. */
  readonly score: number;
  /** Against the photo as it is. */
  readonly gain: Gain;
  /** Chance that a rater, as the model predicts them, prefers the edited photo; in [0, 1]; null of a model without a spread. */
  readonly preferred: number | null;
  /** Whether it helps: the whole interval is above 0, and the gain is large enough to matter. */
  readonly helps: boolean;
}

/**
 * What `advise()` says of a photo.
 *
 * @category Scoring
 */
export interface Advice {
  /** The path or name that was given. */
  readonly file: string;
  /** Mean score of the photo's copy as it is, over the variations. */
  readonly score: number;
  /** Lowest and highest possible score. */
  readonly scale: ScoreResult["scale"];
  /** Whether any suggestion helps. */
  readonly helps: boolean;
  /** What is wrong with the photo, if one thing is: the kind of edit that alone gains most, of those that help; null where none helps alone. */
  readonly cause: EditKind | null;
  /** Best first; those that help before those that do not. The best edit of each kind that seemed to gain, and the best together. */
  readonly suggestions: readonly Suggestion[];
  /** Scorings that it took. */
  readonly scorings: number;
  /** Of the upright photo. */
  readonly size: {
    /** In pixels. */
    readonly width: number;
    /** In pixels. */
    readonly height: number;
  };
  /** As {@link ScoreResult.model}. */
  readonly model: string;
}
