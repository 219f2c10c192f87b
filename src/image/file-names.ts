/**
 * Names of files that are not UTF-8, as texts. A byte that is part of no character is a lone surrogate, U+DC80 to
 * U+DCFF, as in Python (PEP 383): the text gives the name back, byte by byte, and JSON holds it as `\udcff`.
 */

/** Never one half of a pair: with the flag u a pair is one character. */
const ESCAPE = /[\udc80-\udcff]/u;
const ESCAPES = new RegExp(ESCAPE, "gu");

/** A name, or a path, as text. */
export function nameOfBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString("utf8");
  if (!text.includes("\ufffd") || Buffer.from(text, "utf8").equals(buffer)) return text;
  let name = "";
  for (let at = 0; at < bytes.length;) {
    const length = [1, 2, 3, 4].find((size) => isCharacter(buffer.subarray(at, at + size)));
    name +=
      length === undefined ? String.fromCharCode(0xdc00 + (bytes[at] ?? 0)) : buffer.toString("utf8", at, at + length);
    at += length ?? 1;
  }
  return name;
}

function isCharacter(bytes: Buffer): boolean {
  const text = bytes.toString("utf8");
  return [...text].length === 1 && Buffer.from(text, "utf8").equals(bytes);
}

/** What the file system is asked for: the path itself, or the bytes that {@link nameOfBytes} made it of. */
export function pathOfName(name: string): string | Buffer {
  if (!isBytes(name)) return name;
  const parts = [...name].map((character) =>
    ESCAPE.test(character) ? Buffer.of(character.charCodeAt(0) - 0xdc00) : Buffer.from(character, "utf8"),
  );
  return Buffer.concat(parts);
}

/** Whether a name encodes bytes that are not UTF-8. */
export function isBytes(name: string): boolean {
  return ESCAPE.test(name);
}

/** A name that can be written anywhere: `\xff` for a byte that is part of no character. */
export function readableName(name: string): string {
  return name.replace(ESCAPES, (byte) => `\\x${(byte.charCodeAt(0) - 0xdc00).toString(16)}`);
}
