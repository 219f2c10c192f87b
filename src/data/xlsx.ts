/** Workbooks (.xlsx) as rows of text: one of their sheets, cells as the file has them. */
import { strFromU8, unzipSync } from "fflate";
import readWorkbook from "read-excel-file/universal";
import { messageOf } from "../errors.js";
import { crcOf, readBytes } from "../files/index.js";
import { invalid } from "./files.js";

/** Whether a file is read as a workbook. */
export function isWorkbook(file: string): boolean {
  return /\.xlsx$/i.test(file);
}

/** Bytes of a workbook at most, and of what is packed in it: SPAQ's largest has 1 MB. */
const MOST_PACKED = 16 * 2 ** 20;
const MOST_UNPACKED = 64 * 2 ** 20;
/** The checksum of zip; Node has it from 20.15 on only. */
const crc32 = crcOf(0xedb88320);
/** Cells between the first and the outermost of a sheet: all of them are made. */
const MOST_CELLS = 10_000_000;

/** A sheet of a workbook. */
export interface Sheet {
  /** Undefined: the first, where everybody looks. */
  readonly name: string | undefined;
  /** Empty ones included, so that the row k is the line k + 1. */
  readonly rows: string[][];
}

/**
 * The first sheet whose header has the columns, else the first.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; DATA_INVALID where it is no workbook, or one of too many cells
 */
export async function readSheet(file: string, remedy: string, columns: readonly string[]): Promise<Sheet> {
  const bytes = Uint8Array.from(await readBytes(file, { remedy, maxBytes: MOST_PACKED }));
  try {
    checkSize(bytes);
    const workbook = await readWorkbook(bytes.buffer, { parseNumber: (digits: string) => digits });
    const sheets = workbook.map(({ sheet, data }, index) => ({
      name: index > 0 ? sheet : undefined,
      rows: data.map((row) => row.map((cell) => textOf(cell))),
    }));
    return sheets.find(({ rows }) => hasColumns(rows, columns)) ?? sheets[0] ?? { name: undefined, rows: [] };
  } catch (cause) {
    throw invalid(file, `is no workbook that can be read (${messageOf(cause)})`, remedy, cause);
  }
}

/** Whether the first row that holds something names all of the columns. */
function hasColumns(rows: readonly string[][], columns: readonly string[]): boolean {
  const header = rows.find((row) => row.some((cell) => cell.trim() !== "")) ?? [];
  const names = new Set(header.map((name) => name.trim().toLowerCase()));
  return columns.every((name) => names.has(name.toLowerCase()));
}

/** Refuses what would take much memory: the reader makes every cell up to the outermost that a sheet names. */
function checkSize(bytes: Uint8Array): void {
  let unpacked = 0;
  const isSmall = ({ originalSize }: { readonly originalSize: number }): boolean =>
    (unpacked += originalSize) <= MOST_UNPACKED;
  // The sizes in the directory bound what unpacking allocates.
  const parts = unzipSync(bytes, { filter: isSmall });
  checkSums(bytes, parts);
  if (unpacked > MOST_UNPACKED) throw new Error(`it unpacks to ${unpacked} bytes, ${MOST_UNPACKED} are allowed`);
  for (const part of Object.values(parts)) {
    const text = strFromU8(part);
    if (text.includes("sheetData")) checkCells(text);
  }
}

/** Compares what was unpacked with the checksums of the archive's directory (PKWARE's APPNOTE, 4.3.12), which fflate does not. */
function checkSums(bytes: Uint8Array, parts: Readonly<Record<string, Uint8Array>>): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end > 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true)) as [number, number, number]; // prettier-ignore
    const file = strFromU8(bytes.subarray(at + 46, at + 46 + name), (view.getUint16(at + 8, true) & 0x800) === 0);
    const part = parts[file];
    if (part && crc32(part) !== view.getUint32(at + 16, true))
      throw new Error(`${file} is damaged: its checksum is another`);
    at += 46 + name + extra + comment;
  }
}

function checkCells(sheet: string): void {
  let [rows, columns] = [1, 1];
  for (const [, place = ""] of sheet.matchAll(/(?<![:\w])r\s*=\s*["']([^"']*)["']/g)) {
    const [, letters, digits] = /^([A-Z]{0,3})(\d{0,7})$/.exec(place) ?? [];
    if (letters === undefined) throw new Error(`"${place.slice(0, 20)}" is no cell`);
    rows = Math.max(rows, Number(digits));
    columns = Math.max(columns, [...letters].reduce((sum, letter) => 26 * sum + letter.charCodeAt(0) - 64, 0)); // prettier-ignore
  }
  if (rows * columns > MOST_CELLS) throw new Error(`it has ${rows} times ${columns} cells, ${MOST_CELLS} are allowed`);
}

function textOf(cell: unknown): string {
  if (cell instanceof Date) return cell.toISOString();
  return typeof cell === "string" || typeof cell === "number" || typeof cell === "boolean" ? String(cell) : "";
}
