/** What a person says of a photo on the page. */
import { readMetadata } from "../photos/metadata.js";
import { readSidecar, sidecarsOf, type SidecarChange } from "../photos/xmp.js";
import type { Photo } from "./catalog.js";
import type { Connection } from "./connection.js";

/** A person's rating of a photo. */
export interface PersonRating {
  /** 0 (none) to 5. */
  readonly stars: number;
  readonly pick: "pick" | "reject" | "none";
}

/** What stands beside a photo, and in it. */
export interface RatingOnDisk extends PersonRating {
  /** Whether the rejection takes the place of stars, as darktable and digiKam have it: both of them are one value. */
  readonly isInsteadOfStars: boolean;
}

/** Enters a rating; a scan may be writing at the same time. @returns whether there is such a file */
export function rateFile(connection: Connection, id: number, { stars, pick }: PersonRating): boolean {
  const sql = "UPDATE files SET stars = ?, pick = ? WHERE id = ?";
  return connection.run(sql, [stars, pick === "none" ? null : pick, id]) > 0;
}

/**
 * What a photo's sidecars say now, whoever wrote them since the library was scanned; where they say nothing, the photo itself.
 * The stars of a rejected photo are those that its sidecar keeps beneath the rejection, else those that the library remembers.
 *
 * @throws RocError DATA_INVALID for a broken sidecar; FILE_UNREADABLE
 */
export async function ratingOnDisk({ file, stars: known, pick: knownPick }: Photo): Promise<RatingOnDisk> {
  const sidecars = await Promise.all((await sidecarsOf(file)).map(readSidecar));
  const rating = sidecars.find((one) => one.rating !== undefined)?.rating;
  // A sidecar's 0 takes the photo's own stars away.
  const isTaken = known === 0 && sidecars.length > 0;
  const own = isTaken ? 0 : ((await readMetadata(file).catch(() => undefined))?.rating ?? 0);
  const pick = sidecars.find((one) => one.pick !== undefined)?.pick ?? (own < 0 ? "reject" : "none");
  const isInsteadOfStars = pick === "reject" && rating === undefined;
  const beneath = sidecars.find((one) => one.beneath !== undefined)?.beneath;
  const remembered = isInsteadOfStars ? (beneath ?? (knownPick === "reject" ? (known ?? 0) : own)) : own;
  return { stars: Math.min(5, Math.max(0, Math.round(rating ?? remembered))), pick, isInsteadOfStars };
}

/** What a person changes, of which each part stays as it is where it is not named. */
export type RatingPart = { readonly [Part in keyof PersonRating]?: PersonRating[Part] | undefined };

/** What is to be written for a change, and what holds afterwards. */
export function changedRating(
  now: RatingOnDisk,
  { stars, pick }: RatingPart,
): { readonly change: SidecarChange; readonly after: PersonRating } {
  const after = { stars: stars ?? now.stars, pick: pick ?? now.pick };
  // Where one value is both, or becomes it, both of them are said again.
  if (now.isInsteadOfStars || pick === "reject") return { change: { rating: after.stars, pick: after.pick }, after };
  return {
    change: { ...(stars !== undefined && { rating: stars }), ...(pick !== undefined && { pick }) },
    after,
  };
}

/** Whether what a client wants to change is no longer what it has seen, nor what it wants. */
export function isStale(now: PersonRating, wanted: RatingPart, seen: RatingPart): boolean {
  return (["stars", "pick"] as const).some(
    (part) =>
      wanted[part] !== undefined && seen[part] !== undefined && now[part] !== seen[part] && now[part] !== wanted[part],
  );
}
