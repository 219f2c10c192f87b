/** The gallery's small charts as inline SVG and HTML. */
import { escapeHtml } from "../../html/markup.js";
import type { ScoreScale } from "../../data/types.js";

const WIDTH = 300;
const HEIGHT = 64;
const AXIS = 14;

/** Votes for evenly spaced levels. @param names of the levels; every one is written below its bar while there is room */
export function votesSvg(counts: readonly number[], names: readonly string[], label: string): string {
  const most = Math.max(...counts, 1);
  const wide = WIDTH / counts.length;
  const bars = counts.map((n, i) => {
    const tall = (n / most) * HEIGHT;
    const place = `x="${round(i * wide + 1)}" y="${round(HEIGHT - tall)}" width="${round(wide - 2)}" height="${round(tall)}"`;
    return `<rect ${place} rx="1.5"><title>${escapeHtml(names[i] ?? "")}: ${n}</title></rect>`;
  });
  const every = Math.ceil(counts.length / 10);
  const texts = names.map((name, i) => {
    if (i % every > 0) return "";
    return `<text x="${round((i + 0.5) * wide)}" y="${HEIGHT + AXIS - 3}" text-anchor="middle">${escapeHtml(name)}</text>`;
  });
  const line = `<line x1="0" x2="${WIDTH}" y1="${HEIGHT}" y2="${HEIGHT}"/>`;
  const box = `viewBox="0 0 ${WIDTH} ${HEIGHT + AXIS}"`;
  return `<svg ${box} role="img" aria-label="${escapeHtml(label)}">${bars.join("")}${line}${texts.join("")}</svg>`;
}

/** A named value on a scale. */
export interface Bar {
  readonly name: string;
  readonly value: number;
}

/** Bars from the scale's lowest value, or from 0 where the scale goes through it. */
export function barsHtml(bars: readonly Bar[], { min, max }: ScoreScale, decimals = 2): string {
  const place = (value: number): number => (100 * (value - min)) / (max - min);
  const origin = place(min < 0 && max > 0 ? 0 : min);
  const rows = bars.map(({ name, value }) => {
    const end = place(value);
    const side = end < origin ? "low" : "high";
    const style = `left:${round(Math.min(origin, end))}%;width:${round(Math.abs(end - origin))}%`;
    const bar = `<span class="track"><i class="${side}" style="${style}"></i></span>`;
    return `<tr><th scope="row">${escapeHtml(name)}</th><td>${bar}</td><td>${value.toFixed(decimals)}</td></tr>`;
  });
  return `<table class="bars"><tbody>${rows.join("")}</tbody></table>`;
}

function round(value: number): string {
  return String(Number(value.toFixed(1)));
}
