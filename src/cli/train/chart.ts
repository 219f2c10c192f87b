/** Curves of a run for a terminal: bars of block characters, an eighth of a line fine. */

const EIGHTHS = " ▁▂▃▄▅▆▇█";

/**
 * A curve as lines of text, its highest and lowest value in front; empty where there are fewer than two values.
 *
 * @param values at equal distances; more than `width` are averaged
 * @param width columns of the bars, `height` their lines
 */
export function chart(title: string, values: readonly number[], { width = 60, height = 5 } = {}): string[] {
  const finite = values.filter(Number.isFinite);
  if (finite.length < 2) return [];
  const columns = resample(finite, Math.min(width, finite.length));
  const [low, high] = [Math.min(...columns), Math.max(...columns)];
  const span = high - low || 1;
  // The lowest value has one eighth, so that it is seen.
  const eighths = columns.map((value) => 1 + Math.round(((value - low) / span) * (8 * height - 1)));
  const labels = [high, low].map((value) => value.toFixed(3));
  const margin = Math.max(...labels.map(({ length }) => length));
  const rows = Array.from({ length: height }, (_, row) => {
    const below = 8 * (height - 1 - row);
    const bars = eighths.map((count) => EIGHTHS[Math.max(0, Math.min(8, count - below))] ?? " ").join("");
    const label = row === 0 ? labels[0] : row === height - 1 ? labels[1] : "";
    return `${(label ?? "").padStart(margin)} ${bars.trimEnd()}`;
  });
  return [`${" ".repeat(margin)} ${title}`, ...rows];
}

function resample(values: readonly number[], columns: number): number[] {
  return Array.from({ length: columns }, (_, column) => {
    const [from, to] = [column, column + 1].map((edge) => Math.floor((edge * values.length) / columns));
    const part = values.slice(from, to);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
