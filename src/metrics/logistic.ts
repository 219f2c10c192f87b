/**
 * PLCC after the four-parameter logistic fit, as reported in image quality assessment (VQEG 2003, full-reference
 * phase II): y = b2 + (b1 - b2) / (1 + exp(-(x - b3) / |b4|)), fitted to the ratings by least squares.
 *
 * b1 and b2 enter linearly, so for each b3 and b4 their best values are those of a straight line: the search runs over b3
 * and the logarithm of 1 / b4 only (Golub and Pereyra's variable projection, with Kaufman's Jacobian), by Levenberg and
 * Marquardt's method. Ratings that are convex, concave or linear in the predictions have their optimum at infinity; these
 * two parameters approach it in a few steps, the b's hardly ever.
 */
import { checkPairs, plcc, type Numbers } from "./scores.js";
import { mean } from "./statistics.js";

/** The fitted curve, in the units of predictions (b3, b4 > 0) and ratings (b1, b2). */
export interface Logistic {
  readonly b1: number;
  readonly b2: number;
  readonly b3: number;
  readonly b4: number;
}

const PARAMETERS = 4;
const MAX_STEPS = 500;
/** Relative gain of a step at which the search stops: the remaining error is far below 1e-6 of the PLCC. */
const ENOUGH = 1e-12;
/** Damping at which a step no longer changes the cost in double precision: a minimum, up to rounding. */
const MAX_DAMPING = 1e12;
/** Square of the share of a derivative below which its residual from the line is treated as rounding error. */
const ROUNDING = 1e-16;
/** Grid of the coarse search, in standard deviations of the predictions. */
const SURVEY = {
  slopes: [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32],
  middles: [-16, -8, -4, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 4, 8, 16],
  /** Number of its best points that a search starts from. */
  starts: 4,
};

/** The curve's value at a prediction. */
export function logisticAt({ b1, b2, b3, b4 }: Logistic, x: number): number {
  return b2 + (b1 - b2) / (1 + Math.exp(-(x - b3) / b4));
}

/**
 * PLCC between the ratings and the predictions mapped by the fitted curve, in [0, 1].
 *
 * Near the fit's optimum it hardly changes, and each optimiser stops by its own criterion: it equals that of scipy
 * `curve_fit` (with tighter tolerances; the default ones stop too early in flat valleys) to 1e-6, not to the last digits.
 * Weak relations between few items have several optima; this returns the best one found, scipy the nearest.
 *
 * @returns null where there is no fit ({@link fitLogistic})
 * @throws RocError USAGE for unequal lengths or a value that is not finite
 */
export function plccFitted(predicted: Numbers, truth: Numbers): number | null {
  const fit = bestFit(predicted, truth);
  const correlation = fit && plcc(fit.sigmoid, truth);
  return correlation && Math.abs(correlation);
}

/**
 * The least-squares fit, from the field's customary start (b3 the predictions' mean, b4 a quarter of their standard
 * deviation) and from the best points of a coarse grid search; the best fit wins.
 *
 * @returns null for fewer than four items, a side without variation, or where no start converges
 * @throws RocError USAGE for unequal lengths or a value that is not finite
 */
export function fitLogistic(predicted: Numbers, truth: Numbers): Logistic | null {
  const fit = bestFit(predicted, truth);
  if (fit === null) return null;
  const { height, slope, middle, mirrored, x, y } = fit;
  const low = -height * mean(fit.sigmoid);
  const [start, end] = [y.mean + y.std * low, y.mean + y.std * (low + height)];
  const [b1, b2] = mirrored ? [start, end] : [end, start];
  return { b1, b2, b3: x.mean + x.std * middle, b4: x.std / slope };
}

interface Standardised {
  readonly values: Float64Array;
  readonly mean: number;
  readonly std: number;
}

/** Mean 0 and standard deviation 1, so that one tolerance suits every unit; null without variation. */
function standardise(values: Numbers): Standardised | null {
  const all = Float64Array.from(values);
  const mean = all.reduce((sum, value) => sum + value / all.length, 0);
  const std = Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2 / all.length, 0));
  if (!(std > 0 && std < Infinity) || all.every((value) => value === all[0])) return null;
  return { values: all.map((value) => (value - mean) / std), mean, std };
}

/** A sigmoid of the predictions and the best line over it, all in standard units. */
interface Fit {
  /** 1 / b4, above 0. */
  readonly slope: number;
  /** b3. */
  readonly middle: number;
  /** 1 / (1 + exp(-slope * (x - middle))) of every item, or 1 less that. */
  readonly sigmoid: Float64Array;
  /** The latter, for a middle below 0: near 1 a sigmoid loses digits that it retains near 0. */
  readonly mirrored: boolean;
  /** What the line multiplies the sigmoid by. */
  readonly height: number;
  readonly residuals: Float64Array;
  /** Sum of their squares. */
  readonly cost: number;
}

function bestFit(predicted: Numbers, truth: Numbers): (Fit & { x: Standardised; y: Standardised }) | null {
  checkPairs(predicted, truth);
  const [x, y] = [standardise(predicted), standardise(truth)];
  if (predicted.length < PARAMETERS || x === null || y === null) return null;
  const fits = startsFor(x.values, y.values)
    .map((start) => minimise(x.values, y.values, start))
    .filter((fit) => fit !== null);
  const best = fits.sort((a, b) => a.cost - b.cost)[0];
  return best === undefined ? null : { ...best, x, y };
}

/** The customary start and the best points of the grid search: weak relations have several minima. */
function startsFor(x: Float64Array, y: Float64Array): Fit[] {
  const survey = SURVEY.slopes.flatMap((slope) => SURVEY.middles.map((middle) => lineThrough(x, y, slope, middle)));
  const found = survey.filter((fit) => fit !== null).sort((a, b) => a.cost - b.cost);
  return [lineThrough(x, y, 4, 0), ...found.slice(0, SURVEY.starts)].filter((fit) => fit !== null);
}

/** Levenberg-Marquardt from a start, the damping controlled by how well the last gain was predicted (Nielsen 1999). */
function minimise(x: Float64Array, y: Float64Array, start: Fit): Fit | null {
  let fit = start;
  let normal = normalEquations(x, fit);
  let [damping, growth] = [1, 2];
  for (let step = 0; step < MAX_STEPS && damping <= MAX_DAMPING; step++) {
    const { logSlope, middle, foreseen } = dampedStep(normal, damping);
    const next = lineThrough(x, y, fit.slope * Math.exp(logSlope), fit.middle + middle);
    if (next === null || !(next.cost < fit.cost)) {
      damping *= growth;
      growth *= 2;
      continue;
    }
    const gain = fit.cost - next.cost;
    damping = Math.max(damping * Math.max(1 / 3, 1 - (2 * (gain / foreseen) - 1) ** 3), 1e-12);
    growth = 2;
    fit = next;
    if (gain <= ENOUGH * fit.cost || fit.cost <= 1e-24 * x.length) return fit;
    normal = normalEquations(x, fit);
  }
  return damping > MAX_DAMPING ? fit : null;
}

/** The step of the damped normal equations and its predicted gain. */
function dampedStep({ pp, pq, qq, pr, qr }: ReturnType<typeof normalEquations>, damping: number) {
  const [p, q] = [pp * damping, qq * damping];
  const determinant = (pp + p) * (qq + q) - pq * pq;
  const logSlope = ((qq + q) * pr - pq * qr) / determinant;
  const middle = ((pp + p) * qr - pq * pr) / determinant;
  return { logSlope, middle, foreseen: logSlope * (p * logSlope + pr) + middle * (q * middle + qr) };
}

/** The least-squares line of the ratings over a sigmoid; null where that is the same for all items. */
function lineThrough(x: Float64Array, y: Float64Array, slope: number, middle: number): Fit | null {
  const mirrored = middle < 0;
  const towards = mirrored ? slope : -slope;
  const sigmoid = x.map((value) => 1 / (1 + Math.exp(towards * (value - middle))));
  const deviations = centred(sigmoid);
  const spread = dot(deviations, deviations);
  const height = dot(deviations, y) / spread;
  if (!(spread > 0) || !Number.isFinite(height)) return null;
  const residuals = y.map((value, i) => value - height * (deviations[i] ?? NaN));
  return { slope, middle, sigmoid, mirrored, height, residuals, cost: dot(residuals, residuals) };
}

/** Gauss-Newton's products for log slope (p) and middle (q): of what the line cannot absorb, with the residuals (r). */
function normalEquations(x: Float64Array, { slope, middle, sigmoid, mirrored, height, residuals }: Fit) {
  const deviations = centred(sigmoid);
  const spread = dot(deviations, deviations);
  const project = (values: Float64Array): Float64Array => {
    const around = centred(values);
    const along = dot(around, deviations) / spread;
    return around.map((value, i) => value - along * (deviations[i] ?? NaN));
  };
  const steepness = (mirrored ? -1 : 1) * height * slope;
  const q = sigmoid.map((value) => -steepness * value * (1 - value));
  const p = q.map((value, i) => -value * ((x[i] ?? NaN) - middle));
  const [alongP, alongQ] = [project(p), project(q)];
  return {
    pp: dot(alongP, alongP) + ROUNDING * dot(p, p),
    qq: dot(alongQ, alongQ) + ROUNDING * dot(q, q),
    pq: dot(alongP, alongQ),
    pr: dot(alongP, residuals),
    qr: dot(alongQ, residuals),
  };
}

function centred(values: Float64Array): Float64Array {
  const centre = mean(values);
  return values.map((value) => value - centre);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? NaN) * (b[i] ?? NaN);
  return sum;
}
