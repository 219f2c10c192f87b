/** A photo of the library as plain JSON. */
import type { Judge, Photo } from "./catalog.js";

/**
 * `{id, file, size, modified, gone?, error?, seenBy?, digest?, width?, height?, taken?, camera?, stars?, label?, pick?, metadata?, hash?,
 * score?, scale?, std?, distribution?, percentile?, attributes?, comment?, answer?, model?, taste?}`: scores as `score --json` has them,
 * the hash in 16 hexadecimal digits, times in ISO 8601.
 */
export function plainPhoto(photo: Photo, judge: Judge | undefined): Record<string, unknown> {
  const { id, file, folder: _, name: __, size, modified, hash, score, taste, ...others } = photo;
  const look = hash === undefined ? {} : { hash: hash.toString(16).padStart(16, "0") };
  const { answer, ...values } = score ?? { answer: undefined };
  const said = score && judge ? { ...values, scale: judge.scale, answer, model: judge.name } : {};
  return {
    id,
    file,
    size,
    modified: new Date(modified).toISOString(),
    ...others,
    ...look,
    ...said,
    ...(taste && { taste }),
  };
}
