/**
 * How a picture looks, small enough to be compared with thousands: a perceptual hash, and the structure of its brightness.
 *
 * Structure is what stays when light changes. The brightness of a small picture is replaced by its rank, which no exposure
 * and no tone curve changes (only what is clipped is lost); the mean of the surroundings is subtracted, since a bright sky over a dark ground
 * is in every landscape; and what is left is divided by its size nearby, so that a weak texture counts as a strong one.
 */
import { lookOf as frequencies } from "../../data/doctor/fingerprint.js";
import { decodeImage, loadSharp, pathOfName } from "../../image/index.js";

/** Pixels of a side: of all pictures, whatever their shape. */
const SIDE = 32;
/** The surroundings: so many pixels to each side. */
const AROUND = 4;
/** Added to the size of the texture, in ranks from 0 to 1: a plain wall's noise stays small. */
const PLAIN = 0.03;
/** How far two pictures are moved against each other, in pixels of {@link SIDE}: a tenth of the frame, as a hand does. */
const MOVES = 3;

/** A picture's look. */
export interface Look {
  /** 64 bits: which of the lowest frequencies of brightness are above their median (pHash). */
  readonly hash: bigint;
  /** Texture, 32 x 32 values round 0. */
  readonly structure: Float32Array;
}

/**
 * Reads a picture's look from its file, by the smallest decoding that gives 32 x 32 pixels.
 *
 * @throws RocError as `decodeImage`
 */
export async function readLook(file: string, signal?: AbortSignal): Promise<Look> {
  return lookOf(await smallPicture(file, signal));
}

/** The look of 32 x 32 levels of brightness, 0 to 255. */
export function lookOf(brightness: ArrayLike<number>): Look {
  return { hash: hashOf(brightness), structure: structureOf(brightness) };
}

async function smallPicture(file: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const small = (
    input: string | Uint8Array,
    raw?: { width: number; height: number; channels: 3 },
  ): Promise<Uint8Array> =>
    sharp(input, { ...(raw ? { raw } : { autoOrient: true, failOn: "none" as const }) })
      .flatten({ background: "#ffffff" })
      .resize(SIDE, SIDE, { fit: "fill" })
      .toColourspace("b-w")
      .raw()
      .toBuffer();
  const path = pathOfName(file);
  // A JPEG is decoded at an eighth of its size. What sharp does not read, the decoder of the scores may.
  const quick = typeof path === "string" ? await small(path).catch(() => undefined) : undefined;
  if (quick?.length === SIDE * SIDE) return quick;
  const { width, height, data } = await decodeImage(file, { allowDamaged: true, ...(signal && { signal }) });
  return small(data, { width, height, channels: 3 });
}

/** The hash of a library's pictures, of brightness alone. */
function hashOf(brightness: ArrayLike<number>): bigint {
  const data = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => brightness[Math.floor(i / 3)] ?? 0);
  return frequencies({ width: SIDE, height: SIDE, data });
}

function structureOf(brightness: ArrayLike<number>): Float32Array {
  const ranks = ranksOf(brightness);
  const means = surroundings(ranks);
  const texture = ranks.map((rank, i) => rank - (means[i] ?? 0));
  const sizes = surroundings(texture.map((value) => value * value));
  return Float32Array.from(texture, (value, i) => value / (Math.sqrt(sizes[i] ?? 0) + PLAIN));
}

/** The share of the picture that is darker, equals counted half. */
function ranksOf(brightness: ArrayLike<number>): Float64Array {
  const counts = new Float64Array(256);
  for (let i = 0; i < brightness.length; i++) {
    const level = brightness[i] ?? 0;
    counts[level] = (counts[level] ?? 0) + 1;
  }
  let below = 0;
  const ranks = counts.map((count) => {
    const rank = (below + count / 2) / brightness.length;
    below += count;
    return rank;
  });
  return Float64Array.from(brightness, (level) => ranks[level] ?? 0);
}

/** The mean of the square round every pixel, as far as it is in the picture. */
function surroundings(values: Float64Array): Float64Array {
  return Float64Array.from(values, (_, i) => {
    const [cx, cy] = [i % SIDE, Math.floor(i / SIDE)];
    let [sum, count] = [0, 0];
    for (let y = Math.max(0, cy - AROUND); y <= Math.min(SIDE - 1, cy + AROUND); y++)
      for (let x = Math.max(0, cx - AROUND); x <= Math.min(SIDE - 1, cx + AROUND); x++) {
        sum += values[y * SIDE + x] ?? 0;
        count++;
      }
    return sum / count;
  });
}

/** Bits in which two hashes differ, 0 to 64. */
export function hashDistance(a: bigint, b: bigint): number {
  let [bits, different] = [a ^ b, 0];
  for (; bits !== 0n; bits &= bits - 1n) different++;
  return different;
}

/** How much two pictures have in common: shares from 0 (chance) to 1. */
export interface Likeness {
  /** Correlation of the structures where they lie best upon each other. */
  readonly whole: number;
  /** The same in the places that fit worst: another person before the same wall. */
  readonly weakest: number;
  /** Of the hashes: 32 different bits of 64 are chance. */
  readonly hash: number;
}

/**
 * Compares two pictures. The places are those of the first, so that `weakest` may be a little different the other way round.
 *
 * @param enough of the mean of the three: where it is far from that already, the places are left out, and `weakest` is 0
 */
export function likeness(a: Look, b: Look, enough = -1): Likeness {
  const [first, second] = [a.structure, b.structure];
  const near = bestMove(first, second, { whole: -1, dx: 0, dy: 0 }, MOVED);
  const best = bestMove(first, second, near, NUDGED);
  const hash = 1 - hashDistance(a.hash, b.hash) / 32;
  // No place counts for more than twice the whole frame in pictures that have anything in common.
  if ((3 * best.whole + hash) / 3 < enough) return { whole: best.whole, weakest: 0, hash };
  const places = PLACES.map((place) =>
    Math.max(...NUDGED.map(([dx, dy]) => correlation(first, second, best.dx + dx, best.dy + dy, place))),
  );
  const weakest = places.sort((one, other) => one - other)[WORST] ?? 0;
  return { whole: best.whole, weakest, hash };
}

interface Move {
  readonly whole: number;
  readonly dx: number;
  readonly dy: number;
}

/** The best of some moves from one that is known, or that one. */
function bestMove(a: Float32Array, b: Float32Array, from: Move, moved: readonly (readonly [number, number])[]): Move {
  let best = from;
  for (const [x, y] of moved) {
    const [dx, dy] = [from.dx + x, from.dy + y];
    const whole = correlation(a, b, dx, dy, WHOLE);
    if (whole > best.whole) best = { whole, dx, dy };
  }
  return best;
}

interface Place {
  readonly left: number;
  readonly top: number;
  readonly side: number;
}

const WHOLE: Place = { left: 0, top: 0, side: SIDE };

/** Places are a quarter of the frame high and wide, and overlap by half. */
const PLACE = SIDE / 4;
const STARTS = Array.from({ length: 7 }, (_, i) => (i * PLACE) / 2);
const PLACES: readonly Place[] = STARTS.flatMap((top) => STARTS.map((left) => ({ left, top, side: PLACE })));
/** The fourth worst of them, so that a hand or a bird alone does not count. */
const WORST = 3;

function moves(steps: readonly number[]): [number, number][] {
  return steps.flatMap((dy) => steps.map((dx): [number, number] => [dx, dy]));
}

/** Every other one: correlation falls slowly round its highest place. */
const MOVED = moves([1 - MOVES, 0, MOVES - 1]);
/** Where the frame was turned or enlarged, places are moved a little differently. */
const NUDGED = moves([-1, 0, 1]);

/** Correlation of a place of `a` with the one of `b` that is moved by (dx, dy), as far as that is in the frame. */
function correlation(a: Float32Array, b: Float32Array, dx: number, dy: number, { left, top, side }: Place): number {
  let [ab, aa, bb] = [0, 0, 0];
  const [x0, x1] = [Math.max(left, -dx), Math.min(left + side, SIDE - dx)];
  for (let y = Math.max(top, -dy); y < Math.min(top + side, SIDE - dy); y++)
    for (let x = x0; x < x1; x++) {
      const [p, q] = [a[y * SIDE + x] as number, b[(y + dy) * SIDE + x + dx] as number];
      ab += p * q;
      aa += p * p;
      bb += q * q;
    }
  return ab / Math.sqrt(aa * bb || 1);
}
