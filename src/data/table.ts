/** Tables with a header (CSV, or a sheet of a workbook): columns by name, in any order and case; every error names file, line and column. */
import { parse } from "csv-parse/sync";
import { messageOf } from "../errors.js";
import { readText } from "../files/index.js";
import { invalid } from "./files.js";
import { numberProblem, parseNumber } from "./numbers.js";
import type { ReaderOptions } from "./types.js";
import { isWorkbook, readSheet } from "./xlsx.js";

export interface TableOptions extends Pick<ReaderOptions, "nonFinite"> {
  /** Required columns. */
  readonly columns: readonly string[];
  /** What to do about an invalid file: a sentence. */
  readonly remedy: string;
  /** Receives a sentence where the file is not in UTF-8; without it that is an error. */
  readonly notes?: string[];
}

/** One row of a table. Column names are case-insensitive. */
export class Row {
  constructor(
    readonly table: Table,
    readonly line: number,
    private readonly fields: readonly string[],
  ) {}

  /** A field's text without spaces around it; undefined where the table has no such column. */
  find(column: string): string | undefined {
    const index = this.table.indexOf(column);
    return index === undefined ? undefined : this.at(index);
  }

  /** The text of the field in a column by its index, from 0. */
  at(index: number): string {
    return (this.fields[index] ?? "").trim();
  }

  /** The text of a field that must not be empty. */
  text(column: string): string {
    const text = this.find(column) ?? "";
    if (text === "") throw this.invalid(column, "is empty");
    return text;
  }

  /** A field's number. @throws RocError DATA_INVALID for anything else, as `nonFinite` says */
  number(column: string): number {
    const text = this.find(column) ?? "";
    const problem = numberProblem(text, this.table.options.nonFinite);
    if (problem !== undefined) throw this.invalid(column, problem);
    return parseNumber(text) ?? NaN;
  }

  /** A field's number; undefined where the column is missing or the field is empty. */
  optionalNumber(column: string): number | undefined {
    return (this.find(column) ?? "") === "" ? undefined : this.number(column);
  }

  /** An error about a field. */
  invalid(column: string, what: string): Error {
    return invalid(`${this.table.file}, line ${this.line}, column "${column}"`, what, this.table.options.remedy);
  }
}

/** A table in memory. */
export class Table {
  readonly rows: readonly Row[];
  readonly #indices: ReadonlyMap<string, number>;

  constructor(
    readonly file: string,
    /** The names in the header, as written. */
    readonly columns: readonly string[],
    records: readonly (readonly string[])[],
    lines: readonly number[],
    readonly options: TableOptions,
  ) {
    this.#indices = new Map(columns.map((name, index) => [name.toLowerCase(), index]));
    this.rows = records.map((fields, i) => new Row(this, lines[i] ?? 0, fields));
  }

  indexOf(column: string): number | undefined {
    return this.#indices.get(column.toLowerCase());
  }
}

/**
 * Reads a table: comma, semicolon or tab between the fields, quoted or not, any line ends, a byte order mark or none.
 *
 * @throws RocError FILE_NOT_FOUND; DATA_INVALID where the file is not a table, is empty or lacks a column
 */
export async function readTable(file: string, options: TableOptions): Promise<Table> {
  const { columns: needed, remedy, notes } = options;
  const lines: number[] = [];
  const sheet = isWorkbook(file) ? await readSheet(file, remedy, needed) : undefined;
  const place = sheet?.name === undefined ? file : `${file}, sheet "${sheet.name}"`;
  const records = sheet
    ? filled(sheet.rows, lines)
    : parseRecords(file, await readText(file, { remedy, notes }), lines, remedy);
  const [header, ...rest] = records;
  if (header === undefined) throw invalid(place, "is empty", remedy);
  const columns = header.map((name) => name.trim());
  const lower = columns.map((name) => name.toLowerCase());
  for (const name of needed) {
    const found = lower.filter((column) => column === name.toLowerCase()).length;
    const where = `${place}, line ${lines[0] ?? 1}`;
    if (found === 0) throw invalid(where, `no column "${name}" in the header (${columns.join(", ")})`, remedy);
    if (found > 1) throw invalid(where, `the header has the column "${name}" ${found} times`, remedy);
  }
  if (rest.length === 0) throw invalid(place, "no row under the header", remedy);
  return new Table(place, columns, rest, lines.slice(1), options);
}

/** The rows that hold something; their numbers go into `lines`. */
function filled(rows: readonly string[][], lines: number[]): string[][] {
  return rows.filter((row, index) => {
    const holds = row.some((cell) => cell.trim() !== "");
    if (holds) lines.push(index + 1);
    return holds;
  });
}

/** The records, header first; their line numbers go into `lines`. */
function parseRecords(file: string, text: string, lines: number[], remedy: string): string[][] {
  try {
    return parse(text, {
      delimiter: delimiterOf(text),
      skip_empty_lines: true,
      skip_records_with_empty_values: true,
      on_record: (record: string[], { lines: line }) => {
        lines.push(line);
        return record;
      },
    });
  } catch (cause) {
    throw invalid(file, messageOf(cause), remedy, cause);
  }
}

/** What separates the fields: a comma, unless the header has none and has a tab or a semicolon. */
function delimiterOf(text: string): string {
  const [header = ""] = text.split(/[\r\n]/, 1);
  return [",", "\t", ";"].find((delimiter) => header.includes(delimiter)) ?? ",";
}
