/**
 * Searches for the best edit of one kind: each proposes edits, a round at a time, and is told their scores. From coarse to fine: by
 * parabolas through the best three positions of an axis (Brent 1973, "Algorithms for Minimization without Derivatives", chapter 5), and by
 * steps of falling size for a crop.
 */
import { CROP_ASPECTS, type Crop, type CropAspect, type EditKind, type Edits } from "../image/edits/index.js";
import type { Size } from "../image/index.js";
import { editAt, type Axes, type ScalarKind } from "./axes.js";
import { keepsEnough, LEAST_KEPT } from "./kept.js";

/** Edits of one kind with their score. */
export interface Tried {
  readonly edits: Edits;
  readonly score: number;
}

/** A search for the best edit of a kind. */
export interface Search {
  readonly kind: EditKind;
  /** Edits to score next, at most `count`; none where there is nothing left to find. */
  readonly propose: (count: number) => readonly Edits[];
  /** Takes the scores of what was proposed last. */
  readonly tell: (scores: readonly number[]) => void;
  /** The best edit so far; undefined before the first. */
  readonly best: Tried | undefined;
}

/** A position of an axis and its score. */
interface Point {
  readonly at: number;
  readonly score: number;
}

export class AxisSearch implements Search {
  readonly kind: ScalarKind;
  readonly #axes: Axes;
  /** Rising positions. */
  readonly #points: Point[];
  #asked: number[] = [];
  #hasBegun = false;

  /** @param original score of the photo as it is */
  constructor(kind: ScalarKind, original: number, axes: Axes) {
    this.kind = kind;
    this.#axes = axes;
    this.#points = [{ at: 0, score: original }];
  }

  get best(): Tried | undefined {
    const others = this.#points.filter(({ at }) => at !== 0);
    if (others.length === 0) return undefined;
    const { at, score } = highest(others);
    return { edits: editAt(this.kind, at, this.#axes), score };
  }

  propose(count: number): readonly Edits[] {
    this.#asked = this.#hasBegun ? this.#refined(count) : this.#axes[this.kind].coarse.slice(0, count);
    this.#hasBegun = true;
    return this.#asked.map((at) => editAt(this.kind, at, this.#axes));
  }

  tell(scores: readonly number[]): void {
    for (const [i, at] of this.#asked.entries()) this.#points.push({ at, score: scores[i] ?? -Infinity });
    this.#points.sort((a, b) => a.at - b.at);
    this.#asked = [];
  }

  /** The top of the parabola, and the middles of the gaps beside the best position, where they are new. */
  #refined(count: number): number[] {
    const best = highest(this.#points);
    const index = this.#points.indexOf(best);
    const [left, right] = [this.#points[index - 1], this.#points[index + 1]];
    const wanted: number[] = [];
    if (left && right) wanted.push(vertex(left, best, right));
    const ends = [left?.at ?? -1, right?.at ?? 1];
    const gaps = ends.map((end) => (end + best.at) / 2);
    gaps.sort((a, b) => Math.abs(b - best.at) - Math.abs(a - best.at));
    const known = this.#points.map(({ at }) => at);
    const chosen: number[] = [];
    for (const at of [...wanted, ...gaps]) {
      if ([...known, ...chosen].every((other) => Math.abs(other - at) >= this.#axes[this.kind].finest)) chosen.push(at);
    }
    return chosen.slice(0, count);
  }
}

function highest(points: readonly Point[]): Point {
  return points.reduce((best, point) => (point.score > best.score ? point : best));
}

/** Where a parabola through three points is highest; the middle point lies above the others, or level with them. */
export function vertex(left: Point, middle: Point, right: Point): number {
  const [a, b] = [middle.at - left.at, right.at - middle.at];
  const [rise, fall] = [middle.score - left.score, middle.score - right.score];
  const bend = a * fall + b * rise;
  return bend > 0 ? middle.at - (a * a * fall - b * b * rise) / (2 * bend) : middle.at;
}

/** How far a crop's place and size are moved at first, and at last. */
const FIRST_STEP = 0.25;
const LAST_STEP = 0.03;

/** Crops of a photo's own proportions that are tried first: a tighter frame, whose middle is moved towards each corner. */
const TIGHTER: readonly Crop[] = [[0.5, 0.5], [0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]].map(
  ([x = 0, y = 0]): Crop => ({ aspect: "original", size: 0.78, x, y }),
); // prettier-ignore

/** Proportions within this of each other are the same. */
const SAME_RATIO = 0.02;

export class CropSearch implements Search {
  readonly kind = "crop";
  readonly #photo: Size;
  readonly #coarse: Crop[];
  readonly #seen = new Set<string>();
  #step = FIRST_STEP;
  #best: { readonly crop: Crop; readonly score: number } | undefined;
  #asked: readonly Crop[] = [];

  constructor(photo: Size) {
    this.#photo = photo;
    const own = ownRatio(photo);
    const aspects = (Object.keys(CROP_ASPECTS) as Exclude<CropAspect, "original">[]).filter(
      (aspect) => Math.abs(Math.log(CROP_ASPECTS[aspect] / own)) > SAME_RATIO,
    );
    const largest = aspects.map((aspect): Crop => ({ aspect, size: 1, x: 0.5, y: 0.5 }));
    this.#coarse = [...TIGHTER, ...largest].filter((crop) => keepsEnough({ crop }, photo));
  }

  get best(): Tried | undefined {
    return this.#best && { edits: { crop: this.#best.crop }, score: this.#best.score };
  }

  propose(count: number): readonly Edits[] {
    this.#asked = this.#coarse.length > 0 ? this.#coarse.splice(0, count) : this.#moved(count);
    for (const crop of this.#asked) this.#seen.add(keyOf(crop));
    return this.#asked.map((crop) => ({ crop }));
  }

  tell(scores: readonly number[]): void {
    for (const [i, crop] of this.#asked.entries()) {
      const score = scores[i] ?? -Infinity;
      if (score > (this.#best?.score ?? -Infinity)) this.#best = { crop, score };
    }
    this.#asked = [];
  }

  /** The best crop, a step further in one direction each; a smaller step where all of these are known. */
  #moved(count: number): Crop[] {
    const best = this.#best?.crop;
    if (!best) return [];
    const smallest = smallestCrop(best.aspect, this.#photo);
    for (; this.#step >= LAST_STEP; this.#step /= 2) {
      const found = neighboursOf(best, this.#step, smallest).filter(
        (crop) => !this.#seen.has(keyOf(crop)) && keepsEnough({ crop }, this.#photo),
      );
      if (found.length > 0) return found.slice(0, count);
    }
    return [];
  }
}

/** Longer side to shorter side. */
function ownRatio({ width, height }: Size): number {
  return Math.max(width / height, height / width);
}

/** The least size of a crop of these proportions that keeps enough of a photo's area, to three digits. */
function smallestCrop(aspect: CropAspect, photo: Size): number {
  const relative = aspect === "original" ? 1 : CROP_ASPECTS[aspect] / ownRatio(photo);
  return Math.ceil(1000 * Math.sqrt(LEAST_KEPT / Math.min(relative, 1 / relative))) / 1000;
}

/** @param smallest least size */
function neighboursOf(crop: Crop, step: number, smallest: number): Crop[] {
  const share = (value: number, low: number): number => Number(Math.min(1, Math.max(low, value)).toFixed(3));
  const sizes = [crop.size - step / 2, crop.size + step / 2].map((size) => ({ size: share(size, smallest) }));
  const across = [crop.x - step, crop.x + step].map((x) => ({ x: share(x, 0) }));
  const down = [crop.y - step, crop.y + step].map((y) => ({ y: share(y, 0) }));
  const all = [...sizes, ...across, ...down].map((change): Crop => ({ ...crop, ...change }));
  // The whole photo is no crop.
  return all.filter(({ aspect, size }) => aspect !== "original" || size < 1);
}

function keyOf({ aspect, size, x, y }: Crop): string {
  return [aspect, size, x, y].join(" ");
}
