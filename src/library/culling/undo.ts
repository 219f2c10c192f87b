/**
 * What stood in sidecars before culling, so that every byte of it can be put back.
 *
 * An undo file is JSON Lines: a head with the folder, then a line per sidecar with its bytes before and after. It is complete and
 * on the disk before the first sidecar changes, so that a stopped command can be undone too: what was not written yet is as
 * it was, and stays.
 */
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { z } from "zod";
import { isRocError, RocError } from "../../errors.js";
import { readText, replaceFile } from "../../files/index.js";
import { restoreSidecar, type SidecarWrite } from "../../photos/xmp.js";

const FORMAT = "roc4mllm-undo";
const REMEDY = "Give the file that `cull` named when it wrote.";

const headSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
  made: z.string(),
  /** Of the sidecars' paths; null: the folder that the undo file is in, wherever that is by now. */
  folder: z.string().nullable(),
});
const bytes = z.base64().nullable();
const lineSchema = z.strictObject({ file: z.string(), before: bytes, after: z.base64() });

/** Writes an undo file, which must not exist yet. @throws RocError FILE_UNWRITABLE */
export async function writeUndo(file: string, folder: string, writes: readonly SidecarWrite[]): Promise<void> {
  const root = resolve(folder);
  const head = {
    ...{ format: FORMAT, version: 1, made: new Date().toISOString() },
    folder: dirname(resolve(file)) === root ? null : root,
  };
  await replaceFile(file, async (handle) => {
    await handle.write(`${JSON.stringify(head)}\n`);
    for (const write of writes) {
      const line = {
        file: relative(root, resolve(write.file)),
        before: textOf(write.before),
        after: textOf(write.after),
      };
      await handle.write(`${JSON.stringify(line)}\n`);
    }
  });
}

function textOf(content: Uint8Array | undefined): string | null {
  return content === undefined ? null : Buffer.from(content).toString("base64");
}

/** The writes of an undo file. @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; DATA_INVALID naming the line */
export async function readUndo(file: string): Promise<SidecarWrite[]> {
  const lines = (await readText(file, { remedy: REMEDY })).split("\n");
  const foreign = (line: number, why: string): RocError =>
    new RocError("DATA_INVALID", `${file}, line ${line}: ${why}. ${REMEDY}`);
  if (lines.pop() !== "") throw foreign(lines.length + 1, "the file is cut off");
  const head = headSchema.safeParse(jsonOf(lines.shift() ?? ""));
  if (!head.success) throw foreign(1, "it is no undo file of this program");
  const root = head.data.folder ?? dirname(resolve(file));
  return lines.map((text, index) => {
    const line = lineSchema.safeParse(jsonOf(text));
    if (!line.success) throw foreign(index + 2, "this is no sidecar's line");
    const { file: name, before, after } = line.data;
    if (!isSidecarBelow(name)) throw foreign(index + 2, `${JSON.stringify(name)} is no sidecar in the folder`);
    return { file: join(root, name), before: contentOf(before), after: Buffer.from(after, "base64") };
  });
}

/** An undo file that somebody changed reaches no other files. */
function isSidecarBelow(name: string): boolean {
  return /\.xmp$/i.test(name) && !isAbsolute(name) && !name.split(/[/\\]/).includes("..");
}

function contentOf(text: string | null): Uint8Array | undefined {
  return text === null ? undefined : Buffer.from(text, "base64");
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What was put back. */
export interface Undone {
  /** Sidecars that are as they were before. */
  readonly restored: number;
  /** Those that stay, since somebody has changed them since, or the system refuses. */
  readonly refused: readonly { readonly file: string; readonly error: RocError }[];
}

/**
 * Puts back what an undo file holds. Twice is harmless.
 *
 * @param force also sidecars that were changed since: their changes are lost
 * @throws as {@link readUndo}; RocError ABORTED
 */
export async function undo(file: string, options: { force?: boolean; signal?: AbortSignal } = {}): Promise<Undone> {
  const refused: { file: string; error: RocError }[] = [];
  const writes = await readUndo(file);
  for (const write of writes) {
    if (options.signal?.aborted) throw new RocError("ABORTED", "Undoing was stopped; the same command goes on.");
    const error = await restoreSidecar(write, options.force).then(() => undefined, rocError);
    if (error) refused.push({ file: write.file, error });
  }
  return { restored: writes.length - refused.length, refused };
}

function rocError(error: unknown): RocError {
  if (isRocError(error)) return error;
  throw error;
}
