/** Numbers as label files write them. */

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
/** How programs write a rating that is not there, or went wrong. */
const NOT_A_NUMBER = /^([-+]?nan|na|n\/a|null|none|)$/i;
const INFINITE = /^([-+]?)inf(inity)?$/i;

/** A field's number: finite, NaN or an infinity; undefined where it is no number at all. */
export function parseNumber(text: string): number | undefined {
  const trimmed = text.trim();
  if (NUMBER.test(trimmed)) return Number(trimmed);
  if (NOT_A_NUMBER.test(trimmed)) return NaN;
  const infinite = INFINITE.exec(trimmed);
  return infinite ? (infinite[1] === "-" ? -Infinity : Infinity) : undefined;
}

/** What is wrong with a field that should hold a finite number; undefined where nothing is. */
export function numberFault(text: string, nonFinite: "refuse" | "keep" = "refuse"): string | undefined {
  const value = parseNumber(text);
  if (value === undefined) return `"${text.trim()}" is no number`;
  if (Number.isFinite(value) || nonFinite === "keep") return undefined;
  return text.trim() === "" ? "is empty where a number is needed" : `"${text.trim()}" is no finite number`;
}
