/** Tables as prettier writes them. */

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** A table in Markdown, its columns as wide as prettier makes them. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map(cell));
  const widths = head.map((_, i) => Math.max(3, ...all.map((row) => [...(row[i] ?? "")].length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, i) => text + " ".repeat((widths[i] ?? 0) - [...text].length)).join(" | ")} |`;
  const [first = [], ...rest] = all;
  return [line(first), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rest.map(line)].join("\n");
}
