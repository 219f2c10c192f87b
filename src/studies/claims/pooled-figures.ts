/**
 * Figures of several runs together, and differences between two sets of them.
 *
 * Pooling over runs: a figure of an arm is the mean of its runs' figures. Its interval is a bootstrap over both things that
 * were drawn, pictures and runs: each resample draws as many pictures with replacement, the same for every run, and as many
 * runs with replacement; of two arms, the same pictures and the same pairs of runs (same backbone, same seed, hence same
 * start and same order of the pictures). Where pictures come in sets, whole sets are drawn: their pictures have their scene, and
 * so their errors, in common.
 */
import { mean } from "../../metrics/statistics.js";
import { Random } from "../../random.js";
import { RocError } from "../../errors.js";
import { CountedPairs, METRIC_NAMES } from "../../metrics/agreement.js";
import { groupBy } from "../../data/group-by.js";
import { countsIn } from "../../metrics/sets.js";
import { allRows, comparisonOf, intervalOf, type Interval, type Statistic } from "../../metrics/bootstrap.js";

/** What is compared; MAE is the one that is better where it is lower. */
const FIGURES = ["srcc", "plcc", "mae", "ciderD", "best", "pairs"] as const satisfies readonly FigureName[];
/**
 * A figure that arms are compared by. `best`: the share of the sets whose best picture is found; `pairs`: that of the pairs within
 * sets whose order is right. A single score is asked for them.
 *
 * @category Studies
 */
export type FigureName = "srcc" | "plcc" | "mae" | "ciderD" | "best" | "pairs";

/** What one run said of the held-out pictures, in their order; null where it could not be understood. */
export interface RunPredictions {
  /** Runs of two arms with the same key are compared with each other. */
  readonly key: string;
  readonly scores: Readonly<Record<string, readonly (number | null)[]>>;
  /** CIDEr-D of the comment; null where none was written. */
  readonly ciderD?: readonly (number | null)[];
}

/** Ratings by name, in the order of the pictures. */
export type Truth = Readonly<Record<string, readonly number[]>>;

export interface CompareOptions {
  readonly seed: number;
  readonly resamples: number;
  /** The set of each picture, where they come in sets. */
  readonly sets?: readonly string[] | undefined;
}

/**
 * A figure of an arm.
 *
 * @category Studies
 */
export interface PooledFigure extends Pick<Interval, "value" | "low" | "high"> {
  /** Of each run, by key. */
  readonly runs: Readonly<Record<string, number>>;
}

/**
 * A difference of two arms' figures.
 *
 * @category Studies
 */
export interface Difference extends PooledFigure {
  /** Two-sided, in (0, 1]. */
  readonly p: number;
}

/**
 * Figures of an arm by name; null where one is not defined.
 *
 * @category Studies
 */
export type PooledFigures = Readonly<Record<FigureName, PooledFigure | null>>;
/**
 * Differences of two arms' figures by name; null where one is not defined.
 *
 * @category Studies
 */
export type Differences = Readonly<Record<FigureName, Difference | null>>;

/**
 * The figures of an arm.
 *
 * @param names of the scores; with several, SRCC, PLCC and MAE are the means over them
 */
export function pooledFigures(
  runs: readonly RunPredictions[],
  truth: Truth,
  names: readonly string[],
  options: CompareOptions,
): PooledFigures {
  const pictures = picturesOf(truth);
  const measured = runs.map((run) => new MeasuredRun(run, [run], truth, names, options.sets));
  const drawn = [...draws(pictures, runs.length, options)];
  const of = pooled(measured, pictures);
  return eachFigure((name) => {
    const interval = intervalOf(of(name), pictures + runs.length, drawn, {});
    return interval && { ...ends(interval), runs: byKey(runs, measured, pictures, name) };
  });
}

/** The differences `a - b` over the pictures that both understood, run by run. @throws RocError USAGE for other keys */
export function differences(
  a: readonly RunPredictions[],
  b: readonly RunPredictions[],
  truth: Truth,
  names: readonly string[],
  options: CompareOptions,
): Differences {
  const pairs = a.map((run) => {
    const other = b.find(({ key }) => key === run.key);
    if (!other || a.length !== b.length) throw new RocError("USAGE", `There is no run to compare ${run.key} with.`);
    return [run, other] as const;
  });
  const pictures = picturesOf(truth);
  const side = (which: 0 | 1): MeasuredRun[] =>
    pairs.map((pair) => new MeasuredRun(pair[which], pair, truth, names, options.sets));
  const [first, second] = [side(0), side(1)];
  const drawn = [...draws(pictures, pairs.length, options)];
  const [ofFirst, ofSecond] = [pooled(first, pictures), pooled(second, pictures)];
  return eachFigure((name) => {
    const found = comparisonOf(ofFirst(name), ofSecond(name), pictures + pairs.length, drawn, {});
    const [own, others] = [byKey(a, first, pictures, name), byKey(a, second, pictures, name)];
    const runs = Object.fromEntries(Object.keys(own).map((key) => [key, (own[key] ?? NaN) - (others[key] ?? NaN)]));
    return found && { ...ends(found), p: found.p, runs };
  });
}

function picturesOf(truth: Truth): number {
  return Math.max(0, ...Object.values(truth).map(({ length }) => length));
}

function ends({ value, low, high }: Interval): Pick<Interval, "value" | "low" | "high"> {
  return { value, low, high };
}

function eachFigure<T>(of: (name: FigureName) => T): Record<FigureName, T> {
  return Object.fromEntries(FIGURES.map((name) => [name, of(name)])) as Record<FigureName, T>;
}

function byKey(
  runs: readonly RunPredictions[],
  measured: readonly MeasuredRun[],
  pictures: number,
  name: FigureName,
): Record<string, number> {
  const rows = allRows(pictures);
  return Object.fromEntries(runs.map(({ key }, i) => [key, measured[i]?.figures(rows)[name] ?? NaN]));
}

/** Pictures, then as many rows as there are runs: `pictures` and above, counted on from there. */
function* draws(pictures: number, runs: number, { seed, resamples, sets }: CompareOptions): Generator<Uint32Array> {
  const random = new Random(seed, "pictures and runs");
  // What is drawn together: a picture, or those of a set.
  const units = sets && [...groupBy([...allRows(pictures)], (row) => sets[row]).values()];
  const count = units?.length ?? pictures;
  for (let resample = 0; resample < resamples; resample++) {
    const drawn = Array.from({ length: count }, () => random.int(count)).flatMap((unit) => units?.[unit] ?? [unit]);
    const ofRuns = Array.from({ length: runs }, () => pictures + random.int(runs));
    yield Uint32Array.from([...drawn, ...ofRuns]);
  }
}

/** The mean over the drawn runs, as a statistic of {@link draws}; all figures of a resample are computed once. */
function pooled(runs: readonly MeasuredRun[], pictures: number): (name: FigureName) => Statistic {
  const known = new WeakMap<Uint32Array, Record<FigureName, number>>();
  const measure = (rows: Uint32Array): Record<FigureName, number> => {
    const end = rows.length - runs.length;
    const shown = rows.subarray(0, end);
    const each = new Map<number, Record<FigureName, number>>();
    const drawn = Array.from(rows.subarray(end), (row) => {
      const run = row - pictures;
      const figures = each.get(run) ?? (runs[run] as MeasuredRun).figures(shown);
      each.set(run, figures);
      return figures;
    });
    return eachFigure((name) => mean(drawn.map((figures) => figures[name])));
  };
  return (name) => (rows) => {
    const figures = known.get(rows) ?? measure(rows);
    known.set(rows, figures);
    return Number.isFinite(figures[name]) ? figures[name] : null;
  };
}

/** The index of a picture that is excluded. */
const NONE = 2 ** 32 - 1;

/** A run's predictions of the pictures that every run of `both` understood. */
class MeasuredRun {
  readonly #scores: readonly { readonly counted: CountedPairs; readonly indices: Uint32Array }[];
  readonly #comments: readonly (number | null)[];
  /** Of a picture's set, divided by its pictures: all of a set together count it once. */
  readonly #sets: Readonly<Record<"best" | "pairs", readonly (Share | undefined)[]>> | undefined;

  constructor(
    run: RunPredictions,
    both: readonly RunPredictions[],
    truth: Truth,
    names: readonly string[],
    sets?: readonly string[],
  ) {
    this.#scores = names.map((name) => {
      const ratings = truth[name] ?? [];
      const included = ratings.flatMap((_, row) =>
        both.every(({ scores }) => typeof scores[name]?.[row] === "number") ? [row] : [],
      );
      const indices = new Uint32Array(ratings.length).fill(NONE);
      included.forEach((row, index) => (indices[row] = index));
      const values = included.map((row) => run.scores[name]?.[row] ?? NaN);
      return { counted: new CountedPairs(values, included.map((row) => ratings[row] ?? NaN)), indices }; // prettier-ignore
    });
    const [name = ""] = names;
    this.#sets = sets && names.length === 1 ? sharesOf(run.scores[name] ?? [], truth[name] ?? [], sets, this.#scores[0]?.indices) : undefined; // prettier-ignore
    const said = both.map(({ ciderD = [] }) => ciderD);
    this.#comments = (run.ciderD ?? []).map((value, row) =>
      said.every((one) => typeof one[row] === "number") ? value : null,
    );
  }

  /** Of drawn pictures; NaN where nothing was understood. */
  figures(pictures: Uint32Array): Record<FigureName, number> {
    const all = this.#scores.map(({ counted, indices }) => {
      const rows = pictures.map((row) => indices[row] ?? NONE).filter((index) => index !== NONE);
      const values = rows.length === 0 ? [] : counted.figures(rows);
      const of = (metric: (typeof METRIC_NAMES)[number]): number => values[METRIC_NAMES.indexOf(metric)] ?? NaN;
      // A model that gives every picture the same score ranks none: an undefined correlation counts as 0.
      const correlation = (metric: "srcc" | "plcc"): number => (rows.length === 0 ? NaN : of(metric) || 0);
      return { srcc: correlation("srcc"), plcc: correlation("plcc"), mae: of("mae") };
    });
    const of = (name: "srcc" | "plcc" | "mae"): number => mean(all.map((figures) => figures[name]));
    const comments = Array.from(pictures, (row) => this.#comments[row] ?? null).filter((value) => value !== null);
    const { best = [], pairs = [] } = this.#sets ?? {};
    return {
      ...{ srcc: of("srcc"), plcc: of("plcc"), mae: of("mae"), ciderD: mean(comments) },
      ...{ best: shareOf(best, pictures), pairs: shareOf(pairs, pictures) },
    };
  }
}

interface Share {
  readonly right: number;
  readonly of: number;
}

/** What each picture adds to the right answers of its set. */
function sharesOf(
  predicted: readonly (number | null)[],
  truth: readonly number[],
  sets: readonly string[],
  indices: Uint32Array | undefined,
): Record<"best" | "pairs", (Share | undefined)[]> {
  const included = [...allRows(truth.length)].filter((row) => indices?.[row] !== NONE);
  const shares = { best: new Array<Share | undefined>(), pairs: new Array<Share | undefined>() };
  for (const rows of groupBy(included, (row) => sets[row]).values()) {
    const counts = countsIn({ predicted: rows.map((row) => predicted[row] ?? NaN), truth: rows.map((row) => truth[row] ?? NaN) }); // prettier-ignore
    for (const name of ["best", "pairs"] as const) {
      const { right, of } = counts[name];
      for (const row of rows) shares[name][row] = { right: right / rows.length, of: of / rows.length };
    }
  }
  return shares;
}

/** NaN where nothing is asked. */
function shareOf(shares: readonly (Share | undefined)[], pictures: Uint32Array): number {
  let [right, of] = [0, 0];
  for (const row of pictures) {
    right += shares[row]?.right ?? 0;
    of += shares[row]?.of ?? 0;
  }
  return of > 0 ? right / of : NaN;
}
