/** Detects whether a file has changed. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { openAtOnce } from "./read.js";

/** Bytes at each end of a file that are compared. */
const ENDS = 8192;

/**
 * A file's size in bytes, its modification time in milliseconds since 1970, and a digest of its first and last bytes. The
 * digest is needed because tools that copy files preserve their times, and uncompressed pictures of equal dimensions have
 * files of equal size.
 */
export const stampSchema = z.strictObject({ size: z.number(), modified: z.number(), ends: z.string() });
export type Stamp = Readonly<z.infer<typeof stampSchema>>;

const AT_ONCE = 64;

/** undefined where the file is missing or unreadable. */
async function stampOf(file: string | Buffer): Promise<Stamp | undefined> {
  const handle = await openAtOnce(file).catch(() => undefined);
  try {
    const found = await handle?.stat();
    if (!handle || !found?.isFile()) return undefined;
    const { size, mtimeMs: modified } = found;
    const hash = createHash("sha256");
    const buffer = new Uint8Array(ENDS);
    for (const position of size > ENDS ? [0, size - ENDS] : [0]) {
      const { bytesRead } = await handle.read(buffer, 0, ENDS, position);
      hash.update(buffer.subarray(0, bytesRead));
    }
    return { size, modified, ends: hash.digest("hex").slice(0, 16) };
  } catch {
    return undefined;
  } finally {
    await handle?.close();
  }
}

/** {@link stampOf} of several files, in order. */
export async function stampsOf(files: readonly (string | Buffer)[]): Promise<(Stamp | undefined)[]> {
  const stamps: (Stamp | undefined)[] = [];
  for (let at = 0; at < files.length; at += AT_ONCE) {
    stamps.push(...(await Promise.all(files.slice(at, at + AT_ONCE).map(stampOf))));
  }
  return stamps;
}

export function isSameStamp(a: Stamp | undefined, b: Stamp | undefined): boolean {
  return a?.size === b?.size && a?.modified === b?.modified && a?.ends === b?.ends;
}
