/** Figures for parts of a data set: by theme, or by quantile of the truth. */
import type { Statistic } from "./bootstrap.js";
import type { Numbers } from "./scores.js";
import { RocError } from "../errors.js";
import { quantile, sorted } from "./statistics.js";

/** A subset of the items, by their rows in ascending order. */
export interface Part {
  readonly name: string;
  readonly rows: Uint32Array;
}

/** The items whose truth is in [low, high); the last part includes its upper end. */
export interface QuantilePart extends Part {
  readonly low: number;
  readonly high: number;
}

/** A part per key, by name in code unit order. An item without a key is in no part. */
export function partsByGroup(keys: readonly (string | undefined)[]): Part[] {
  const groups = new Map<string, number[]>();
  for (const [row, key] of keys.entries()) {
    if (key === undefined) continue;
    const rows = groups.get(key);
    if (rows) rows.push(row);
    else groups.set(key, [row]);
  }
  const parts = Array.from(groups, ([name, rows]) => ({ name, rows: Uint32Array.from(rows) }));
  return parts.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * `count` parts of about equal size by ascending truth, cut at its quantiles (numpy `quantile`, `digitize`). Equal truths
 * stay together, so that many ties lead to unequal parts, some of them empty.
 *
 * @throws RocError USAGE for a count that is not a whole number above 0, or a truth that is not finite
 */
export function partsByQuantile(truth: Numbers, count: number): QuantilePart[] {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new RocError("USAGE", `breakdown: ${count} quantiles; give a whole number above 0`);
  }
  const rising = sorted(truth);
  if (!rising.every(Number.isFinite))
    throw new RocError("USAGE", "breakdown: a rating is not a finite number; leave it out");
  if (rising.length === 0) return [];
  const edges = Array.from({ length: count + 1 }, (_, k) => quantile(rising, k / count));
  const inner = edges.slice(1, -1);
  const bins = Array.from(truth, (value) => inner.filter((edge) => edge <= value).length);
  return edges.slice(1).map((high, k) => {
    const rows = bins.flatMap((bin, row) => (bin === k ? [row] : []));
    return { name: `${k + 1}/${count}`, rows: Uint32Array.from(rows), low: edges[k] ?? NaN, high };
  });
}

const FIFTHS = 5;

/** {@link partsByQuantile} in fifths, named with their ends: "1/5: 2.1 to 3.4". */
export function fifths(values: Numbers): Part[] {
  const short = (value: number): string => String(Number(value.toPrecision(4)));
  return partsByQuantile(values, FIFTHS).map(({ name, rows, low, high }) => ({
    name: `${name}: ${short(low)} to ${short(high)}`,
    rows,
  }));
}

/**
 * Figures of one part by name.
 *
 * @category Evaluation
 */
export interface PartFigures<Name extends string> {
  /** What the part is called. */
  readonly name: string;
  /** Number of items. */
  readonly count: number;
  /** By name; null where one is not defined for the part. */
  readonly figures: Readonly<Record<Name, number | null>>;
}

/** Every statistic for every part; `null` where it is not defined for the part. */
export function breakdown<Name extends string>(
  parts: readonly Part[],
  statistics: Readonly<Record<Name, Statistic>>,
): PartFigures<Name>[] {
  return parts.map(({ name, rows }) => {
    const entries = Object.entries<Statistic>(statistics).map(([key, statistic]) => [key, statistic(rows)]);
    return { name, count: rows.length, figures: Object.fromEntries(entries) as Record<Name, number | null> };
  });
}
