/** Whether a file is still the one that it was. */
import { stat } from "node:fs/promises";
import { z } from "zod";

/** A file's size in bytes and when it was last written, in milliseconds since 1970. */
export const stampSchema = z.strictObject({ size: z.number(), modified: z.number() });
export type Stamp = Readonly<z.infer<typeof stampSchema>>;

const AT_ONCE = 64;

/** undefined where there is no such file. */
export async function stampOf(file: string | Buffer): Promise<Stamp | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() ? { size: found.size, modified: found.mtimeMs } : undefined;
}

/** {@link stampOf} of many files, in their order. */
export async function stampsOf(files: readonly (string | Buffer)[]): Promise<(Stamp | undefined)[]> {
  const stamps: (Stamp | undefined)[] = [];
  for (let at = 0; at < files.length; at += AT_ONCE) {
    stamps.push(...(await Promise.all(files.slice(at, at + AT_ONCE).map(stampOf))));
  }
  return stamps;
}

export function isSameStamp(a: Stamp | undefined, b: Stamp | undefined): boolean {
  return a?.size === b?.size && a?.modified === b?.modified;
}
