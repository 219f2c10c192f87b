/** Axes keep to the scale of the scores, as long as the values do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { distributionChart, ratingsChart, residualChart, scatterChart, type Pair } from "../../src/report/agreement-charts.js"; // prettier-ignore
import type { Markup } from "../../src/html/index.js";
import { trainingChart } from "../../src/report/other-charts.js";
import { roomFor } from "../../src/html/index.js";

/** Numbers on a chart's horizontal and vertical axis. */
function ticksOf({ text }: Markup): { x: number[]; y: number[] } {
  const [, axes = ""] = /<g class="axes">([\s\S]*?)<text class="label"/.exec(text) ?? [];
  const numbers = (anchor: string): number[] =>
    [...axes.matchAll(new RegExp(`text-anchor="${anchor}"\\s*>([^<]+)<`, "g"))].map(([, number = ""]) =>
      Number(number.replace("\u2212", "-")),
    );
  return { x: numbers("middle"), y: numbers("end") };
}

const FULL: Pair[] = Array.from({ length: 60 }, (_, i) => [(i * 100) / 59, Math.min(100, 3 + (i * 97) / 59)]);

for (const scale of [
  { min: 0, max: 100 },
  { min: 1, max: 10 },
  { min: 1, max: 5 },
  { min: -1, max: 1 },
]) {
  test(`on the scale ${scale.min} to ${scale.max} no axis goes over its ends`, () => {
    const on = (value: number): number => scale.min + (value / 100) * (scale.max - scale.min);
    const pairs = FULL.map(([truth, predicted]): Pair => [on(truth), on(predicted)]);
    const votes = [0.2, 0.2, 0.2, 0.2, 0.2];
    const charts = { scatter: scatterChart(pairs, scale), distribution: distributionChart(pairs, scale) };
    const axes = [
      ...Object.values(charts).map((chart) => ticksOf(chart).x),
      ticksOf(charts.scatter).y,
      ticksOf(residualChart(pairs, scale)).x,
      ticksOf(ratingsChart(votes, votes, scale)).x,
      ticksOf(ratingsChart([0.5, 0.5], [0.5, 0.5], scale)).x,
    ];
    for (const ticks of axes) {
      assert.ok(ticks.length >= 2, `${ticks.length} ticks`);
      assert.ok(ticks.every((tick) => tick >= scale.min && tick <= scale.max), ticks.join(" ")); // prettier-ignore
    }
  });
}

test("values off the scale are shown, on their side alone", () => {
  const [low, high] = roomFor([0, 50, 130], { min: 0, max: 100 });
  assert.equal(low, 0);
  assert.ok(high >= 130);
});

test("a rating's number stands under every bar, or under every few", () => {
  const votes = Array.from({ length: 101 }, () => 1 / 101);
  assert.deepEqual(ticksOf(ratingsChart(votes, votes, { min: 0, max: 100 })).x, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]); // prettier-ignore
  const five = [0.1, 0.2, 0.4, 0.2, 0.1];
  assert.deepEqual(ticksOf(ratingsChart(five, five, { min: 0, max: 100 })).x, [0, 25, 50, 75, 100]);
});

test("a loss has no room below 0, a correlation none above 1", () => {
  const points = (values: number[]) => values.map((value, i) => [i, value] as const);
  const curve = { id: "a", title: "a", label: "a" };
  const loss = ticksOf(trainingChart({ ...curve, bounds: { min: 0 }, points: points([3, 0.001, 0.5]) })).y;
  assert.ok(Math.min(...loss) >= 0, loss.join(" "));
  const srcc = ticksOf(trainingChart({ ...curve, bounds: { min: -1, max: 1 }, points: points([0.2, 0.999]) })).y;
  assert.ok(Math.max(...srcc) <= 1, srcc.join(" "));
});
