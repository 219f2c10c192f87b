/** What the label doctor reports: plain data, as `--json` prints it. */
import type { ScoreScale, Split } from "../types.js";

/** The kinds of problem with the words that a person reads, gravest first. */
export const PROBLEMS = {
  "missing-image": "Rated pictures without an image file",
  "unreadable-image": "Images that cannot be read",
  "duplicate-across-splits": "Pictures that stand in several splits (same content)",
  "near-duplicate-across-splits": "Pictures that look alike and stand in several splits",
  "duplicate-within-split": "Pictures that stand in a split several times (same content)",
  "non-finite": "Labels that are no finite number",
  "out-of-range": "Labels outside their scale",
  "constant-column": "Columns that never change",
  "invalid-votes": "Votes that are no histogram",
  "votes-disagree": "Scores that are not the mean of their votes",
  "impossible-std": "Standard deviations that the scale does not allow",
} as const;

export type ProblemKind = keyof typeof PROBLEMS;

/** One thing that is wrong. */
export interface Finding {
  /** The pictures that it concerns; none where it concerns a column. */
  readonly pictures: readonly { readonly id: string; readonly split: Split; readonly image: string }[];
  /** "score", "std", an attribute's name, ...; absent where it is no matter of a label. */
  readonly column?: string;
  /** A few words: the value and what was expected. */
  readonly detail: string;
}

export interface Problem {
  readonly kind: ProblemKind;
  /** Every finding; never empty. */
  readonly findings: readonly Finding[];
}

/** A column's values in one split. */
export interface ColumnSummary {
  /** Rows that have a value, finite or not. */
  readonly count: number;
  readonly nonFinite: number;
  /** Finite values below and above the scale; they are in no bin. */
  readonly below: number;
  readonly above: number;
  /** Of the finite values; null where there are none. */
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Population standard deviation. */
  readonly std: number | null;
  /** Counts over {@link BINS} bins of equal width from the scale's lower to its upper end, the last one closed. */
  readonly bins: readonly number[];
}

export const BINS = 20;

export interface ColumnReport {
  readonly name: string;
  readonly scale: ScoreScale;
  readonly splits: Readonly<Record<Split, ColumnSummary>>;
}

export interface DataReport {
  readonly name: string;
  readonly scale: ScoreScale;
  /** Rows by split: all that are rated, and those of them whose image is missing. */
  readonly rows: Readonly<Record<Split, { readonly rated: number; readonly missing: number }>>;
  /** Image files that were compared by content, and decoded if `decoded`. */
  readonly opened: number;
  /** Image files that are there; more than `opened` where a limit was set. */
  readonly images: number;
  readonly decoded: boolean;
  /** The score first, its standard deviation, then the attributes. */
  readonly columns: readonly ColumnReport[];
  readonly problems: readonly Problem[];
  /** What the reader found and is no problem. */
  readonly notes: readonly string[];
}
