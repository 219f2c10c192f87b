/**
 * What stood in sidecars before culling, so that every byte of it can be put back.
 *
 * An undo file is JSON Lines: a head with the folder, then a line per sidecar with its bytes before and after. It is complete and
 * on the disk before the first sidecar changes, so that a stopped command can be undone too: what was not written yet is as
 * it was, and stays. A further culling with the same file adds a layer, a head with its lines; layers are undone last to first.
 */
import { readdir, realpath, rm } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, parse, relative, resolve } from "node:path";
import { z } from "zod";
import { isRocError, RocError } from "../../errors.js";
import {
  checkOutput,
  exists,
  ifThere,
  isAsideOf,
  readBytes,
  readText,
  writeOutput,
  type OutputKind,
} from "../../files/index.js";
import { isImageName } from "../../image/extensions.js";
import { changedSidecar, isSame, restoreSidecar, sidecarNow, type SidecarWrite } from "../../photos/xmp.js";

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

const UNDO_FILE: OutputKind = {
  name: "undo file that roc4mllm wrote",
  isOurs: (start) => start.startsWith(`{"format":"${FORMAT}"`),
};

/**
 * Looks at a file that {@link writeUndo} is to write.
 *
 * @returns its bytes, where it is an undo file to which a layer is added
 * @throws RocError USAGE for a file of another kind; DATA_INVALID for a damaged one; FILE_UNREADABLE
 */
export async function checkUndoFile(file: string): Promise<Uint8Array | undefined> {
  await checkOutput(file, UNDO_FILE);
  const found = await ifThere(readBytes(file));
  if (found === undefined || found.length === 0) return undefined;
  await layersOf(file, "Name another file (--undo-file).");
  return found;
}

/** Writes an undo file; one that is there gets a further layer. @throws as {@link checkUndoFile}; RocError FILE_UNWRITABLE */
export async function writeUndo(file: string, folder: string, writes: readonly SidecarWrite[]): Promise<void> {
  const earlier = await checkUndoFile(file);
  const root = resolve(folder);
  const head = {
    ...{ format: FORMAT, version: 1, made: new Date().toISOString() },
    folder: dirname(resolve(file)) === root ? null : root,
  };
  await writeOutput(file, UNDO_FILE, async (handle) => {
    if (earlier) await handle.writeFile(earlier);
    await handle.writeFile(`${JSON.stringify(head)}\n`);
    for (const write of writes) {
      const line = {
        file: relative(root, resolve(write.file)),
        before: textOf(write.before),
        after: textOf(write.after),
      };
      await handle.writeFile(`${JSON.stringify(line)}\n`);
    }
  });
}

function textOf(content: Uint8Array | undefined): string | null {
  return content === undefined ? null : Buffer.from(content).toString("base64");
}

/** What one culling wrote. */
interface Layer {
  readonly folder: string;
  readonly writes: SidecarWrite[];
}

/** The writes of an undo file, first to last. @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; DATA_INVALID naming the line */
export async function readUndo(file: string): Promise<SidecarWrite[]> {
  return (await layersOf(file)).flatMap(({ writes }) => writes);
}

async function layersOf(file: string, remedy = REMEDY): Promise<Layer[]> {
  if (isImageName(file)) throw new RocError("DATA_INVALID", `${file} is no undo file but a picture. ${remedy}`);
  const lines = (await readText(file, { remedy })).split("\n");
  const foreign = (line: number, why: string): RocError =>
    new RocError("DATA_INVALID", `${file}, line ${line}: ${why}. ${remedy}`);
  if (lines.pop() !== "") throw foreign(lines.length + 1, "the file is cut off");
  const layers: Layer[] = [];
  for (const [index, text] of lines.entries()) {
    const value = jsonOf(text);
    const head = headSchema.safeParse(value);
    const layer = layers.at(-1);
    if (head.success) layers.push({ folder: head.data.folder ?? dirname(resolve(file)), writes: [] });
    else if (layer) layer.writes.push(writeOf(value, layer.folder, (why) => foreign(index + 1, why)));
    else break;
  }
  if (layers.length === 0) throw foreign(1, "it is no undo file of this program");
  return layers;
}

/** A sidecar's line. @throws what `foreign` makes */
function writeOf(value: unknown, folder: string, foreign: (why: string) => RocError): SidecarWrite {
  const line = lineSchema.safeParse(value);
  if (!line.success) throw foreign("this is no sidecar's line");
  const { file: name, before, after } = line.data;
  if (!isSidecarBelow(name)) throw foreign(`${JSON.stringify(name)} is no sidecar in the folder`);
  return { file: join(folder, name), before: contentOf(before), after: Buffer.from(after, "base64") };
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

/** Removes what a killed process left beside sidecars that it was writing. */
export async function removeLeft(sidecars: readonly string[]): Promise<void> {
  for (const folder of new Set(sidecars.map((file) => dirname(file)))) {
    const names = await readdir(folder).catch((): string[] => []);
    const asides = names.filter((name) => name.endsWith(".tmp"));
    const left = asides.filter((name) => sidecars.some((file) => dirname(file) === folder && isAsideOf(file, name)));
    for (const name of left) await rm(join(folder, name), { force: true });
  }
}

/**
 * What was put back.
 *
 * @category Photos
 */
export interface Undone {
  /** Sidecars that are as they were before. */
  readonly restored: number;
  /** Those that stay, since somebody has changed them since, or the system refuses. */
  readonly refused: readonly {
    /** The sidecar. */
    readonly file: string;
    /** Why it stays. */
    readonly error: RocError;
  }[];
}

export interface UndoOptions {
  /** Also sidecars that were changed since: their changes are lost. */
  readonly force?: boolean;
  /** What the undo file has to be of. */
  readonly folder?: string | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Puts back what an undo file holds. Twice is harmless.
 *
 * @throws as {@link readUndo}; RocError ABORTED; USAGE where it is of another folder
 */
export async function undo(file: string, options: UndoOptions = {}): Promise<Undone> {
  let restored = 0;
  const refused: { file: string; error: RocError }[] = [];
  const sidecars = await writesBySidecar(file, options.folder);
  const hasPhoto = photoLookup();
  await removeLeft([...sidecars.keys()]);
  for (const [name, writes] of sidecars) {
    if (options.signal?.aborted) throw new RocError("ABORTED", "Undoing was stopped; the same command goes on.");
    const error = await restore(name, writes, hasPhoto, options.force).catch(rocError);
    if (error) refused.push({ file: name, error });
    else restored++;
  }
  return { restored, refused };
}

/** What {@link undo} would do. */
export interface UndoPlan {
  /** Sidecars that would change: whose content would come back, or that are new and would go. */
  readonly files: readonly { readonly file: string; readonly change: "put back" | "take away" }[];
  readonly refused: Undone["refused"];
}

/** What {@link undo} would do; nothing is changed. @throws as {@link undo} */
export async function planUndo(file: string, { force = false, folder }: UndoOptions = {}): Promise<UndoPlan> {
  const files: { file: string; change: "put back" | "take away" }[] = [];
  const refused: { file: string; error: RocError }[] = [];
  const hasPhoto = photoLookup();
  for (const [name, writes] of await writesBySidecar(file, folder)) {
    try {
      const { now, then, error } = await stepOf(name, writes, hasPhoto, force);
      if (!isSame(now, then)) files.push({ file: name, change: then === undefined ? "take away" : "put back" });
      if (error) refused.push({ file: name, error });
    } catch (error) {
      refused.push({ file: name, error: rocError(error) });
    }
  }
  return { files, refused };
}

/** What was written into each sidecar, first to last. @throws as {@link readUndo}; RocError USAGE */
async function writesBySidecar(file: string, folder: string | undefined): Promise<Map<string, SidecarWrite[]>> {
  const layers = await layersOf(file);
  if (folder !== undefined) await requireFolder(file, layers, folder);
  const found = new Map<string, SidecarWrite[]>();
  for (const write of layers.flatMap(({ writes }) => writes))
    found.set(write.file, [...(found.get(write.file) ?? []), write]);
  return found;
}

async function requireFolder(file: string, layers: readonly Layer[], folder: string): Promise<void> {
  const placeOf = (path: string): Promise<string> => realpath(path).catch(() => resolve(path));
  const wanted = await placeOf(folder);
  for (const { folder: found } of layers)
    if ((await placeOf(found)) !== wanted) {
      const remedy = "Leave the folder out, or name the undo file of that folder.";
      throw new RocError("USAGE", `${file} is of ${found}, not of ${folder}. ${remedy}`);
    }
}

/** @returns why the sidecar is not as before the first write */
async function restore(
  file: string,
  writes: readonly SidecarWrite[],
  hasPhoto: HasPhoto,
  force = false,
): Promise<RocError | undefined> {
  const { now, then, error } = await stepOf(file, writes, hasPhoto, force);
  if (!isSame(now, then)) await restoreSidecar({ file, before: then, after: now ?? new Uint8Array() }, force);
  return error;
}

/** How a sidecar goes back through its writes, last to first, as far as it is what each of them wrote. */
async function stepOf(
  file: string,
  writes: readonly SidecarWrite[],
  hasPhoto: HasPhoto,
  force: boolean,
): Promise<{ now: Uint8Array | undefined; then: Uint8Array | undefined; error?: RocError }> {
  const now = await sidecarNow(file);
  const first = writes[0]?.before;
  if (now === undefined && (!force || first === undefined) && !(await hasPhoto(file)))
    return { now, then: now, error: movedSidecar(file) };
  if (force) return { now, then: first };
  let then = now;
  for (const { before, after } of writes.toReversed()) if (isSame(then, after)) then = before;
  return { now, then, ...(!isSame(then, first) && { error: changedSidecar(file) }) };
}

/** Whether the photo of a sidecar is there. */
type HasPhoto = (sidecar: string) => Promise<boolean>;

/** `IMG.jpg` of `IMG.jpg.xmp`; of `IMG.xmp` any file with that stem. Each folder is looked through once. */
function photoLookup(): HasPhoto {
  const stems = new Map<string, Promise<Set<string>>>();
  return async (sidecar) => {
    const [folder, named] = [dirname(sidecar), sidecar.slice(0, -".xmp".length)];
    if (await exists(named)) return true;
    if (!stems.has(folder)) stems.set(folder, stemsIn(folder));
    return (await stems.get(folder))?.has(basename(named)) === true;
  };
}

async function stemsIn(folder: string): Promise<Set<string>> {
  const names = await readdir(folder).catch((): string[] => []);
  return new Set(names.filter((name) => !/\.xmp$/i.test(name)).map((name) => parse(name).name));
}

/** Why nothing can be said of a sidecar that is gone with its photo. */
function movedSidecar(file: string): RocError {
  const remedy = "move the photos with their sidecars back to where they were, and undo again";
  return new RocError("FILE_NOT_FOUND", `${file}: not there any more (moved?), and neither is its photo; ${remedy}`);
}

/** An error that is told and does not end the command; what is none of ours does. */
export function rocError(error: unknown): RocError {
  if (isRocError(error)) return error;
  throw error;
}
