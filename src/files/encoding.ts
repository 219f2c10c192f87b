/**
 * Bytes to text. UTF-8, and UTF-16 where a byte order mark (or every other byte) says so. What is neither is never read
 * with U+FFFD in the place of letters: it is Windows-1252, said in a note, where that is likely and a reader allows it; else an
 * error that names the first line.
 */
import { isUtf8 } from "node:buffer";
import { RocError } from "../errors.js";

export interface DecodeOptions {
  /** Allows Windows-1252 (of which ISO 8859-1 is a part), and gets a sentence on it. */
  readonly notes?: string[] | undefined;
}

const UTF8_MARK = "\ufeff";

/** @param file names the bytes in the error @throws RocError FILE_UNREADABLE */
export function decodeText(bytes: Uint8Array, file: string, { notes }: DecodeOptions = {}): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = wideEncoding(buffer);
  if (wide) return decodeWide(buffer, wide, file);
  if (isUtf8(buffer)) {
    const text = buffer.toString("utf8");
    return text.startsWith(UTF8_MARK) ? text.slice(UTF8_MARK.length) : text;
  }
  const fault = firstFault(buffer);
  const line = lineOf(buffer, fault);
  const byte = `0x${buffer[fault]?.toString(16) ?? ""}`;
  if (notes === undefined || !isLikelyWestern(buffer)) {
    const remedy = `Save it as UTF-8, as by iconv -f ENCODING -t UTF-8.`;
    throw new RocError("FILE_UNREADABLE", `${file}, line ${line}: not UTF-8 (byte ${byte}). ${remedy}`);
  }
  const text = buffer
    .toString("latin1")
    .replace(/[\x80-\x9f]/g, (letter) => SPECIAL[letter.charCodeAt(0) - 0x80] ?? letter);
  const word = wordAt(text, fault);
  notes.push(
    `${file} is not UTF-8: read as Windows-1252, as "${word}" in line ${line}. Save it as UTF-8 if that is wrong.`,
  );
  return text;
}

type Wide = "utf-16le" | "utf-16be" | "utf-32";

function wideEncoding(bytes: Buffer): Wide | undefined {
  const [a, b, c, d] = bytes;
  if ((a === 0xff && b === 0xfe && c === 0 && d === 0) || (a === 0 && b === 0 && c === 0xfe && d === 0xff))
    return "utf-32";
  if (a === 0xff && b === 0xfe) return "utf-16le";
  if (a === 0xfe && b === 0xff) return "utf-16be";
  return withoutMark(bytes.subarray(0, 4096));
}

/** ASCII in two bytes a letter has a 0 in every other place. */
function withoutMark(start: Buffer): Wide | undefined {
  const zeros = [0, 0];
  start.forEach((byte, i) => {
    if (byte === 0) zeros[i % 2] = (zeros[i % 2] ?? 0) + 1;
  });
  const [even = 0, odd = 0] = zeros;
  const most = 0.3 * (start.length / 2);
  if (odd > most && even === 0) return "utf-16le";
  return even > most && odd === 0 ? "utf-16be" : undefined;
}

function decodeWide(bytes: Buffer, encoding: Wide, file: string): string {
  const remedy = "Save it as UTF-8.";
  if (encoding === "utf-32")
    throw new RocError("FILE_UNREADABLE", `${file} is in UTF-32, which is not read. ${remedy}`);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new RocError("FILE_UNREADABLE", `${file} begins as UTF-16 and is not. ${remedy}`, { cause });
  }
}

/** Bytes of the UTF-8 character that begins at `at`; 0 where none does. */
function characterAt(bytes: Buffer, at: number): number {
  const byte = bytes[at] ?? 0;
  const size = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  return at + size <= bytes.length && isUtf8(bytes.subarray(at, at + size)) ? size : 0;
}

/** Where the first bytes are that are no UTF-8, of those that have some. */
export function firstFault(bytes: Buffer): number {
  for (let at = 0; at < bytes.length;) {
    const size = characterAt(bytes, at);
    if (size === 0) return at;
    at += size;
  }
  return bytes.length;
}

function lineOf(bytes: Buffer, at: number): number {
  let line = 1;
  for (let i = bytes.indexOf("\n"); i >= 0 && i < at; i = bytes.indexOf("\n", i + 1)) line++;
  return line;
}

/** What Windows-1252 has at 0x80 to 0x9f. (`TextDecoder` takes it for ISO 8859-1 in some versions of Node.) */
const SPECIAL = [..."\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178"]; // prettier-ignore

/** Bytes that Windows-1252 has no character for. */
const UNUSED = new Set([0x81, 0x8d, 0x8f, 0x90, 0x9d]);

/**
 * Whether it is Windows-1252, by its letters beyond ASCII. In Western texts most stand alone among plain letters; in other
 * alphabets, and where a character takes two bytes (Shift JIS, GBK), they stand together. Whole UTF-8 characters are those of a
 * UTF-8 file that was damaged.
 */
function isLikelyWestern(bytes: Buffer): boolean {
  const isHigh = (at: number): boolean => (bytes[at] ?? 0) >= 0x80;
  let [high, together, whole] = [0, 0, 0];
  for (let at = 0; at < bytes.length; at++) {
    if (!isHigh(at)) continue;
    if (UNUSED.has(bytes[at] ?? 0)) return false;
    high++;
    if (isHigh(at - 1) || isHigh(at + 1)) together++;
    if (characterAt(bytes, at) > 1) whole++;
  }
  return together <= 0.5 * high && whole <= 0.1 * high;
}

/** The word around a place, at most 40 letters. */
function wordAt(text: string, at: number): string {
  const from = Math.max(text.slice(0, at).search(/[\p{L}\p{N}]*$/u), at - 20);
  const [word = ""] = /^.[\p{L}\p{N}]{0,20}/u.exec(text.slice(at)) ?? [];
  return text.slice(from, at) + word;
}
