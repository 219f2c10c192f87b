/** Charts of predictions against ratings: scatter, residuals, distributions. */
import { bin, deviation, mean } from "d3-array";
import { contourDensity } from "d3-contour";
import { area, line as lineOf } from "d3-shape";
import { Random } from "../random.js";
import { type ScoreScale } from "../data/index.js";
import { at, axes, chart, decimals, dots, html, line, planeOf, roomFor, short } from "../html/index.js";
import type { Markup, Plane, PlaneOptions } from "../html/index.js";

/** Of the two charts side by side. */
const BESIDE = 400;

/** A picture's rating and what was predicted. */
export type Pair = readonly [truth: number, predicted: number];

/** Dots that are drawn at most; the density is that of all. */
const MOST_DOTS = 2000;
const FEW_FOR_DENSITY = 30;
const BINS = 10;

/** Predicted against true scores. */
export function scatterChart(pairs: readonly Pair[], scale: ScoreScale): Markup {
  const domain = roomFor(pairs.flat(), scale);
  const options: PlaneOptions = {
    x: { domain, label: "true score" },
    y: { domain, label: "predicted score" },
    height: BESIDE,
  };
  const plane = planeOf(options);
  const shown = sample(pairs);
  const some = shown.length < pairs.length ? ` The dots are ${shown.length} of them, drawn at random.` : "";
  const contours = pairs.length < FEW_FOR_DENSITY ? null : density(pairs, plane);
  return chart({
    id: "scatter",
    title: "Predicted against true",
    description: `Each of ${pairs.length} pictures by its true and its predicted score; on the dashed line they agree.${some}`,
    height: BESIDE,
    body: [axes(plane, options), contours, dots(shown, plane), line([domain[0], domain[0]], [domain[1], domain[1]], plane, "ideal")], // prettier-ignore
    legend: [["dot", "a picture"], ...(contours ? ([["area", "denser"]] as const) : []), ["ideal", "agreement"]],
    data: residualTable(pairs),
  });
}

function density(pairs: readonly Pair[], { x, y }: Plane): Markup {
  const [width, height] = [Math.max(...x.range()), Math.max(...y.range())];
  const contours = contourDensity<Pair>()
    .x(([truth]) => x(truth))
    .y(([, predicted]) => y(predicted))
    .size([width, height])
    .bandwidth(14)
    .thresholds(7)(pairs.slice());
  const path = (rings: readonly (readonly (readonly number[])[])[]): string =>
    rings.map((ring) => `M${ring.map(([px = 0, py = 0]) => `${at(px)} ${at(py)}`).join("L")}Z`).join("");
  return html`<g class="density"
    >${contours.map(({ coordinates }) => html`<path d="${coordinates.map(path).join("")}" />`)}</g
  >`;
}

/** A seeded part of the pairs, in their order. */
function sample(pairs: readonly Pair[]): readonly Pair[] {
  if (pairs.length <= MOST_DOTS) return pairs;
  const kept = new Random(0, "report").permutation(pairs.length).slice(0, MOST_DOTS).sort();
  return Array.from(kept, (i) => pairs[i] as Pair);
}

/** Errors of the pictures whose true score is in a part of the range. */
interface ResidualBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  readonly mean: number;
  readonly spread: number;
}

function residualBins(pairs: readonly Pair[]): ResidualBin[] {
  const bins = bin<Pair, number>()
    .value(([truth]) => truth)
    .thresholds(BINS)(pairs.slice());
  return bins
    .filter(({ length }) => length > 0)
    .map((part) => {
      const errors = part.map(([truth, predicted]) => predicted - truth);
      const ends = { low: part.x0 ?? NaN, high: part.x1 ?? NaN };
      return { ...ends, count: part.length, mean: mean(errors) ?? NaN, spread: deviation(errors) ?? 0 };
    });
}

/** Errors by the true score: whether the high are scored too low and the low too high. */
export function residualChart(pairs: readonly Pair[], scale: ScoreScale): Markup {
  const points = pairs.map(([truth, predicted]) => [truth, predicted - truth] as const);
  const most = Math.max(...points.map(([, error]) => Math.abs(error)), 1e-9);
  const options: PlaneOptions = {
    x: {
      domain: roomFor(
        pairs.map(([truth]) => truth),
        scale,
      ),
      label: "true score",
    },
    y: {
      domain: roomFor([-most, most], { min: scale.min - scale.max, max: scale.max - scale.min }),
      label: "predicted − true",
    },
    height: BESIDE,
  };
  const plane = planeOf(options);
  const bins = residualBins(pairs);
  const middle = ({ low, high }: ResidualBin): number => plane.x((low + high) / 2);
  const band = area<ResidualBin>()
    .x(middle)
    .y0((part) => plane.y(part.mean - part.spread))
    .y1((part) => plane.y(part.mean + part.spread))
    .digits(1)(bins);
  const means = lineOf<ResidualBin>()
    .x(middle)
    .y((part) => plane.y(part.mean))
    .digits(1)(bins);
  const [from, to] = options.x.domain;
  return chart({
    id: "residuals",
    title: "Errors by true score",
    description: "Above the dashed line a picture was scored too high, below it too low.",
    height: BESIDE,
    body: [axes(plane, options), dots(sample(points), plane), html`<path class="band" d="${band ?? ""}"/><path class="curve" d="${means ?? ""}"/>`, line([from, 0], [to, 0], plane, "ideal")], // prettier-ignore
    legend: [["dot", "a picture"], ["curve", "mean error"], ["band", "± one standard deviation"]], // prettier-ignore
    data: residualTable(pairs),
  });
}

function residualTable(pairs: readonly Pair[]) {
  return {
    label: "Errors by true score",
    head: ["true score", "pictures", "mean error", "standard deviation"],
    rows: residualBins(pairs).map(({ low, high, count, mean: error, spread }) => [
      `${short(low)} to ${short(high)}`,
      count,
      decimals(error),
      decimals(spread),
    ]),
  };
}

/** Shares of values in even bins. */
function shares(values: readonly number[], edges: readonly number[]): number[] {
  const [low = 0, high = 1] = [edges[0], edges.at(-1)];
  const counts = edges.slice(1).map(() => 0);
  for (const value of values) {
    const place = Math.floor(((value - low) / (high - low)) * counts.length);
    const k = Math.min(counts.length - 1, Math.max(0, place));
    counts[k] = (counts[k] ?? 0) + 1;
  }
  return counts.map((count) => count / values.length);
}

/** Histograms of true and predicted scores, one over the other. */
export function distributionChart(pairs: readonly Pair[], scale: ScoreScale): Markup {
  const domain = roomFor(pairs.flat(), scale, 0);
  const bins = Math.min(40, Math.max(8, Math.round(Math.sqrt(pairs.length))));
  const edges = Array.from({ length: bins + 1 }, (_, k) => domain[0] + (k * (domain[1] - domain[0])) / bins);
  const rated = shares(pairs.map(([truth]) => truth), edges); // prettier-ignore
  const predicted = shares(pairs.map(([, value]) => value), edges); // prettier-ignore
  const overlap = rated.reduce((sum, share, k) => sum + Math.min(share, predicted[k] ?? 0), 0);
  const options: PlaneOptions = {
    x: { domain, label: "score" },
    y: { domain: [0, Math.max(...rated, ...predicted) * 1.08], label: "share of the pictures" },
  };
  const plane = planeOf(options);
  return chart({
    id: "distributions",
    title: "Scores given and predicted",
    description: `How often each score was given and predicted. The two histograms share ${decimals(100 * overlap, 1)}% of their area.`,
    body: [axes(plane, options), steps(rated, edges, plane, "truth"), steps(predicted, edges, plane, "prediction")],
    legend: [["truth", "true"], ["prediction", "predicted"]], // prettier-ignore
    data: {
      label: "Shares of true and predicted scores",
      head: ["score", "true", "predicted"],
      rows: rated.map((share, k) => [
        `${short(edges[k] ?? 0)} to ${short(edges[k + 1] ?? 0)}`,
        `${decimals(100 * share, 1)}%`,
        `${decimals(100 * (predicted[k] ?? 0), 1)}%`,
      ]),
    },
  });
}

/** A histogram as a filled outline. */
function steps(values: readonly number[], edges: readonly number[], { x, y }: Plane, kind: string): Markup {
  const corners = values.map((share, k) => `V${at(y(share))}H${at(x(edges[k + 1] ?? 0))}`);
  return html`<path class="${kind}" d="M${at(x(edges[0] ?? 0))} ${at(y(0))}${corners.join("")}V${at(y(0))}Z" />`;
}

const MOST_RATINGS = 11;

/** At most {@link MOST_RATINGS} of evenly spaced ratings. */
function everyFew(ratings: readonly number[]): readonly number[] {
  const every = Math.ceil((ratings.length - 1) / (MOST_RATINGS - 1));
  return ratings.filter((_, k) => k % every === 0);
}

/** Mean shares of each rating: of the votes, and of the predicted distributions. */
export function ratingsChart(voted: readonly number[], predicted: readonly number[], scale: ScoreScale): Markup {
  const step = (scale.max - scale.min) / (voted.length - 1);
  const options: PlaneOptions = {
    x: {
      domain: [scale.min - 0.6 * step, scale.max + 0.6 * step],
      label: "rating",
      ticks: everyFew(voted.map((_, k) => scale.min + k * step)),
    },
    y: { domain: [0, Math.max(...voted, ...predicted) * 1.08], label: "share of the ratings" },
  };
  const plane = planeOf(options);
  const bars = (values: readonly number[], side: -1 | 1, kind: string): Markup[] =>
    values.map((share, k) => {
      const [from, to] = [0, side * 0.42].map((shift) => plane.x(scale.min + (k + shift) * step)).sort((a, b) => a - b);
      const [top, bottom] = [plane.y(share), plane.y(0)];
      return html`<rect
        class="${kind}"
        x="${at(from ?? 0)}"
        width="${at((to ?? 0) - (from ?? 0))}"
        y="${at(top)}"
        height="${at(bottom - top)}"
      />`;
    });
  return chart({
    id: "ratings",
    title: "Ratings given and predicted",
    description: "How often each rating was given, and the predicted distribution, both as means over the pictures.",
    body: [axes(plane, options), bars(voted, -1, "truth"), bars(predicted, 1, "prediction")],
    legend: [["truth", "given"], ["prediction", "predicted"]], // prettier-ignore
    data: {
      label: "Mean shares of the ratings",
      head: ["rating", "given", "predicted"],
      rows: voted.map((share, k) => [
        short(scale.min + k * step),
        `${decimals(100 * share, 1)}%`,
        `${decimals(100 * (predicted[k] ?? 0), 1)}%`,
      ]),
    },
  });
}
