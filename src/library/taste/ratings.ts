/** What a person says of the photos of a library: stars, rejects and picks that this program did not give, and answered pairs. */
import { mean } from "../../metrics/statistics.js";
import { components } from "./components.js";
import { setImmediate as turn } from "node:timers/promises";
import { isRocError, messageOf, RocError } from "../../errors.js";
import { nameOfBytes } from "../../image/index.js";
import { personalRating } from "../../photos/xmp.js";
import { pathOf } from "../catalog.js";
import type { Connection } from "../connection.js";
import { hashDistance } from "../culling/look.js";
import { COPY_BITS, timeOf, WINDOW } from "../culling/pairs.js";

/**
 * From what a taste is learned: `stars` that the library knows; `xmp`: the sidecars of all its photos as they are now; `pairs` that
 * were answered on the page.
 *
 * @category Photos
 */
export type TasteSource = "stars" | "xmp" | "pairs";

export const TASTE_SOURCES = ["stars", "xmp", "pairs"] as const satisfies readonly TasteSource[];

/** A picture that a person has rated, and which has a vector. */
export interface RatedPicture {
  readonly picture: number;
  /** Stars, 1 to 5; 0: rejected; {@link PICKED}: picked, without stars. */
  readonly rating: number;
}

/** What a pick without stars counts as, on the scale of stars. */
const PICKED = 4;

export interface Reading {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Told why the rating of a photo is left out. */
  readonly onNote?: ((text: string) => void) | undefined;
}

type Maybe<T> = T | null;
type Row = [Uint8Array, Uint8Array, number, Maybe<number>, Maybe<string>, Maybe<number>, Maybe<string>];

/** Photos of the library that a person has rated. Of copies of a picture the mean counts. @throws RocError ABORTED */
export async function ratedPictures(
  connection: Connection,
  judge: number,
  source: "stars" | "xmp",
  { signal, onProgress, onNote }: Reading = {},
): Promise<RatedPicture[]> {
  const rated = source === "xmp" ? "1" : "(f.stars IS NOT NULL OR f.pick IS NOT NULL OR p.rating IS NOT NULL)";
  const sql = `SELECT f.folder, f.name, f.picture, f.stars, f.pick, p.rating, f.gone FROM files f JOIN pictures p ON p.id = f.picture
    JOIN vectors v ON v.picture = f.picture AND v.judge = ? WHERE ${rated} ORDER BY f.id`;
  const rows = connection.rows<Row>(sql, [judge]);
  const byPicture = new Map<number, number[]>();
  for (const [at, row] of rows.entries()) {
    if (signal?.aborted) throw new RocError("ABORTED", "Learning was cancelled.");
    const rating = await ratingOf(row).catch((error: unknown) => {
      if (!isRocError(error)) throw error;
      onNote?.(messageOf(error));
      return undefined;
    });
    if (rating !== undefined) byPicture.set(row[2], [...(byPicture.get(row[2]) ?? []), rating]);
    onProgress?.(at + 1, rows.length);
    if (at % 100 === 99) await turn();
  }
  return [...byPicture].map(([picture, ratings]) => ({ picture, rating: mean(ratings) }));
}

/** What a person says of one file; undefined: nothing. Sidecars tell apart what this program wrote. */
async function ratingOf([folder, name, , known, pick, inside, gone]: Row): Promise<number | undefined> {
  // Who gave the stars of a photo that is not there can be said only where they are in the photo.
  if (gone !== null) return known === null && pick === null ? valueOf(inside ?? 0) : undefined;
  const theirs = await personalRating(pathOf(nameOfBytes(folder), nameOfBytes(name)));
  if (theirs.stars !== undefined || theirs.pick) return valueOf(theirs.stars ?? 0, theirs.pick);
  // A sidecar's 0 takes the photo's own stars away.
  return known === 0 && theirs.sidecars > 0 ? undefined : valueOf(inside ?? 0);
}

function valueOf(stars: number, pick?: "pick" | "reject"): number | undefined {
  if (pick === "reject" || stars < 0) return 0;
  if (stars > 0) return Math.min(5, stars);
  return pick === "pick" ? PICKED : undefined;
}

/** An answer: of two pictures, both of which have vectors of a judge. */
export interface AnsweredPair {
  readonly better: number;
  readonly worse: number;
}

/** Answers, the latest first. */
export function answeredPairs(connection: Connection, judge: number): AnsweredPair[] {
  const sql = `SELECT better, worse FROM pairs JOIN vectors a ON a.picture = better AND a.judge = ?1
    JOIN vectors b ON b.picture = worse AND b.judge = ?1 ORDER BY id DESC`;
  return connection.rows<[number, number]>(sql, [judge]).map(([better, worse]) => ({ better, worse }));
}

/** Bits of the hash in which photos of one moment may differ: those of two scenes differ in 32 of 64, give or take 4. */
const ALIKE_BITS = 18;

/**
 * Which pictures belong to one moment: near in time and alike, or copies. By what the library knows; opening every photo, as culling
 * does, tells a burst's end better, and here too large a group does no harm.
 *
 * @returns the number of its moment for each picture
 */
export function momentsOf(connection: Connection, pictures: readonly number[]): Map<number, number> {
  const sql = `SELECT id, taken, camera, CAST(hash AS TEXT) FROM pictures WHERE id IN (SELECT value FROM json_each(?))`;
  const rows = connection.rows<[number, Maybe<string>, Maybe<string>, Maybe<string>]>(sql, [JSON.stringify(pictures)]);
  const looks = rows.map(([id, taken, camera, hash]) => ({
    ...{ id, camera, time: timeOf(taken ?? undefined) },
    hash: hash === null ? undefined : BigInt.asUintN(64, BigInt(hash)),
  }));
  const alike: [number, number][] = [];
  for (const [i, a] of looks.entries()) {
    for (const b of looks.slice(i + 1)) {
      if (a.hash === undefined || b.hash === undefined) continue;
      const isNear = a.time !== undefined && b.time !== undefined && a.camera === b.camera && Math.abs(a.time - b.time) <= WINDOW; // prettier-ignore
      if (hashDistance(a.hash, b.hash) <= (isNear ? ALIKE_BITS : COPY_BITS)) alike.push([a.id, b.id]);
    }
  }
  return components(pictures, alike);
}
