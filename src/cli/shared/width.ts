/** How many columns of the terminal a text takes, and texts cut to a number of columns. */
import stringWidth from "string-width";
import wrapAnsi from "wrap-ansi";

export { printable } from "./printable.js";

const GRAPHEMES = new Intl.Segmenter("en", { granularity: "grapheme" });

function graphemes(text: string): string[] {
  return Array.from(GRAPHEMES.segment(text), ({ segment }) => segment);
}

/** Columns of a text; escape sequences take none. */
export function textWidth(text: string): number {
  return stringWidth(text);
}

/** As many graphemes of `parts`, from its start, as fit into `width` columns. */
function fitting(parts: readonly string[], width: number): string[] {
  let used = 0;
  const end = parts.findIndex((part) => (used += textWidth(part)) > width);
  return end < 0 ? [...parts] : parts.slice(0, end);
}

/** A text cut in its middle to at most `width` columns: the end of a file name says more than its middle. */
export function truncateMiddle(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  const parts = graphemes(text);
  const tail = fitting(parts.toReversed(), Math.ceil((width - 1) * 0.6))
    .reverse()
    .join("");
  const head = fitting(parts, width - 1 - textWidth(tail)).join("");
  return `${head}…${tail}`;
}

/**
 * A text in lines of at most `width` columns: ended at blanks, and within a word only where the word itself is wider. A no-break
 * space ends no line.
 */
export function wrapped(text: string, width: number): string[] {
  if (text === "") return [];
  return wrapAnsi(text, width, { hard: true })
    .split("\n")
    .map((line) => line.replaceAll("\u00a0", " "));
}

/** A text with spaces after it, `width` columns in all. */
export function padEnd(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}
