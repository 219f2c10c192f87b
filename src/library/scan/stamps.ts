/** Whether a file is as it was: what the file system says of it, without opening it. */
import { stat } from "node:fs/promises";
import { isMissing } from "../../files/index.js";
import { pathOfName } from "../../image/index.js";

/** A file that was changed less than this long ago may change again within the clock's resolution: it is read again next time. */
const SETTLED_NS = 2_000_000_000n;

/** Size, times and inode: `changed` (ctime) is new wherever content or attributes are, whatever tools do to the other time. */
export interface FileStamp {
  readonly size: bigint;
  readonly modified: bigint;
  readonly changed: bigint;
  readonly inode: bigint;
}

/** As the database gives it in one column. */
export const STAMP_COLUMN = "size || ':' || modified || ':' || changed || ':' || inode";

export function stampText({ size, modified, changed, inode }: FileStamp): string {
  return [size, modified, changed, inode].join(":");
}

/** The stamp of a regular file; "gone" where there is nothing; another error as it was thrown. */
export async function stampOf(path: string): Promise<FileStamp | "gone" | Error> {
  try {
    const found = await stat(pathOfName(path), { bigint: true });
    if (!found.isFile()) return new Error("it is no file any more");
    const { size, mtimeNs, ctimeNs, ino } = found;
    // Those beyond 63 bits are kept as negative ones.
    return { size, modified: mtimeNs, changed: ctimeNs, inode: BigInt.asIntN(64, ino) };
  } catch (error) {
    return isMissing(error) ? "gone" : (error as Error);
  }
}

/** Whether what {@link stampOf} found is the file of a stamp's text. */
export function hasStamp(found: FileStamp | "gone" | Error, text: string): boolean {
  return found !== "gone" && !(found instanceof Error) && stampText(found) === text;
}

/** A stamp to keep: of a file that may change again unseen, one that no file has. */
export function settled(stamp: FileStamp, now = BigInt(Date.now()) * 1_000_000n): FileStamp {
  const isSettled = now - stamp.changed > SETTLED_NS && now - stamp.modified > SETTLED_NS;
  return isSettled ? stamp : { ...stamp, changed: -1n };
}
