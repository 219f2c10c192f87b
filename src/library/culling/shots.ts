/** Files that a camera wrote of one exposure. */
import { basename, dirname, extname, join } from "node:path";
import { isRawName } from "../../image/extensions.js";

/** One exposure: a file, and others that the camera wrote of it. */
export interface Shot {
  /** The one that is looked at: a picture rather than a RAW. */
  readonly file: string;
  /** All of them, in the order of names. */
  readonly files: readonly string[];
}

/** Photos as exposures: a RAW and the picture beside it of the same name are one. In the order of paths. */
export function shotsOf(files: readonly string[]): Shot[] {
  const byStem = new Map<string, string[]>();
  for (const file of files.toSorted(byPath)) {
    const stem = join(dirname(file), basename(file, extname(file)));
    byStem.set(stem, [...(byStem.get(stem) ?? []), file]);
  }
  return [...byStem.values()].flatMap((same): Shot[] => {
    const pictures = same.filter((file) => !isRawName(file));
    const [picture] = pictures;
    // Two pictures of one name, as a JPEG and a PNG, may be anything.
    if (picture === undefined || pictures.length > 1) return same.map((file) => ({ file, files: [file] }));
    return [{ file: picture, files: same }];
  });
}

function byPath(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
