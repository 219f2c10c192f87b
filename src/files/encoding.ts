/**
 * Bytes to text: UTF-8, and UTF-16 where a byte order mark (or zeros in every other byte) shows it. Other bytes never
 * become U+FFFD: where they are likely to be Windows-1252 and the caller allows it, they are decoded as such, with a note;
 * otherwise an error names the first line.
 */
import { isUtf8 } from "node:buffer";
import { RocError } from "../errors.js";

export interface DecodeOptions {
  /** Allows Windows-1252 (which includes ISO 8859-1); receives a sentence where it is used. */
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

/** ASCII at two bytes per character has a 0 in every other byte. */
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
    throw new RocError("FILE_UNREADABLE", `${file} is in UTF-32, which is not supported. ${remedy}`);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new RocError("FILE_UNREADABLE", `${file} looks like UTF-16 but is not valid. ${remedy}`, { cause });
  }
}

/** Length in bytes of the UTF-8 character that starts at `at`; 0 where none does. */
function characterAt(bytes: Buffer, at: number): number {
  const byte = bytes[at] ?? 0;
  const size = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  return at + size <= bytes.length && isUtf8(bytes.subarray(at, at + size)) ? size : 0;
}

/** Offset of the first byte that is not valid UTF-8, in bytes that are known to have one. */
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

/** The characters of Windows-1252 at 0x80 to 0x9f. (`TextDecoder` decodes it as ISO 8859-1 in some versions of Node.) */
const SPECIAL = [..."\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178"]; // prettier-ignore

/** Bytes without a character in Windows-1252. */
const UNUSED = new Set([0x81, 0x8d, 0x8f, 0x90, 0x9d]);

/**
 * Whether bytes are Windows-1252, judged by the letters beyond ASCII. In Western texts most are isolated among ASCII
 * letters; in other alphabets, and where a character takes two bytes (Shift JIS, GBK), they form runs. Valid UTF-8
 * sequences indicate a damaged UTF-8 file.
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

/** The word around a position, at most 40 letters. */
function wordAt(text: string, at: number): string {
  const from = Math.max(text.slice(0, at).search(/[\p{L}\p{N}]*$/u), at - 20);
  const [word = ""] = /^.[\p{L}\p{N}]{0,20}/u.exec(text.slice(at)) ?? [];
  return text.slice(from, at) + word;
}
