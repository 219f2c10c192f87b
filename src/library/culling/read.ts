/** What culling needs of photos' files: when and how they were taken, and how they look. */
import { isRocError, type RocError } from "../../errors.js";
import { readMetadata, type PhotoMetadata } from "../../photos/metadata.js";
import { personalPick } from "../../photos/xmp.js";
import { readLook } from "./look.js";
import { timeOf } from "./pairs.js";
import type { CullingPhoto } from "./plan.js";
import type { Shot } from "./shots.js";

/** A shot with all but its score. */
export interface ShotFacts extends Omit<CullingPhoto, "score" | "percentile"> {
  readonly files: readonly string[];
  /** Stars that the files hold themselves. */
  readonly rating?: number | undefined;
}

export interface ReadShots {
  /** In the order of the shots. */
  readonly photos: readonly ShotFacts[];
  readonly failures: readonly { readonly file: string; readonly error: RocError }[];
}

/** Files that are read at the same time. */
const AT_ONCE = 4;

export interface ReadShotsOptions {
  /** Metadata of files that a library has read. */
  readonly known?: ReadonlyMap<string, PhotoMetadata>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number) => void;
}

/** Reads metadata and looks. A file that cannot be read is a failure; the others are read. @throws RocError ABORTED */
export async function readShots(shots: readonly Shot[], options: ReadShotsOptions = {}): Promise<ReadShots> {
  const found: (ShotFacts | { file: string; error: RocError })[] = [];
  let [next, done] = [0, 0];
  const work = async (): Promise<void> => {
    for (let at = next++; at < shots.length; at = next++) {
      found[at] = await factsOf(shots[at] as Shot, options);
      options.onProgress?.(++done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const photos = found.filter((one): one is ShotFacts => !("error" in one));
  return { photos, failures: found.filter((one) => "error" in one) };
}

async function factsOf(
  { file, files }: Shot,
  { known, signal }: ReadShotsOptions,
): Promise<ShotFacts | { file: string; error: RocError }> {
  try {
    const metadata = known?.get(file) ?? (await readMetadata(file));
    const { camera, width, height, exposureBias } = metadata;
    const rating = metadata.rating ?? (await ratingOf(files.filter((other) => other !== file)));
    const [look, given] = [await readLook(file, signal), await personalPick(files)];
    return { file, files, time: timeOf(metadata.taken), camera, width, height, exposureBias, rating, given, look };
  } catch (error) {
    if (!isRocError(error) || error.code === "ABORTED") throw error;
    return { file, error };
  }
}

/** The first star that other files of the shot hold. */
async function ratingOf(files: readonly string[]): Promise<number | undefined> {
  for (const file of files) {
    const { rating } = await readMetadata(file);
    if (rating !== undefined) return rating;
  }
  return undefined;
}
