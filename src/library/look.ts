/** What a picture looks like, as 64 bits. */
import { lookOf } from "../data/doctor/fingerprint.js";
import { resizeAsync, type StoredImage } from "../image/index.js";

/** Sides of what the hash is computed from; the proportions of the picture do not count. */
const SIDE = 64;

/**
 * The perceptual hash of a decoded picture, from 0 to 2^64 - 1: signs of the lowest frequencies of its brightness (pHash), of
 * which photos that look alike differ in few. Brighter or darker exposures of a scene have nearly the same one, as every
 * frequency grows alike; the signs of differences between neighbours (dHash) change with noise where a picture is flat, as
 * skies are.
 */
export async function perceptualHash(picture: StoredImage): Promise<bigint> {
  return lookOf(await resizeAsync(picture, { width: SIDE, height: SIDE }));
}
