/** Rows of a table in a file: CSV, JSON Lines, a JSON array or Parquet. */
import { extname } from "node:path";
import { parse } from "csv-parse/sync";
import { parquetReadObjects, type Compressors } from "hyparquet";
import { z } from "zod";
import { messageOf, RocError } from "../errors.js";
import { decodeText, readBytes } from "../files/index.js";
import { parseJson, type Row } from "./values.js";

/**
 * Reads a table by the name's ending. A CSV file may have semicolons or tabs instead of commas; JSON may hold NaN and
 * Infinity, as Python writes them (they become text).
 *
 * @param nameOf what becomes of a column's name; by default it is trimmed and in lower case
 * @param notes allow another encoding than UTF-8, which is said there
 * @throws RocError FILE_NOT_FOUND, DATA_INVALID naming the file
 */
export async function readRows(
  file: string,
  nameOf = (name: string): string => name.trim().toLowerCase(),
  notes?: string[],
): Promise<Row[]> {
  const bytes = await readBytes(file, { remedy: "Check the path." });
  try {
    return (await recordsOf(file, bytes, notes)).map(
      (record) => new Map(Object.entries(record).map(([name, value]) => [nameOf(name), value])),
    );
  } catch (cause) {
    if (cause instanceof RocError) throw cause;
    const forms = "a CSV file with a header, JSON Lines (.jsonl) or Parquet (.parquet)";
    throw new RocError("DATA_INVALID", `${file} is not ${forms}: ${messageOf(cause)}`, { cause });
  }
}

const records = z.array(z.record(z.string(), z.unknown()));

async function recordsOf(file: string, bytes: Uint8Array<ArrayBuffer>, notes: string[] | undefined): Promise<object[]> {
  switch (extname(file).toLowerCase()) {
    case ".parquet": {
      // Reserves gigabytes of addresses, which a limit may not allow: only where it is needed.
      const { compressors } = await import("hyparquet-compressors");
      return records.parse(await parquetObjects(bytes.buffer, compressors));
    }
    case ".jsonl":
    case ".ndjson":
    case ".json":
      return jsonRecords(file, decodeText(bytes, file, { notes }));
    default:
      return csvRecords(decodeText(bytes, file, { notes }));
  }
}

/**
 * The rows of a Parquet file. Where the reader gives up before it waits for the columns that it has begun, their faults
 * would end the process as unhandled: so no column gets its bytes before it is known whether the reader continues.
 */
async function parquetObjects(bytes: ArrayBuffer, compressors: Compressors): Promise<object[]> {
  let hasFailed = false;
  const slice = async (start: number, end?: number): Promise<ArrayBuffer> => {
    await new Promise(setImmediate);
    return hasFailed ? new Promise<never>(() => undefined) : bytes.slice(start, end);
  };
  try {
    return await parquetReadObjects({ file: { byteLength: bytes.byteLength, slice }, compressors });
  } catch (error) {
    hasFailed = true;
    throw error;
  }
}

function jsonRecords(file: string, text: string): object[] {
  const array = text.trimStart().startsWith("[") ? records.safeParse(parseLoose(text)) : undefined;
  if (array?.success) return array.data;
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const parsed = z.record(z.string(), z.unknown()).safeParse(parseLoose(line));
    if (parsed.success) return [parsed.data];
    throw new RocError("DATA_INVALID", `${file}, line ${index + 1} is no JSON object.`);
  });
}

/**
 * JSON with the numbers of Python's that JSON has not, as text. A string that has no end goes to the end of the text:
 * else each quote in it would be tried as the beginning of one.
 */
function parseLoose(text: string): unknown {
  return parseJson(text) ?? parseJson(text.replace(/("(?:[^"\\]|\\.)*"?)|-?\b(?:NaN|Infinity)\b/g, (all, quoted?: string) => quoted ?? `"${all}"`)); // prettier-ignore
}

/** The header tells what parts the columns; where that is a semicolon, numbers may have a decimal comma. */
function csvRecords(text: string): object[] {
  const [header = ""] = text.split("\n", 1);
  const delimiter = [",", "\t", ";"].find((sign) => header.includes(sign)) ?? ",";
  const cast = (value: string): string => (delimiter === ";" ? value.replace(/^(-?\d+),(\d+)$/, "$1.$2") : value);
  const options = { columns: true, bom: true, skip_empty_lines: true, trim: delimiter !== "\t", delimiter, cast };
  return records.parse(parse(text, options));
}
