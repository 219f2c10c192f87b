/** Unicode normalization form C, as Python's `tokenizers` computes it. */

/**
 * Combining or composing characters from Unicode 10 and later. `tokenizers` 0.23 uses the tables of Unicode 9, where they
 * are ordinary letters that are never reordered or composed (found by comparing every code point, see
 * test/fixtures/tokenizers/make-nfc.py). In hexadecimal; the second list is of the scripts in which letters compose.
 */
const MARKS =
  "7fd 897-89f 8ca-8d3 9fe c3c d3b-d3c eba 1715 1abf-1add 1ae0-1aeb 1df6-1dfa a82c 10d24-10d27 10d69-10d6d 10eab-10eac " +
  "10efa-10efb 10efd-10eff 10f46-10f50 10f82-10f85 11070 1133b 1145e 11839-1183a 119e0 11a34 11a47 11a99 11d42 " +
  "11d44-11d45 11d97 11f41-11f42 16ff0-16ff1 1e08f 1e130-1e136 1e2ae 1e2ec-1e2ef 1e4ec-1e4ef 1e5ee-1e5ef 1e6e3 1e6e6 " +
  "1e6ee-1e6ef 1e6f5";
const SCRIPTS = "105c0-105ff 11380-113ff 11900-1195f 16100-1613f 16d40-16d7f";

const escaped = `${MARKS} ${SCRIPTS}`.replace(/[0-9a-f]+/g, "\\u{$&}").replaceAll(" ", "");
const UNKNOWN = new RegExp(`([${escaped}])`, "u");

/** Text in NFC, except for the characters that `tokenizers` does not know. */
export function nfc(text: string): string {
  if (!UNKNOWN.test(text)) return text.normalize("NFC");
  // With a capturing group, split() returns the captures at the odd indices.
  const parts = text.split(UNKNOWN);
  return parts.map((part, index) => (index % 2 === 0 ? part.normalize("NFC") : part)).join("");
}
