/**
 * Strengths of things that were compared in every order, with the order's effect taken out: what a judge gives a place is told
 * from what it gives the thing that stands there.
 *
 * A choice among things is taken as Luce's (1959), of pairs as Bradley and Terry's (1952): the chance of each is in proportion to
 * `exp(strength + favour of its place)`.
 */
import { RocError } from "../errors.js";

/** Strengths up to a constant, and what the places are worth. */
export interface Strengths {
  /** Of each thing, of mean 0. */
  readonly strengths: readonly number[];
  /** Of each place, of mean 0: 0 everywhere where the order has no effect. */
  readonly favour: readonly number[];
}

/** An order in which things stood, and the logit that each place got, known up to a constant. */
export interface Answered {
  /** The thing at each place. */
  readonly order: readonly number[];
  readonly logits: readonly number[];
}

/** Every order of `0..count-1`. @param count small: the number of orders is its factorial */
export function permutations(count: number): number[][] {
  if (count === 0) return [[]];
  return permutations(count - 1).flatMap((shorter) =>
    Array.from({ length: count }, (_, at) => shorter.toSpliced(at, 0, count - 1)),
  );
}

/** Both orders of every pair of `0..count-1`. */
export function pairOrders(count: number): [number, number][] {
  const orders: [number, number][] = [];
  for (let a = 0; a < count; a++) for (let b = a + 1; b < count; b++) orders.push([a, b], [b, a]);
  return orders;
}

/** Orders in which every one of `0..count-1` is at every place once: a row turned round. */
export function turns(count: number): number[][] {
  return Array.from({ length: count }, (_, start) => Array.from({ length: count }, (__, at) => (start + at) % count));
}

/**
 * Strengths of things that all stood in every order: the least squares of the logits, which over all orders (or over orders that
 * have each thing at each place equally often) are plain means.
 */
export function strengthsOf(answers: readonly Answered[]): Strengths {
  const count = answers[0]?.order.length ?? 0;
  const strengths = new Array<number>(count).fill(0);
  const favour = new Array<number>(count).fill(0);
  for (const { order, logits } of answers) {
    const mean = logits.reduce((sum, logit) => sum + logit, 0) / count;
    order.forEach((thing, place) => {
      const share = ((logits[place] as number) - mean) / answers.length;
      strengths[thing] = (strengths[thing] as number) + share;
      favour[place] = (favour[place] as number) + share;
    });
  }
  return { strengths, favour };
}

/** What both orders of every pair say. */
export interface PairStrengths extends Strengths {
  /** `[a][b]`: chance of a against b without the order's effect; 1/2 on the diagonal. */
  readonly wins: readonly (readonly number[])[];
}

/**
 * Strengths of things that stood in both orders of every pair. The logit of a against b is the mean over the two orders, in which
 * the place's favour cancels; strengths are those of Bradley and Terry that fit these chances best.
 *
 * @param answers of {@link pairOrders}
 */
export function pairStrengths(answers: readonly Answered[], count: number): PairStrengths {
  const wins = Array.from({ length: count }, () => new Array<number>(count).fill(0.5));
  const logits = wins.map((row) => row.map(() => 0));
  let first = 0;
  for (const { order, logits: found } of answers) {
    const [a = 0, b = 0] = order;
    const logit = (found[0] as number) - (found[1] as number);
    first += logit / answers.length;
    (logits[a] as number[])[b] = (logits[a]?.[b] ?? 0) + logit / 2;
    (logits[b] as number[])[a] = (logits[b]?.[a] ?? 0) - logit / 2;
  }
  logits.forEach((row, a) => row.forEach((logit, b) => ((wins[a] as number[])[b] = 1 / (1 + Math.exp(-logit)))));
  return { strengths: bradleyTerry(wins), favour: [first / 2, -first / 2], wins };
}

const MOST_ROUNDS = 100_000;
const ENOUGH = 1e-12;
/** Nearer to certain than this, a chance has no finite strength. */
const CERTAIN = 1e-9;

/**
 * Bradley and Terry's strengths of mean 0 from the chances of every pair, by Hunter's (2004) minorisation: the most likely ones.
 *
 * @param wins `[a][b]`, the chance of a against b
 * @throws RocError USAGE for a chance outside of [0, 1]
 */
export function bradleyTerry(wins: readonly (readonly number[])[]): number[] {
  const chance = (a: number, b: number): number => {
    const p = wins[a]?.[b] ?? NaN;
    if (!(p >= 0 && p <= 1)) throw new RocError("USAGE", `A chance of a pair is ${p}; give 0 to 1.`);
    return Math.min(1 - CERTAIN, Math.max(CERTAIN, p));
  };
  const all = [...wins.keys()];
  const won = all.map((a) => all.reduce((sum, b) => sum + (a === b ? 0 : chance(a, b)), 0));
  let weights = all.map(() => 1);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = all.map((a) => (won[a] as number) / all.reduce((sum, b) => sum + (a === b ? 0 : 1 / ((weights[a] as number) + (weights[b] as number))), 0)); // prettier-ignore
    const scale = Math.exp(next.reduce((sum, weight) => sum + Math.log(weight), 0) / all.length);
    const scaled = next.map((weight) => weight / scale);
    const change = Math.max(...scaled.map((weight, a) => Math.abs(Math.log(weight / (weights[a] as number)))));
    weights = scaled;
    if (!(change > ENOUGH)) break;
  }
  return weights.map(Math.log);
}

/** Chances in proportion to `exp(strength)`. */
export function luce(strengths: readonly number[]): number[] {
  const top = Math.max(...strengths);
  const weights = strengths.map((strength) => Math.exp(strength - top));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * The chance of each to be left to the last where one after the other is chosen by {@link luce} (Plackett and Luce).
 *
 * @param strengths of at most 16 things: every subset is looked at
 */
export function chancesToBeLast(strengths: readonly number[]): number[] {
  const shares = luce(strengths);
  const whole = 2 ** shares.length - 1;
  // The chance that a subset is what was chosen first.
  const chosen = new Float64Array(whole + 1);
  chosen[0] = 1;
  for (let subset = 0; subset <= whole; subset++) {
    const left = shares.reduce((sum, share, i) => sum + (subset & (1 << i) ? 0 : share), 0);
    shares.forEach((share, i) => {
      if (subset & (1 << i)) return;
      const next = subset | (1 << i);
      chosen[next] = (chosen[next] as number) + ((chosen[subset] as number) * share) / left;
    });
  }
  return shares.map((_, i) => chosen[whole & ~(1 << i)] as number);
}
