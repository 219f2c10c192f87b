/** Gains as texts, for the terminal and the page. */
import type { Gain } from "./types.js";

function signed(value: number): string {
  const text = Math.abs(value).toFixed(2);
  return Number(text) === 0 ? "0.00" : `${value < 0 ? "\u2212" : "+"}${text}`;
}

/** A gain with its interval. */
export function gainText({ value, low, high }: Gain): string {
  return `${signed(value)} (${signed(low)} to ${signed(high)})`;
}

/** A chance to be preferred, in words. */
export function preferredText(preferred: number | null): string {
  if (preferred === null) return "by the score alone";
  return `preferred by ${Math.round(100 * preferred)}% of raters`;
}
