/** Charts of attributes, of the predicted spread, and of the training. */
import { line as lineOf } from "d3-shape";
import type { Coverage } from "../metrics/calibration.js";
import type { Summary } from "../eval/index.js";
import { at, axes, chart, decimals, html, line, planeOf, roomFor, short, WIDTH } from "../html/index.js";
import type { Bounds, Markup, PlaneOptions } from "../html/index.js";

const RADAR_HEIGHT = 330;
const RINGS = [0.25, 0.5, 0.75, 1];

/** SRCC and PLCC of the attributes around a circle; correlations below 0 are at its middle. */
export function radarChart(attributes: Summary["attributes"]): Markup {
  const names = Object.keys(attributes);
  const [cx, cy, radius] = [WIDTH / 2, RADAR_HEIGHT / 2, 112];
  const point = (k: number, share: number): [number, number] => {
    const angle = (2 * Math.PI * k) / names.length - Math.PI / 2;
    return [cx + radius * share * Math.cos(angle), cy + radius * share * Math.sin(angle)];
  };
  const ring = (share: (k: number) => number, kind: string): Markup =>
    html`<path class="${kind}" d="M${names.map((_, k) => point(k, share(k)).map(at).join(" ")).join("L")}Z" />`;
  const value = (name: string, metric: "srcc" | "plcc"): number => Math.max(0, attributes[name]?.[metric]?.value ?? 0);
  const spokes = names.map((name, k) => {
    const [[x, y], [tx, ty]] = [point(k, 1), point(k, 1.1)];
    const anchor = Math.abs(tx - cx) < 8 ? "middle" : tx < cx ? "end" : "start";
    const drop = ty > cy + 8 ? 10 : ty < cy - 8 ? 0 : 4;
    return html`<line class="grid" x1="${cx}" y1="${cy}" x2="${at(x)}" y2="${at(y)}" /><text
        x="${at(tx)}"
        y="${at(ty + drop)}"
        text-anchor="${anchor}"
        >${name}</text
      >`;
  });
  return chart({
    id: "radar",
    title: "Agreement by attribute",
    description: "SRCC and PLCC of every attribute, 0 in the middle and 1 on the outer ring.",
    height: RADAR_HEIGHT,
    body: html`<g class="axes">${RINGS.slice(0, -1).map((share) => ring(() => share, "ring"))}${spokes}</g>
      ${ring((k) => value(names[k] ?? "", "plcc"), "truth")}${ring((k) => value(names[k] ?? "", "srcc"), "prediction")}
      <g class="axes"
        >${RINGS.slice(0, -1).map((share) => html`<text x="${cx + 4}" y="${at(cy - radius * share - 2)}">${share}</text>`)}</g
      >`,
    legend: [["prediction", "SRCC"], ["truth", "PLCC"]], // prettier-ignore
  });
}

/**
 * The share of ratings that central intervals hold, by the share that they should hold.
 *
 * @param means of the mean ratings
 * @param votes of single votes; empty where there are none
 */
export function calibrationChart(means: readonly Coverage[], votes: readonly Coverage[]): Markup {
  const domain = [0, 1] as const;
  const options: PlaneOptions = {
    x: { domain, label: "share that an interval should hold" },
    y: { domain, label: "share that it holds" },
    height: 340,
  };
  const plane = planeOf(options);
  const both = [{ kind: "", coverage: means }, ...(votes.length > 0 ? [{ kind: " votes", coverage: votes }] : [])];
  const curves = both.map(({ kind, coverage }) => {
    const known = coverage.flatMap(({ level, coverage: held }) => (held === null ? [] : [[level, held] as const]));
    const curve = lineOf<readonly [number, number]>()
      .x(([level]) => plane.x(level))
      .y(([, held]) => plane.y(held))
      .digits(1)(known);
    const points = known.map(
      ([level, held]) =>
        html`<circle class="point${kind}" r="3.5" cx="${at(plane.x(level))}" cy="${at(plane.y(held))}" />`,
    );
    return html`<path class="curve${kind}" d="${curve ?? ""}" />${points}`;
  });
  const spread =
    votes.length > 0
      ? " The spread is that of single raters; means of many lie nearer to the middle, and intervals of few ratings are coarse, so that they hold more."
      : "";
  return chart({
    id: "calibration",
    title: "Is the predicted spread right?",
    description: `Central intervals of the predicted spread: below the dashed line it is too narrow, above it too wide.${spread}`,
    height: 340,
    body: [axes(plane, options), line([0, 0], [1, 1], plane, "ideal"), curves],
    legend: [["curve", "mean ratings"], ...(votes.length > 0 ? ([["votes", "single votes"]] as const) : []), ["ideal", "right"]], // prettier-ignore
    data: {
      label: "Coverage of central intervals",
      head: ["interval", "mean ratings held", ...(votes.length > 0 ? ["single votes held"] : [])],
      rows: means.map(({ level, coverage }, i) => [
        percent(level),
        percent(coverage),
        ...(votes.length > 0 ? [percent(votes[i]?.coverage)] : []),
      ]),
    },
  });
}

function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? "–" : `${decimals(100 * share, 1)}%`;
}

/** A figure of the training by optimizer step. */
export interface Curve {
  readonly id: string;
  readonly title: string;
  readonly label: string;
  /** What the figure cannot be beyond. */
  readonly bounds?: Bounds;
  readonly points: readonly (readonly [step: number, value: number])[];
}

/** Points of a curve at most: of longer ones the means of stretches are drawn. */
const MOST_POINTS = 300;

export function trainingChart({ id, title, label, bounds, points }: Curve): Markup {
  const drawn = thinned(points);
  const options: PlaneOptions = {
    x: { domain: [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 1], label: "optimizer step", ticks: 5 },
    y: {
      domain: roomFor(
        drawn.map(([, value]) => value),
        bounds,
      ),
      label,
    },
    height: 240,
  };
  const plane = planeOf(options);
  const path = lineOf<readonly [number, number]>()
    .x(([step]) => plane.x(step))
    .y(([, value]) => plane.y(value))
    .digits(1)(drawn);
  const marks = drawn.length > 40 ? [] : drawn;
  const [first, last] = [points[0], points.at(-1)];
  return chart({
    id: `training-${id}`,
    title,
    description: `From ${short(first?.[1] ?? NaN)} at step ${first?.[0] ?? 0} to ${short(last?.[1] ?? NaN)} at step ${last?.[0] ?? 0}.`,
    height: 240,
    body: [
      axes(plane, options),
      html`<path class="curve" d="${path ?? ""}" />`,
      marks.map(
        ([step, value]) => html`<circle class="point" r="3" cx="${at(plane.x(step))}" cy="${at(plane.y(value))}" />`,
      ),
    ],
    data: {
      label: title,
      head: ["step", label],
      rows: thinned(points, 20).map(([step, value]) => [Math.round(step), short(value)]),
    },
  });
}

function thinned(points: Curve["points"], most = MOST_POINTS): (readonly [number, number])[] {
  const size = Math.ceil(points.length / most);
  if (size <= 1) return [...points];
  const mean = (part: Curve["points"], of: 0 | 1): number =>
    part.reduce((sum, point) => sum + point[of], 0) / part.length;
  return Array.from({ length: Math.ceil(points.length / size) }, (_, k) => {
    const part = points.slice(k * size, (k + 1) * size);
    return [mean(part, 0), mean(part, 1)] as const;
  });
}
