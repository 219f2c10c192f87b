/** Leaving photos or judges out of a library. No photo is touched. */
import type { Value } from "./connection.js";
import { Catalog } from "./catalog.js";
import { openToWrite } from "./open.js";
import { withinFolder } from "./where.js";

export interface ForgetOptions {
  /** The library's file. */
  readonly library: string;
  /** Only files in this folder or below it; bytes for names that are not UTF-8. */
  readonly folder?: string | Uint8Array | undefined;
  /** Only files that are not there any more. */
  readonly gone?: boolean | undefined;
  /** Not files, but all that this judge has said: its number, its name or the beginning of one. */
  readonly judge?: string | undefined;
  /** Only count. */
  readonly dryRun?: boolean | undefined;
}

/** How much is forgotten: files, and scores with them. */
export interface Forgotten {
  readonly files: number;
  readonly scores: number;
}

/**
 * Forgets files, with what no other file needs; or a judge. Space is used again, and not given back to the disk.
 *
 * @throws RocError IN_USE; USAGE for a judge that is none; FILE_NOT_FOUND, DATA_INVALID as {@link Catalog.open}
 */
export async function forget({ library, folder, gone, judge, dryRun = false }: ForgetOptions): Promise<Forgotten> {
  const chosen = await judgeIn(library, judge);
  const writable = await openToWrite(library);
  const { connection } = writable;
  const count = (table: string): number => connection.value<number>(`SELECT count(*) FROM ${table}`) ?? 0;
  const run = (sql: string, values: readonly Value[] = []): number => connection.run(sql, values);
  const work = (): Forgotten => {
    const before = { files: count("files"), scores: count("scores") };
    if (chosen !== undefined) {
      run("DELETE FROM tasted WHERE taste IN (SELECT id FROM tastes WHERE judge = ?)", [chosen]);
      for (const table of ["tastes", "vectors", "scores", "failures"])
        run(`DELETE FROM ${table} WHERE judge = ?`, [chosen]);
      run("UPDATE scans SET judge = NULL WHERE judge = ?", [chosen]);
      run("DELETE FROM judges WHERE id = ?", [chosen]);
    } else {
      const within = folder === undefined ? { sql: "1", values: [] } : withinFolder(folder);
      run(`DELETE FROM files AS f WHERE ${within.sql}${gone ? " AND f.gone IS NOT NULL" : ""}`, within.values);
      const orphans = "NOT IN (SELECT picture FROM files WHERE picture IS NOT NULL)";
      for (const table of ["tasted", "vectors", "scores", "failures"])
        run(`DELETE FROM ${table} WHERE picture ${orphans}`);
      run(`DELETE FROM pairs WHERE better ${orphans} OR worse ${orphans}`);
      run(`DELETE FROM pictures WHERE id ${orphans}`);
    }
    const left = { files: count("files"), scores: count("scores") };
    return { files: before.files - left.files, scores: before.scores - left.scores };
  };
  try {
    if (!dryRun) return connection.write(work);
    connection.exec("BEGIN IMMEDIATE");
    try {
      return work();
    } finally {
      connection.exec("ROLLBACK");
    }
  } finally {
    await writable.close();
  }
}

async function judgeIn(library: string, judge: string | undefined): Promise<number | undefined> {
  // Also where there is none: a library that is not there is not made to be emptied.
  using catalog = await Catalog.open(library);
  return judge === undefined ? undefined : catalog.judgeNamed(judge).id;
}
