/** How intervals fare on pictures with ratings: how many they hold, how wide they are, and where. */
import { betaQuantile, countedShare, type CountedShare } from "./beta.js";
import { bootstrapInterval, ofMean, type Interval } from "./bootstrap.js";
import { fifths, partsByGroup, type Part } from "./breakdown.js";
import { conformalRank } from "./conformal.js";

/** A picture's interval, with what it should hold. */
export interface IntervalRow {
  readonly low: number;
  readonly high: number;
  readonly truth: number;
  readonly predicted: number;
  /** What the picture shows, where that is known. */
  readonly group?: string | undefined;
}

/**
 * Intervals of some pictures.
 *
 * @category Evaluation
 */
export interface IntervalPart {
  /** What the part is called. */
  readonly name: string;
  /** Pictures. */
  readonly count: number;
  /** Share of the ratings that the intervals hold, with its exact interval of 95%; null without pictures. */
  readonly coverage: CountedShare | null;
  /** Mean width of the intervals, in units of the scale; null without pictures. */
  readonly width: number | null;
}

/**
 * How intervals fare on pictures with ratings.
 *
 * @category Evaluation
 */
export interface IntervalFigures extends Omit<IntervalPart, "name" | "width"> {
  /** The share that they should hold. */
  readonly level: number;
  /** Of the ratings, and so of the widths; figures of earlier versions lack it. */
  readonly scale?:
    | {
        /** Lowest rating. */
        readonly min: number;
        /** Highest rating. */
        readonly max: number;
      }
    | undefined;
  /** Mean width, with its bootstrap interval. */
  readonly width: Interval | null;
  /** By fifths of the predicted score, lowest first. */
  readonly byScore: readonly IntervalPart[];
  /** By the data set's themes, the studio's scenes; none without. */
  readonly byTheme: readonly IntervalPart[];
}

const TAIL = 0.025;

/** The figures of intervals of one level. @param scale of the ratings */
export function intervalFigures(
  rows: readonly IntervalRow[],
  level: number,
  scale: NonNullable<IntervalFigures["scale"]>,
): IntervalFigures {
  const widths = rows.map(({ low, high }) => high - low);
  const { name: _, width: __, ...all } = partOf(rows, "all");
  const of = ({ name, rows: members }: Part): IntervalPart => partOf(Array.from(members, (i) => rows[i] as IntervalRow), name); // prettier-ignore
  return {
    level,
    scale: { min: scale.min, max: scale.max },
    ...all,
    width: bootstrapInterval(ofMean(widths), rows.length, { seed: 0, resamples: 1000 }),
    byScore: fifths(rows.map(({ predicted }) => predicted)).map(of),
    byTheme: partsByGroup(rows.map(({ group }) => group)).map(of),
  };
}

function partOf(rows: readonly IntervalRow[], name: string): IntervalPart {
  const count = rows.length;
  if (count === 0) return { name, count, coverage: null, width: null };
  const held = rows.filter(({ low, high, truth }) => low <= truth && truth <= high).length;
  const width = rows.reduce((sum, { low, high }) => sum + high - low, 0) / count;
  return { name, count, coverage: countedShare(held, count), width };
}

/**
 * Where the coverage of new pictures lies in 95 of 100 calibrations with `count` pictures (without ties): it has the distribution
 * Beta(k, count + 1 - k), k = {@link conformalRank}.
 */
export function expectedCoverage(count: number, level: number): readonly [low: number, high: number] {
  const rank = conformalRank(count, level);
  return [betaQuantile(TAIL, rank, count + 1 - rank), betaQuantile(1 - TAIL, rank, count + 1 - rank)];
}
