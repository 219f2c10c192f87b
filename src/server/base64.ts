/** Base64, strictly: Node's own decoder leaves out what it does not know. */

const DATA_URI = /^data:([a-z]+\/[a-z0-9.+-]+)?(;[a-z-]+=[^;,]*)*;base64,/i;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
/** Characters in which a data: URI's head has to end. */
const LONGEST_HEAD = 200;

/** Bytes of base64, or of a data: URI with it; undefined for anything else, as a URL or a path. */
export function decodeBase64(text: string): Buffer | undefined {
  const head = DATA_URI.exec(text.slice(0, LONGEST_HEAD))?.[0] ?? "";
  const digits = text.slice(head.length);
  const isStrict = digits.length > 0 && digits.length % 4 === 0 && BASE64.test(digits);
  return isStrict ? Buffer.from(digits, "base64") : undefined;
}
