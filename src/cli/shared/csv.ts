/** Cells of CSV files for spreadsheets. */

/** Before them a spreadsheet computes. */
const FORMULA = /^[=+\-@\t\r\uff0b\uff0d\uff1d\uff20]/;

/** Whether a spreadsheet takes a text for a formula. */
export function isFormula(text: string): boolean {
  return FORMULA.test(text);
}

/** A text that no spreadsheet takes for a formula. */
export function inert(text: string): string {
  return isFormula(text) ? `'${text}` : text;
}
