/** The line that ends a run of `score`. */
import type { ScoreResult } from "../../engine/index.js";
import { scaleText } from "../../metrics/beyond.js";
import { printable } from "./printable.js";

/** What a run of `score` came to. */
export interface Summary {
  readonly scored: number;
  readonly failed: number;
  readonly milliseconds: number;
  /** Of the last result; undefined where nothing was scored. */
  readonly scale?: ScoreResult["scale"] | undefined;
  /** How many scores lie beyond the scale, which bounds no network that gives a plain number. */
  readonly beyond?: number;
  readonly model?: string | undefined;
  readonly dtype?: ScoreResult["dtype"] | undefined;
  readonly quantization?: ScoreResult["quantization"] | undefined;
}

/** The last line, with its line end: how many, how fast, on which scale, by which model. */
export function summaryLine({ scored, failed, milliseconds, scale, beyond = 0, model, ...how }: Summary): string {
  const seconds = milliseconds / 1000;
  const onScale = scale === undefined ? "" : ` ${scaleText(scale, beyond)}`;
  const precision = [how.quantization, how.dtype].filter((word) => word !== undefined).join(" and ");
  const byModel = model === undefined ? "" : ` by ${printable(model)}${precision === "" ? "" : ` in ${precision}`}`;
  const failures = failed === 0 ? "" : `, ${failed} failed`;
  const rate = ((scored + failed) / Math.max(seconds, 1e-3)).toFixed(1);
  return `${scored} ${scored === 1 ? "photo" : "photos"} scored${onScale}${byModel}${failures}, in ${seconds.toFixed(1)} s (${rate} images/s)\n`;
}
