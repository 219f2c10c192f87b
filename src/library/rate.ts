/** What a person says of a photo on the page. */
import type { Connection } from "./connection.js";

/** A person's rating of a photo. */
export interface PersonRating {
  /** 0 (none) to 5. */
  readonly stars: number;
  readonly pick: "pick" | "reject" | "none";
}

/** Enters a rating; a scan may be writing at the same time. @returns whether there is such a file */
export function rateFile(connection: Connection, id: number, { stars, pick }: PersonRating): boolean {
  const sql = "UPDATE files SET stars = ?, pick = ? WHERE id = ?";
  return connection.run(sql, [stars, pick === "none" ? null : pick, id]) > 0;
}
