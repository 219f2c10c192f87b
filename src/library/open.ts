/** Opening a library's file: what is none, damaged or of a newer version is refused before it is written. */
import { statSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { isRocError, RocError } from "../errors.js";
import {
  asideOf,
  exists,
  isLocked,
  makeFolder,
  publishFile,
  readError,
  remove,
  requireRegular,
  takeLock,
  writing,
  type Lock,
} from "../files/index.js";
import { Connection } from "./connection.js";
import { APPLICATION_ID, migrate, SCHEMA_VERSION } from "./schema.js";

/**
 * `library.db` in the user's data folder: `XDG_DATA_HOME`, by default `~/.local/share`.
 *
 * @category Server
 */
export function defaultLibrary(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(env["XDG_DATA_HOME"] || join(env["HOME"] || homedir(), ".local", "share"), "roc4mllm", "library.db");
}

const OTHER = "Name another file (--library); it has not been changed.";

/**
 * Looks at a file before it is opened for writing. SQLite itself reads it: whoever opens a database with a descriptor of his
 * own, and closes it, drops the locks of all connections that his process has to it, in every thread; the next process that
 * closes the database then takes itself for the last one, and deletes the log that this one writes.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, DATA_INVALID
 */
async function checkFile(file: string): Promise<void> {
  await requireRegularFile(file);
  const connection = new Connection(file, { readonly: true });
  try {
    // Else SQLite refuses a file that is too short without saying how short.
    connection.exec("PRAGMA writable_schema = ON");
    connection.read(() => checkHeader(connection));
  } catch (error) {
    if (isNoDatabase(error)) throw noLibrary(file);
    throw error;
  } finally {
    connection.close();
  }
}

function isNoDatabase(error: unknown): boolean {
  return isRocError(error) && (error.cause as { code?: unknown } | undefined)?.code === "SQLITE_NOTADB";
}

/** Within a transaction, so that the sizes are of one state. @throws RocError DATA_INVALID */
function checkHeader(connection: Connection): void {
  const { file } = connection;
  if (connection.value("PRAGMA application_id") !== APPLICATION_ID) throw noLibrary(file);
  checkVersion(file, connection.value<number>("PRAGMA user_version") ?? 0);
  const header = connection.value<Uint8Array>("SELECT data FROM sqlite_dbpage('main') WHERE pgno = 1");
  const pages = header ? Buffer.from(header).readUInt32BE(28) : 0;
  const expected = (connection.value<number>("PRAGMA page_size") ?? 0) * pages;
  const { size } = statSync(file);
  // What a log beside it holds may complete it.
  const logged = (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  if (size < expected && !logged) throw damaged(file, `it has ${size} of ${expected} bytes`);
}

function noLibrary(file: string): RocError {
  return new RocError("DATA_INVALID", `${file} is no library of roc4mllm. ${OTHER}`);
}

function damaged(file: string, why: string): RocError {
  const remedy = "Restore it from a backup, or name another file (--library); it has not been changed.";
  return new RocError("DATA_INVALID", `${file} is damaged: ${why}. ${remedy}`);
}

/** Libraries that this process has found sound: a server writes often, and reading all of a large one takes seconds. */
const sound = new Set<string>();

/** Reads all of a library before the first write to it. @throws RocError DATA_INVALID */
async function requireSound(file: string): Promise<void> {
  const { dev, ino, birthtimeMs } = await stat(file);
  const key = `${dev}:${ino}:${birthtimeMs}`;
  if (sound.has(key)) return;
  const connection = new Connection(file, { readonly: true });
  try {
    const said = connection.value<string>("PRAGMA quick_check(1)") ?? "";
    // The fault is its last line.
    if (said !== "ok") throw damaged(file, said.split("\n").at(-1) ?? said);
  } finally {
    connection.close();
  }
  sound.add(key);
}

/** @throws RocError DATA_INVALID */
function checkVersion(file: string, version: number): void {
  if (version <= SCHEMA_VERSION) return;
  const message = `${file} is of version ${version}, made by a newer roc4mllm; this one knows version ${SCHEMA_VERSION}.`;
  throw new RocError("DATA_INVALID", `${message} Update roc4mllm, or name another file (--library).`);
}

/** @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE */
async function requireRegularFile(file: string): Promise<void> {
  try {
    requireRegular(await stat(file));
  } catch (error) {
    throw readError(file, error, "Make a library: roc4mllm library scan FOLDER.");
  }
}

/** Makes an empty library under another name first, so that nobody finds a part of one; one that is there stays. */
async function create(file: string): Promise<void> {
  const aside = asideOf(file);
  await makeFolder(dirname(file));
  try {
    await writing(aside, async () => (await open(aside, "wx", 0o600)).close());
    fill(aside);
    await writing(file, () => publishFile(aside, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    })); // prettier-ignore
  } finally {
    await remove(aside);
  }
}

/** Makes a library of an empty file. */
function fill(file: string): void {
  const connection = new Connection(file);
  try {
    connection.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    migrate(connection, versionOf(connection));
    connection.rows("PRAGMA journal_mode = WAL");
  } finally {
    connection.close();
  }
}

/** Whether a file is there that holds nothing, as `touch` and `mktemp` make one: for SQLite it is a new database. */
async function isEmptyFile(file: string): Promise<boolean> {
  const found = await stat(file);
  return found.isFile() && found.size === 0;
}

/** Whether somebody writes to a library: a scan that was killed does not. */
export function isWritten(file: string): Promise<boolean> {
  return isLocked(lockOf(file));
}

function lockOf(file: string): string {
  return `${file}.lock`;
}

/**
 * Opens a library for reading. Others may read and write it at the same time.
 *
 * @throws RocError FILE_NOT_FOUND where there is none; DATA_INVALID for a file that is none, damaged, or of another version
 */
export async function openToRead(file: string): Promise<Connection> {
  await checkFile(file);
  const connection = new Connection(file);
  try {
    if (versionOf(connection) < SCHEMA_VERSION) await (await openToWrite(file)).close();
    connection.exec("PRAGMA query_only = 1");
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * Opens a library for single changes, which may come between those of a process that scans into it.
 *
 * @throws as {@link openToRead}
 */
export async function openBeside(file: string): Promise<Connection> {
  await checkFile(file);
  await requireSound(file);
  return new Connection(file);
}

/** The version of an open library's tables: the header may be older than the log. @throws RocError DATA_INVALID */
function versionOf(connection: Connection): number {
  const version = connection.value<number>("PRAGMA user_version") ?? 0;
  checkVersion(connection.file, version);
  return version;
}

/** A library that this process alone writes. */
export interface Writable {
  readonly connection: Connection;
  /** Closes it and lets others write. */
  close(): Promise<void>;
}

/**
 * Opens a library for writing, which one process at a time does; where there is none, or an empty file, one is made.
 *
 * @throws RocError IN_USE; as {@link openToRead}
 */
export async function openToWrite(file: string): Promise<Writable> {
  if (!(await exists(file))) await create(file);
  const isEmpty = await isEmptyFile(file);
  if (!isEmpty) await checkFile(file);
  const lock: Lock = await takeLock(lockOf(file), `the library ${file}`, "library");
  let connection: Connection | undefined;
  try {
    if (isEmpty) fill(file);
    await requireSound(file);
    const opened = (connection = new Connection(file));
    // What is committed survives a killed process; the log is flushed at checkpoints, for power failures.
    opened.exec("PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
    migrate(opened, versionOf(opened));
    return {
      connection: opened,
      close: async () => {
        try {
          // So that the file alone is the whole library, as far as nobody reads an older state of it.
          opened.rows("PRAGMA wal_checkpoint(TRUNCATE)");
        } finally {
          // Also where the disk is full: the library is not kept from everybody.
          opened.close();
          await lock.release();
        }
      },
    };
  } catch (error) {
    connection?.close();
    await lock.release();
    throw error;
  }
}
