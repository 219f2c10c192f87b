/**
 * A connection to an SQLite file, by libsql. Its binding ends the process where it is given a value that it does not know
 * (a boolean, a buffer alone), so that every statement goes through here, with its parameters in an array.
 */
import Database from "libsql";
import { holdDatabase } from "../files/index.js";
import { isRocError, messageOf, RocError } from "../errors.js";

/** What SQLite keeps. Whole numbers beyond 2^53 are bigints. */
export type Value = string | number | bigint | null | Uint8Array;

/** How long a statement waits for another connection that writes, in milliseconds. */
const PATIENCE_MS = 10_000;

const DAMAGED = "Restore it from a backup, or name another file (--library).";

export class Connection {
  readonly #database: Database.Database;
  readonly #release: () => void;
  readonly #prepared = new Map<string, Database.Statement>();

  /** @param readonly the file is never written @throws RocError DATA_INVALID for a file that is no database; FILE_UNREADABLE */
  constructor(
    readonly file: string,
    { readonly = false }: { readonly readonly?: boolean } = {},
  ) {
    this.#database = guarded(file, () => new Database(file, { timeout: PATIENCE_MS, readonly }));
    this.#release = holdDatabase(file);
  }

  /** Statements that return nothing. */
  exec(sql: string): void {
    guarded(this.file, () => this.#database.exec(sql));
  }

  /** @returns the number of changed rows */
  run(sql: string, values: readonly Value[] = []): number {
    return guarded(this.file, () => this.#statement(sql).run(checked(values)).changes);
  }

  /** All rows, each an array in the order of the columns. Whole numbers beyond 2^53 lose their last digits. */
  rows<Row extends readonly Value[]>(sql: string, values: readonly Value[] = []): Row[] {
    return guarded(this.file, () => this.#statement(sql).raw(true).all(checked(values)) as Row[]);
  }

  /** The first row, as in {@link rows}. */
  row<Row extends readonly Value[]>(sql: string, values: readonly Value[] = []): Row | undefined {
    return this.rows<Row>(sql, values)[0];
  }

  /** The first column of the first row. */
  value<Found extends Value>(sql: string, values: readonly Value[] = []): Found | undefined {
    return this.row<[Found]>(sql, values)?.[0];
  }

  /** Runs `work` in one transaction that writes: all of it is kept, or nothing. */
  write<T>(work: () => T): T {
    this.exec("BEGIN IMMEDIATE");
    return this.#within(work);
  }

  /** Runs `work` on one state of the file, whatever others write meanwhile. */
  read<T>(work: () => T): T {
    this.exec("BEGIN");
    return this.#within(work);
  }

  #within<T>(work: () => T): T {
    try {
      const result = work();
      this.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#database.inTransaction) this.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#prepared.clear();
    this.#database.close();
    this.#release();
  }

  #statement(sql: string): Database.Statement {
    let statement = this.#prepared.get(sql);
    if (!statement) this.#prepared.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }
}

/** One array, which the binding takes for what it is. */
function checked(values: readonly Value[]): Value[] {
  for (const value of values) {
    const isKnown =
      value === null || value instanceof Uint8Array || ["string", "number", "bigint"].includes(typeof value);
    if (!isKnown) throw new RocError("INTERNAL", `A ${typeof value} cannot be kept in a database.`);
  }
  return [...values];
}

function guarded<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw errorOf(file, error);
  }
}

/** Errors of SQLite by the names of its codes. */
function errorOf(file: string, error: unknown): unknown {
  if (isRocError(error)) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const said = messageOf(error);
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(code))
    return new RocError("DATA_INVALID", `${file} is damaged, or no library: ${said}. ${DAMAGED}`, { cause: error });
  if (code.startsWith("SQLITE_BUSY"))
    return new RocError("IN_USE", `${file} is being written by another process. Try again later.`, { cause: error });
  if (/^SQLITE_(READONLY|FULL|IOERR|PERM)/.test(code))
    return new RocError("FILE_UNWRITABLE", `${file} cannot be written: ${said}. Check the folder's permissions and the free space.`, { cause: error }); // prettier-ignore
  if (/^SQLITE_CANTOPEN/.test(code) || said.includes("ConnectionFailed"))
    return new RocError("FILE_UNREADABLE", `${file} cannot be opened: ${said}. Check its permissions and those of its folder.`, { cause: error }); // prettier-ignore
  return error;
}
