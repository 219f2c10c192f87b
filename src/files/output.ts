/** Files that are written where a user says: they take the place of earlier ones of their kind, and of nothing else. */
import type { FileHandle } from "node:fs/promises";
import { RocError } from "../errors.js";
import { atomicWriteFile, replaceFile } from "./atomic.js";
import { isOpenDatabase } from "./databases.js";
import { ifThere, withFile } from "./read.js";

/** What this program writes where a user says. */
export interface OutputKind {
  /** Follows "no": "table that roc4mllm wrote". */
  readonly name: string;
  /** Whether a file is one, by its first bytes as latin1; up to 4096 of them. */
  readonly isOurs: (start: string) => boolean;
}

const START_BYTES = 4096;

/** Files that SQLite keeps beside a database: an empty one is in use too. */
const DATABASE_PART = /-(wal|shm|journal)$/;

/**
 * Refuses a file that {@link writeOutput} would not replace: before hours of work. One that is not there, is empty, or is
 * of this kind may be replaced; a photo, a sidecar, a database and all else stays.
 *
 * @throws RocError USAGE; FILE_UNREADABLE for a folder, a pipe, a device, and where it cannot be looked at
 */
export async function checkOutput(file: string, { name, isOurs }: OutputKind): Promise<void> {
  const remedy = "Name another file.";
  const message = `${file} is there already and is no ${name}: it stays as it is.`;
  const refused = new RocError("USAGE", `${message} Name another file, or move that one away.`);
  if (await isOpenDatabase(file)) throw refused;
  const start = await ifThere(
    withFile(
      file,
      async (handle) => {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(START_BYTES), 0, START_BYTES, 0);
        return buffer.toString("latin1", 0, bytesRead);
      },
      { remedy },
    ),
  );
  if (start === undefined || isOurs(start) || (start === "" && !DATABASE_PART.test(file))) return;
  throw refused;
}

/**
 * Writes a file atomically where a user says.
 *
 * @param content the content, or what writes it
 * @throws as {@link checkOutput}; RocError FILE_UNWRITABLE
 */
export async function writeOutput(
  file: string,
  kind: OutputKind,
  content: string | Uint8Array | ((handle: FileHandle) => Promise<void>),
): Promise<void> {
  await checkOutput(file, kind);
  await (typeof content === "function" ? replaceFile(file, content) : atomicWriteFile(file, content));
}
