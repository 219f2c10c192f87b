/** The label doctor's report: plain data, as `--json` prints it. */
import type { Sample, ScoreScale, Split } from "../types.js";

/** The kinds of problem with their titles, most severe first. */
export const PROBLEMS = {
  "missing-image": "Rated pictures without an image file",
  "unreadable-image": "Images that cannot be read",
  "duplicate-across-splits": "Pictures that occur in several splits (same content)",
  "near-duplicate-across-splits": "Pictures that look alike and occur in several splits",
  "duplicate-within-split": "Pictures that occur in a split several times (same content)",
  "non-finite": "Labels that are not finite numbers",
  "out-of-range": "Labels outside their scale",
  "constant-column": "Constant columns",
  "invalid-votes": "Votes that are not a histogram",
  "votes-disagree": "Scores that are not the mean of their votes",
  "impossible-std": "Standard deviations that the scale does not allow",
  "set-across-splits": "Sets whose pictures are in several splits",
} as const satisfies Record<ProblemKind, string>;

/**
 * What can be wrong with a data set.
 *
 * @category Data sets
 */
export type ProblemKind =
  | "missing-image"
  | "unreadable-image"
  | "duplicate-across-splits"
  | "near-duplicate-across-splits"
  | "duplicate-within-split"
  | "non-finite"
  | "out-of-range"
  | "constant-column"
  | "invalid-votes"
  | "votes-disagree"
  | "impossible-std"
  | "set-across-splits";

/**
 * One error in the data.
 *
 * @category Data sets
 */
export interface Finding {
  /** The affected pictures; none where a column is affected. */
  readonly pictures: readonly Pick<Sample, "id" | "split" | "image">[];
  /** "score", "std", an attribute's name, ...; absent where no label is affected. */
  readonly column?: string;
  /** A few words: the value and what was expected. */
  readonly detail: string;
}

/**
 * One kind of problem, with all its findings.
 *
 * @category Data sets
 */
export interface Problem {
  /** Which kind. */
  readonly kind: ProblemKind;
  /** Every finding; never empty. */
  readonly findings: readonly Finding[];
}

/**
 * A column's values in one split.
 *
 * @category Data sets
 */
export interface ColumnSummary {
  /** Rows that have a value, finite or not. */
  readonly count: number;
  /** Values that are NaN or infinite. */
  readonly nonFinite: number;
  /** Finite values below the scale; they are in no bin. */
  readonly below: number;
  /** Finite values above the scale; they are in no bin. */
  readonly above: number;
  /** Least of the finite values; null where there are none. */
  readonly min: number | null;
  /** Largest of the finite values; null where there are none. */
  readonly max: number | null;
  /** Mean of the finite values; null where there are none. */
  readonly mean: number | null;
  /** Population standard deviation of the finite values; null where there are none. */
  readonly std: number | null;
  /** Counts over 20 bins of equal width from the scale's lower to its upper end, the last one closed. */
  readonly bins: readonly number[];
}

export const BINS = 20;

/**
 * A column of labels.
 *
 * @category Data sets
 */
export interface ColumnReport {
  /** "score", "std", or an attribute's name. */
  readonly name: string;
  /** Of its values. */
  readonly scale: ScoreScale;
  /** By part. */
  readonly splits: Readonly<Record<Split, ColumnSummary>>;
}

/**
 * Rows of a split.
 *
 * @category Data sets
 */
export interface RowCounts {
  /** All that are rated. */
  readonly rated: number;
  /** Those of them whose image is missing. */
  readonly missing: number;
}

/**
 * Sets of a data set: pictures that are compared with each other.
 *
 * @category Data sets
 */
export interface SetCounts {
  /** Sets of two pictures or more. */
  readonly count: number;
  /** Pictures in them. */
  readonly pictures: number;
  /** Pictures of the smallest of them. */
  readonly smallest: number;
  /** Pictures of the largest. */
  readonly largest: number;
  /** Sets of a single picture, which is compared with nothing. */
  readonly single: number;
}

/**
 * What {@link checkData} found.
 *
 * @category Data sets
 */
export interface DataReport {
  /** What the data set is called. */
  readonly name: string;
  /** Of its scores. */
  readonly scale: ScoreScale;
  /** Rows by split: all that are rated, and those of them whose image is missing. */
  readonly rows: Readonly<Record<Split, RowCounts>>;
  /** Image files that were compared by content, and decoded if `decoded`. */
  readonly opened: number;
  /** Existing image files; more than `opened` where a limit was set. */
  readonly images: number;
  /** Whether images were decoded, and not only compared by content. */
  readonly decoded: boolean;
  /** The score first, its standard deviation, then the attributes. */
  readonly columns: readonly ColumnReport[];
  /** Sets of pictures, where the data set has any. */
  readonly sets?: SetCounts;
  /** What is wrong, gravest first; none where nothing is. */
  readonly problems: readonly Problem[];
  /** Notes of the reader that are not problems. */
  readonly notes: readonly string[];
}
