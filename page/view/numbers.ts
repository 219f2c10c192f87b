/** Numbers as people read them. */
import { shareText } from "../../src/metrics/conformal.js";
import type { ScoreEntry } from "../api/types.js";

export function scoreText(score: number): string {
  return score.toFixed(1);
}

export function exactText(value: number): string {
  return value.toFixed(2);
}

/** Where the rating lies by a calibration: "6.85 to 8.46 in 90%". */
export function intervalText({ low, high, level }: NonNullable<ScoreEntry["interval"]>): string {
  return `${exactText(low)} to ${exactText(high)} in ${shareText(level)}`;
}

/** "best 8%"; undefined in the lower half, where nobody asks. */
export function bestText(percentile: number | null | undefined): string | undefined {
  if (percentile === undefined || percentile === null || percentile < 50) return undefined;
  return `best ${Math.max(1, Math.ceil(100 - percentile))}%`;
}

export function bytesText(bytes: number): string {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** "1/250 s", "2 s". */
export function exposureText(seconds: number): string {
  return seconds >= 0.4 ? `${Number(seconds.toFixed(1))} s` : `1/${Math.round(1 / seconds)} s`;
}

/** A local time of a camera: "31 May 2026, 18:30". */
export function takenText(taken: string): string {
  const [, year, month, day, time] = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d))?/.exec(taken) ?? [];
  if (year === undefined) return taken;
  const date = new Date(Number(year), Number(month) - 1, Number(day));
  const text = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" }).format(date);
  return time === undefined ? text : `${text}, ${time}`;
}

export function countText(count: number, what: string): string {
  return `${count.toLocaleString()} ${what}${count === 1 ? "" : "s"}`;
}

/** Where a value lies on a scale, in per cent of its length; beyond the ends, at them. */
export function percentOn({ min, max }: { min: number; max: number }, value: number): number {
  return 100 * Math.min(1, Math.max(0, (value - min) / (max - min)));
}

/** A length for a style. */
export function px(length: number): string {
  return `${length}px`;
}
