/** Copies of photos in a folder: nothing is overwritten, moved or removed, and a second time copies nothing twice. */
import { copyFile, rm, stat, utimes, type FileHandle } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { messageOf, RocError } from "../errors.js";
import { asideOf, makeFolder, openRegular, publishFile, writing } from "../files/index.js";
import { pathOfName, readableName } from "../image/file-names.js";
import { sidecarsOf } from "./xmp.js";

/** What became of the photos. */
export interface Copied {
  /** Photos that were copied now. */
  readonly copied: number;
  /** Photos that the folder has already. */
  readonly there: number;
  /** What the user should know: photos that cannot be read, sidecars that were left alone. */
  readonly notes: readonly string[];
  /** Photos that could not be copied. */
  readonly failed: number;
}

export interface CopyOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number) => void) | undefined;
}

/** A file of a photo, and what it is called beside a photo of another name. */
interface Part {
  readonly from: string;
  readonly ending: string;
}

/**
 * Copies photos with their XMP sidecars (`a.xmp`, `a.jpg.xmp`) into a folder, which is created. They keep their names, times
 * and permissions; of two with one name the second is called `a-2.jpg`. A photo whose copy the folder has, byte for byte, is not
 * copied again.
 *
 * @throws RocError FILE_UNWRITABLE (a full disk, permissions): what is copied so far stays; ABORTED
 */
export async function copyPhotos(
  photos: readonly string[],
  folder: string,
  options: CopyOptions = {},
): Promise<Copied> {
  const { signal, onProgress } = options;
  await makeFolder(folder);
  const notes: string[] = [];
  let [copied, there, failed] = [0, 0, 0];
  for (const [at, photo] of photos.entries()) {
    if (signal?.aborted) throw new RocError("ABORTED", `Stopped: ${at} of ${photos.length} photos are in ${folder}.`);
    const unread = await unreadable(photo);
    if (unread !== undefined) {
      notes.push(`not copied: ${unread}`);
      failed++;
    } else if (await copyPhoto(photo, folder, notes)) copied++;
    else there++;
    onProgress?.(at + 1);
  }
  return { copied, there, failed, notes };
}

async function unreadable(photo: string): Promise<string | undefined> {
  try {
    await using _ = await openRegular(pathOfName(photo));
    return undefined;
  } catch (error) {
    return `${readableName(photo)} cannot be read: ${messageOf(error).split(",")[0]}`;
  }
}

/** @returns whether there was something to copy of the photo itself */
async function copyPhoto(photo: string, folder: string, notes: string[]): Promise<boolean> {
  const ending = extname(photo);
  const stem = basename(photo, ending);
  const sidecars = await partsBeside(photo);
  for (let count = 1; ; count++) {
    const named = join(folder, count === 1 ? stem : `${stem}-${count}`);
    const state = await compare({ from: photo, ending }, named);
    if (state === "other") continue;
    const beside = await Promise.all(sidecars.map(async (part) => [part, await compare(part, named)] as const));
    // Beside another photo's sidecar it would have that one's stars.
    if (
      state === "free" &&
      (beside.some(([, found]) => found === "other") || (await hasOthers(`${named}${ending}`, sidecars)))
    )
      continue;
    for (const [part, found] of beside) {
      if (found === "free") await copyAs(part.from, `${named}${part.ending}`);
      if (found === "other")
        notes.push(
          `left as it is: ${readableName(named + part.ending)}, which differs from ${readableName(part.from)}`,
        );
    }
    if (state === "same") return false;
    // Last, so that a photo which is there has its sidecars.
    await copyAs(photo, `${named}${ending}`);
    return true;
  }
}

/** The XMP sidecars of a photo. */
async function partsBeside(photo: string): Promise<Part[]> {
  const { length } = basename(photo, extname(photo));
  return (await sidecarsOf(photo)).map((from) => ({ from, ending: basename(from).slice(length) }));
}

/** Whether there are sidecars that the photo itself has not. */
async function hasOthers(photo: string, own: readonly Part[]): Promise<boolean> {
  const known = new Set(own.map(({ ending }) => ending.toLowerCase()));
  return (await partsBeside(photo)).some(({ ending }) => !known.has(ending.toLowerCase()));
}

/** What is at a part's place: nothing, the same bytes, or something else. */
async function compare({ from, ending }: Part, named: string): Promise<"free" | "same" | "other"> {
  const to = pathOfName(`${named}${ending}`);
  const [source, target] = await Promise.all([stat(pathOfName(from)), stat(to).catch(() => undefined)]);
  if (!target) return "free";
  if (!target.isFile() || target.size !== source.size) return "other";
  if (target.ino === source.ino && target.dev === source.dev) return "same";
  await using a = await openRegular(pathOfName(from));
  await using b = await openRegular(to);
  return (await areSame(a, b)) ? "same" : "other";
}

const BLOCK = 2 ** 20;

async function areSame(a: FileHandle, b: FileHandle): Promise<boolean> {
  const [left, right] = [Buffer.alloc(BLOCK), Buffer.alloc(BLOCK)];
  for (;;) {
    const [one, other] = await Promise.all([fill(a, left), fill(b, right)]);
    if (!left.subarray(0, one).equals(right.subarray(0, other))) return false;
    if (one < BLOCK) return true;
  }
}

/** Reads until the buffer is full or the file ends: a read may give less. */
async function fill(handle: FileHandle, buffer: Buffer): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

/** A whole copy or none, with the times of the original, under a name that nothing has. @throws RocError FILE_UNWRITABLE */
async function copyAs(from: string, to: string): Promise<void> {
  const aside = pathOfName(asideOf(to));
  await writing(readableName(to), async () => {
    try {
      await copyFile(pathOfName(from), aside);
      const { atime, mtime } = await stat(pathOfName(from));
      await utimes(aside, atime, mtime);
      await publishFile(aside, pathOfName(to));
    } finally {
      await rm(aside, { force: true });
    }
  });
}
