/** Texts of others, as a terminal may have them. */
import { readableName } from "../../image/file-names.js";

/** What would move the cursor, or change the reading direction, in a terminal. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** A text with nothing in it that a terminal would obey: a file may be called anything. */
export function printable(text: string): string {
  return readableName(text).replace(UNSAFE, "�");
}
