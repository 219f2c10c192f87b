/** Stars by rank: the best so many percent have so many stars. */
import { RocError } from "../../errors.js";
import { averageRanks } from "../../metrics/scores.js";

/**
 * So many stars for this share of the photos, counted from the best.
 *
 * @category Photos
 */
export interface StarShare {
  /** 1 to 5. */
  readonly stars: number;
  /** 0 to 1. */
  readonly share: number;
}

/** Half of the photos get a star, as photographers give them: few of the highest. */
export const DEFAULT_STARS: readonly StarShare[] = [
  { stars: 5, share: 0.05 },
  { stars: 4, share: 0.15 },
  { stars: 3, share: 0.3 },
];

/**
 * Shares from a text as `5:5%,4:15%,3:30%`; "none": no stars at all.
 *
 * @throws RocError USAGE
 */
export function parseStars(text: string): StarShare[] {
  if (text.trim() === "none") return [];
  const refuse = (what: string): never => {
    throw new RocError("USAGE", `--stars ${JSON.stringify(text)}: ${what}. Give shares as 5:5%,4:15%,3:30%, or none.`);
  };
  const shares = text.split(",").map((part) => {
    const found = /^\s*([1-5])\s*:\s*(\d{1,3}(?:\.\d+)?)\s*%\s*$/.exec(part);
    return found ? { stars: Number(found[1]), share: Number(found[2]) / 100 } : refuse(`${part.trim()} is no share`);
  });
  if (new Set(shares.map(({ stars }) => stars)).size < shares.length) refuse("a number of stars is there twice");
  const sum = shares.reduce((total, { share }) => total + share, 0);
  if (sum > 1 + 1e-9) refuse(`the shares make ${Math.round(100 * sum)}%`);
  return shares.sort((a, b) => b.stars - a.stars);
}

/**
 * The stars of a photo by the share of photos that are better, those of the same score counted half: of ten photos the
 * best has 5%. Undefined: none.
 */
export function starsAt(better: number, shares: readonly StarShare[]): number | undefined {
  let upTo = 0;
  return shares.find(({ share }) => better <= (upTo += share) + 1e-9)?.stars;
}

/** For each score the share of the scores that are better, equals counted half, from 0 to 1. */
export function sharesAbove(scores: readonly number[]): number[] {
  const { length } = scores;
  return Array.from(averageRanks(scores), (rank) => (length + 0.5 - rank) / length);
}
