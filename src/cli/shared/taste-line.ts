/** What is said once of a taste's numbers. */
import { printable } from "./printable.js";

/** What the number behind the bar is. */
export function tasteLine(name: string): string {
  return `Behind the bar: what the taste ${printable(name)} says, on the same scale`;
}
