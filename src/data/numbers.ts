/** Numbers in label files. */

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
/** Common spellings of missing and non-finite ratings. */
const NOT_A_NUMBER = /^([-+]?nan|na|n\/a|null|none|)$/i;
const INFINITE = /^([-+]?)inf(inity)?$/i;

/** A field's number: finite, NaN or an infinity; undefined where it is not a number. */
export function parseNumber(text: string): number | undefined {
  const trimmed = text.trim();
  if (NUMBER.test(trimmed)) return Number(trimmed);
  if (NOT_A_NUMBER.test(trimmed)) return NaN;
  const infinite = INFINITE.exec(trimmed);
  return infinite ? (infinite[1] === "-" ? -Infinity : Infinity) : undefined;
}

/** The error of a field that should hold a finite number; undefined where it is valid. */
export function numberProblem(text: string, nonFinite: "refuse" | "keep" = "refuse"): string | undefined {
  const value = parseNumber(text);
  if (value === undefined) return `"${text.trim()}" is not a number`;
  if (Number.isFinite(value) || nonFinite === "keep") return undefined;
  return text.trim() === "" ? "is empty where a number is needed" : `"${text.trim()}" is not a finite number`;
}
