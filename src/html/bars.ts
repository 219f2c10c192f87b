/** Counts as columns, and values as bars on a scale. */
import { html, type Content, type Markup } from "./markup.js";
import { at, WIDTH } from "./plot.js";

/** Room for the names below a chart of columns. */
const NAMES = 22;
/** Up to this many columns each has its name below; with more, every second or third. */
const MOST_NAMES = 10;

export interface ColumnsOptions {
  /** Of the columns: a tooltip shows name and count. */
  readonly names: readonly string[];
  /** Height of the tallest column. */
  readonly height: number;
  /** Upper edge of the tallest column. Default 0. */
  readonly top?: number;
}

/** A column per count on a common baseline, over the width of a chart; the largest count reaches the top. */
export function columns(counts: readonly number[], { names, height, top = 0 }: ColumnsOptions): Markup {
  const most = Math.max(...counts, 1);
  const wide = WIDTH / counts.length;
  const bottom = top + height;
  const each = counts.map((count, i) => {
    const tall = (count / most) * height;
    return html`<rect x="${at(i * wide + 1)}" y="${at(bottom - tall)}" width="${at(wide - 2)}" height="${at(tall)}" rx="1.5"><title>${names[i]}: ${count}</title></rect>`; // prettier-ignore
  });
  return html`${each}<line x1="0" x2="${WIDTH}" y1="${at(bottom)}" y2="${at(bottom)}" />`;
}

/** A small chart of counts with their names below. @param label what it shows, for screen readers */
export function columnsChart(counts: readonly number[], names: readonly string[], label: string): Markup {
  const height = 90;
  const every = Math.ceil(counts.length / MOST_NAMES);
  const texts = names.map((name, i) => {
    const x = ((i + 0.5) * WIDTH) / counts.length;
    return i % every === 0 && html`<text x="${at(x)}" y="${height + NAMES - 4}" text-anchor="middle">${name}</text>`;
  });
  return html`<svg class="columns" viewBox="0 0 ${WIDTH} ${height + NAMES}" role="img" aria-label="${label}">
    ${columns(counts, { names, height })}${texts}
  </svg>`;
}

/** A named value on a scale. */
export interface Bar {
  readonly name: Content;
  readonly value: number;
}

/** Bars from the scale's lowest value, or from 0 where the scale includes it. */
export function bars(
  values: readonly Bar[],
  { min, max }: { readonly min: number; readonly max: number },
  decimals = 2,
): Markup {
  const percent = (value: number): number => (100 * (value - min)) / (max - min);
  const origin = percent(min < 0 && max > 0 ? 0 : min);
  const rows = values.map(({ name, value }) => {
    const end = percent(value);
    const style = `left:${at(Math.min(origin, end))}%;width:${at(Math.abs(end - origin))}%`;
    return html`<tr>
      <th scope="row">${name}</th>
      <td>
        <span class="track"><i class="${end < origin ? "low" : "high"}" style="${style}"></i></span>
      </td>
      <td>${value.toFixed(decimals)}</td>
    </tr> `;
  });
  return html`<table class="bars">
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}
