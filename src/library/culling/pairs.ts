/**
 * Which two photos belong together: near in time and alike, where less likeness is asked of what follows at once.
 *
 * - Time alone joins what a photographer who turns round takes within a second. Looks alone join the same view an hour later.
 * - Likeness is the mean of three shares ({@link Likeness}): of the structure over the whole frame, which no exposure
 *   changes, so that a bracket is alike, and a walk's or a panorama's next picture is not; of the structure in the places that
 *   fit worst, which tells another sitter before the same wall; and of the perceptual hash, which forgives small movements.
 * - A copy is as good as the same, and may have lost its time.
 */
import { hashDistance, likeness, type Look } from "./look.js";

/** What grouping needs of a photo. */
export interface GroupingPhoto {
  /** Its path, which no other has: the order of everything. */
  readonly file: string;
  /** When it was taken, in milliseconds of the camera's own clock; undefined: its file does not say. */
  readonly time?: number | undefined;
  readonly camera?: string | undefined;
  /** Pixels across and down, upright. */
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  readonly look: Look;
}

/** The camera's clock in milliseconds, as if it were in UTC: one camera's times are compared with one another alone. */
export function timeOf(taken: string | undefined): number | undefined {
  const time = taken === undefined ? NaN : Date.parse(`${taken}Z`);
  return Number.isFinite(time) ? time : undefined;
}

/** Seconds between two photos, and the likeness that is asked then; between two of them on a line. */
const NEEDED: readonly (readonly [seconds: number, likeness: number])[] = [
  [0, 0.37],
  [1, 0.42],
  [5, 0.52],
  [20, 0.6],
  [60, 0.7],
];
/** Photos that are further apart belong to two groups, however alike they are. In milliseconds. */
export const WINDOW = 60_000;

/** Of copies: bits of the hash, and likeness. */
export const COPY_BITS = 3;
const COPY = 0.92;
/** Frames whose shapes differ by more show another part of the scene. */
const SHAPE = 0.03;

/** How far one pair speaks for or against its group, so that one pair alone decides nothing. */
const MOST = 0.25;
/** What a pair that is too far apart says. */
export const APART = -MOST;

/** By how much two photos are more alike than is asked of them, from -0.25 to 0.25; negative: they do not belong together. */
export function margin(a: GroupingPhoto, b: GroupingPhoto): number {
  if (!sameShape(a, b)) return APART;
  const [copies, needed] = [canBeCopies(a, b), neededOf(a, b)];
  if (!copies && needed === undefined) return APART;
  const least = Math.min(copies ? COPY : Infinity, needed ?? Infinity) - MOST;
  const { whole, weakest, hash } = likeness(a.look, b.look, least);
  const found = (whole + weakest + hash) / 3;
  if (copies && found >= COPY) return MOST;
  return needed === undefined ? APART : Math.min(MOST, Math.max(-MOST, found - needed));
}

/** Whether two photos are one picture, saved twice. */
export function isCopy(a: GroupingPhoto, b: GroupingPhoto): boolean {
  return sameShape(a, b) && canBeCopies(a, b) && margin(a, b) === MOST;
}

function canBeCopies(a: GroupingPhoto, b: GroupingPhoto): boolean {
  const sameTime = a.time === undefined || b.time === undefined || a.time === b.time;
  return sameTime && hashDistance(a.look.hash, b.look.hash) <= COPY_BITS;
}

function sameShape(a: GroupingPhoto, b: GroupingPhoto): boolean {
  if (!a.width || !a.height || !b.width || !b.height) return true;
  return Math.abs(Math.log((a.width * b.height) / (a.height * b.width))) <= SHAPE;
}

/** The likeness that their times ask for; undefined: none is enough. */
function neededOf(a: GroupingPhoto, b: GroupingPhoto): number | undefined {
  if (a.time === undefined || b.time === undefined) return undefined;
  if (a.camera !== undefined && b.camera !== undefined && a.camera !== b.camera) return undefined;
  const seconds = Math.abs(a.time - b.time) / 1000;
  const next = NEEDED.findIndex(([at]) => at >= seconds);
  if (next < 0) return undefined;
  const [to, high] = NEEDED[next] ?? [0, 0];
  const [from, low] = NEEDED[next - 1] ?? [to - 1, high];
  return low + ((high - low) * (seconds - from)) / (to - from);
}
