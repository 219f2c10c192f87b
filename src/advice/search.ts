/**
 * The search for edits that raise a score, with a fixed number of scorings: every kind of edit by itself from coarse to fine, the
 * promising ones further (successive halving, Jamieson and Talwalkar 2016, arXiv 1502.07943), then several kinds together, one
 * coordinate at a time. What it finds is the best of many, so that its own scores are too good: check.ts measures the gain anew.
 */
import type { EditKind, Edits } from "../image/edits/index.js";
import type { Size } from "../image/index.js";
import { AXES, axesWithTurns, type Axes, type ScalarKind } from "./axes.js";
import { keepsEnough, mostDegrees } from "./kept.js";
import { AxisSearch, CropSearch, type Search, type Tried } from "./searches.js";

/** The scores of a photo with each of these edits, in their order. */
export type ScoreEdits = (edits: readonly Edits[]) => Promise<readonly number[]>;

export interface SearchOptions {
  readonly kinds: readonly EditKind[];
  /** Edits to score at most, the photo as it is not counted. */
  readonly budget: number;
  /** Score of the photo as it is. */
  readonly original: number;
  /** Of the photo: the edits keep enough of its area. */
  readonly size: Size;
}

/** What a search has found; scores are those that it searched by. */
export interface Found {
  /** The best edit of each kind, best first. */
  readonly single: readonly Tried[];
  /** The best of several kinds together; undefined where none is better than the best single one. */
  readonly together: Tried | undefined;
  /** Edits that were scored. */
  readonly scored: number;
}

/** Proposals of a kind in each round after the first. */
const EACH = 2;
/** Share of the budget that is for edits of several kinds together. */
const TOGETHER = 0.3;
/** More than a first round asks for. */
const ALL = 100;

/** Searches. @param score is called with a round at a time, so that a model computes it as one batch */
export async function searchEdits(score: ScoreEdits, options: SearchOptions): Promise<Found> {
  const { budget, original, size } = options;
  const most = mostDegrees(size);
  const axes = most > 0 ? axesWithTurns(most) : AXES;
  const kinds = options.kinds.filter((kind) => kind !== "straighten" || most > 0);
  const searches = kinds.map((kind) => (kind === "crop" ? new CropSearch(size) : new AxisSearch(kind, original, axes)));
  const reserve = kinds.length > 1 ? Math.floor(TOGETHER * budget) : 0;
  const counted = countedScores(score);
  await halve(searches, counted, budget - reserve);
  const single = bestFirst(searches.flatMap(({ best }) => best ?? []));
  const together = await combine(single, counted, { budget, original, size, axes });
  return { single, together, scored: counted.count() };
}

interface Counted {
  readonly score: ScoreEdits;
  readonly count: () => number;
}

function countedScores(score: ScoreEdits): Counted {
  let scored = 0;
  return {
    score: async (edits) => {
      scored += edits.length;
      return edits.length === 0 ? [] : score(edits);
    },
    count: () => scored,
  };
}

function bestFirst(tried: readonly Tried[]): Tried[] {
  return tried.toSorted((a, b) => b.score - a.score);
}

/** All kinds in the first round, and in each one after it the better half of those that still have something to ask. */
async function halve(searches: readonly Search[], { score, count }: Counted, budget: number): Promise<void> {
  let [active, each] = [[...searches], ALL];
  while (active.length > 0 && count() < budget) {
    const room = Math.max(1, Math.floor((budget - count()) / active.length));
    const asked = active.map((search) => search.propose(Math.min(each, room)));
    const scores = await score(asked.flat());
    let at = 0;
    for (const [i, edits] of asked.entries()) {
      active[i]?.tell(scores.slice(at, at + edits.length));
      at += edits.length;
    }
    const left = active.filter((_, i) => (asked[i]?.length ?? 0) > 0);
    left.sort((a, b) => (b.best?.score ?? -Infinity) - (a.best?.score ?? -Infinity));
    active = left.length > 2 ? left.slice(0, Math.ceil(left.length / 2)) : left;
    each = EACH;
  }
}

/** Shares of an edit that are tried beside another: two edits that each help may do the same work. */
const SHARES = [1, 0.5] as const;

/**
 * Adds kinds to the best edit while that helps, then weakens and strengthens each of them.
 *
 * @param single the best edit of each kind, best first
 */
async function combine(
  single: readonly Tried[],
  { score, count }: Counted,
  { budget, original, size, axes }: Omit<SearchOptions, "kinds"> & { readonly axes: Axes },
): Promise<Tried | undefined> {
  const [first, ...rest] = single.filter((tried) => tried.score > original);
  if (!first) return undefined;
  let best = first;
  const take = async (candidates: readonly Edits[]): Promise<boolean> => {
    const some = candidates.filter((edits) => keepsEnough(edits, size)).slice(0, Math.max(0, budget - count()));
    const scores = await score(some);
    const [top] = bestFirst(some.map((edits, i) => ({ edits, score: scores[i] ?? -Infinity })));
    const isBetter = top !== undefined && top.score > best.score;
    if (isBetter) best = top;
    return isBetter;
  };
  const others = rest.map(({ edits }) => edits);
  for (let more = others.length > 0; more;) more = await take(additions(best.edits, others, axes));
  for (let step = 0.3; step > 0.1 && best !== first; step /= 2) await take(variations(best.edits, step, axes));
  return best === first ? undefined : best;
}

/** The edits with one more kind each. */
function additions(edits: Edits, others: readonly Edits[], axes: Axes): Edits[] {
  const fresh = others.filter((other) => Object.keys(other).every((kind) => !(kind in edits)));
  const added = fresh.flatMap((other) => SHARES.map((share) => ({ ...edits, ...scaled(other, share, axes) })));
  const seen = new Set<string>();
  return added.filter((one) => !seen.has(JSON.stringify(one)) && seen.add(JSON.stringify(one)));
}

/** The edits with one of their numbers weaker or stronger each. */
function variations(edits: Edits, step: number, axes: Axes): Edits[] {
  const kinds = Object.keys(edits).filter((kind) => kind !== "crop") as ScalarKind[];
  return kinds.flatMap((kind) =>
    [1 - step, 1 + step].map((share) => ({ ...edits, ...scaled({ [kind]: edits[kind] }, share, axes) })),
  );
}

/** A share of an edit of one kind, within what its axis allows; a crop stays whole. */
function scaled(edits: Edits, share: number, axes: Axes): Edits {
  const changed = Object.entries(edits).map(([kind, value]) => {
    if (kind === "crop") return [kind, value] as const;
    const { at, position } = axes[kind as ScalarKind];
    const place = share * position(value as number);
    return [kind, at(Math.min(1, Math.max(-1, place)))] as const;
  });
  return Object.fromEntries(changed);
}
