/** Tables for spreadsheets, as RFC 4180 has them. */
import { stringify } from "csv-stringify/sync";
import type { OutputKind } from "../../files/index.js";

/** What a table of scores is known by when the next one takes its place. */
export const SCORE_TABLE: OutputKind = {
  name: "table that roc4mllm wrote",
  isOurs: (start) => /^file,score,std[,\r\n]/.test(start),
};

/** Before them a spreadsheet computes. */
const FORMULA = /^[=+\-@\t\r\uff0b\uff0d\uff1d\uff20]/;

/** The same in later lines, for programs that split a text into its lines. */
const LATER = /(\r\n|[\r\n])(?=[=+\-@\t\uff0b\uff0d\uff1d\uff20])/g;

/** Whether a spreadsheet takes a text for a formula. */
export function isFormula(text: string): boolean {
  return FORMULA.test(text);
}

/** A text of which no spreadsheet takes a line for a formula. */
export function inert(text: string): string {
  const inside = text.replace(LATER, "$1'");
  return isFormula(inside) ? `'${inside}` : inside;
}

/** The text of a file. Cells with quotes, commas and line breaks of any kind are quoted; lines end in CR LF. */
export function csvText(rows: readonly (readonly (string | number | null | undefined)[])[]): string {
  return stringify(rows as (string | number | null | undefined)[][], {
    record_delimiter: "\r\n",
    quoted_match: /[\r\n]/,
  });
}
