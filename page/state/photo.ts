/** A photo as the page knows it, and the order and choice of many. */
import type { ScoreEntry } from "../api/types.js";

export type Flag = "pick" | "reject" | undefined;

/** What a person says of a photo. */
export interface Rating {
  /** 0 (none) to 5. */
  readonly stars: number;
  readonly flag: Flag;
}

/** The number that a photo is shown with: by a taste where one is chosen. */
export function shownScore({ score, taste }: Pick<Photo, "score" | "taste">): number | undefined {
  return score && (taste ? Math.min(score.scale.max, Math.max(score.scale.min, taste.score)) : score.score);
}

/** The parts of a rating that a change names. */
export function partOf({ stars, flag }: Rating, change: Partial<Rating>): Partial<Rating> {
  return { ...("stars" in change && { stars }), ...("flag" in change && { flag }) };
}

/** What the camera noted. */
export interface Facts {
  /** Local time, ISO 8601. */
  readonly taken?: string | undefined;
  readonly camera?: string | undefined;
  readonly lens?: string | undefined;
  readonly iso?: number | undefined;
  readonly aperture?: number | undefined;
  /** Seconds. */
  readonly exposureTime?: number | undefined;
  readonly exposureBias?: number | undefined;
  readonly focalLength?: number | undefined;
}

export interface Burst {
  readonly id: number;
  /** Its place among them: 0 is the best. */
  readonly rank: number;
  /** How many they are. */
  readonly members: number;
}

export interface Photo extends Rating {
  /** Unique on the page. */
  readonly key: string;
  readonly name: string;
  readonly folder: string;
  /** Addresses; undefined: none yet, or the browser cannot show it. */
  readonly thumbnail: string | undefined;
  readonly image: string | undefined;
  /** Whether the browser can show it; undefined: not known yet. */
  readonly viewable: boolean | undefined;
  /** Pixels, upright. */
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly bytes?: number | undefined;
  readonly facts?: Facts | undefined;
  readonly score?: ScoreEntry | undefined;
  /** What the taste says by which the library is ordered, on the scale of the score. */
  readonly taste?: { readonly name: string; readonly score: number } | undefined;
  readonly failure?: { readonly code: string; readonly message: string } | undefined;
  /** From 0 to 100: the share of the photos here that score lower. */
  readonly percentile?: number | undefined;
  /** Photos of one moment that it belongs to. */
  readonly burst?: Burst | undefined;
}

/** Keys of the page by the library's ids, and back. */
export function keyOf(id: string): string {
  return `l${id}`;
}

export function libraryId({ key }: Pick<Photo, "key">): string | undefined {
  return key.startsWith("l") ? key.slice(1) : undefined;
}

/** Which photos are shown. */
export interface Filter {
  /** The best so many per cent by score. */
  readonly best: number | undefined;
  /** At least. */
  readonly stars: number;
  readonly flag: "any" | "pick" | "reject" | "unflagged" | "kept";
  readonly name: string;
  readonly folder: string;
  readonly camera: string;
  /** Days, as 2026-05-31. */
  readonly from: string;
  readonly to: string;
}

export const NO_FILTER: Filter = {
  best: undefined,
  stars: 0,
  flag: "any",
  name: "",
  folder: "",
  camera: "",
  from: "",
  to: "",
};

export type Sort = "score" | "taken" | "name";

/** How many restrictions a filter has. */
export function restrictions(filter: Filter): number {
  return Object.entries(filter).filter(([key, value]) => value !== NO_FILTER[key as keyof Filter]).length;
}

const ORDERS: Readonly<Record<Sort, (a: Photo, b: Photo) => number>> = {
  score: (a, b) => (b.score?.score ?? -Infinity) - (a.score?.score ?? -Infinity) || byName(a, b),
  taken: (a, b) => (b.facts?.taken ?? "").localeCompare(a.facts?.taken ?? "") || byName(a, b),
  name: byName,
};

const NAMES = new Intl.Collator(undefined, { numeric: true });

function byName(a: Photo, b: Photo): number {
  return NAMES.compare(a.name, b.name) || (a.key < b.key ? -1 : 1);
}

/** The photos that a filter lets through, in order. */
export function arrange(photos: readonly Photo[], filter: Filter, sort: Sort): readonly Photo[] {
  return photos.filter((photo) => passes(photo, filter)).sort(ORDERS[sort]);
}

function passes(photo: Photo, filter: Filter): boolean {
  const { best, stars, name, folder, camera } = filter;
  const day = photo.facts?.taken?.slice(0, 10) ?? "";
  if (best !== undefined && !((photo.percentile ?? -1) >= 100 - best)) return false;
  if (photo.stars < stars || !passesFlag(photo.flag, filter.flag)) return false;
  if (folder !== "" && photo.folder !== folder) return false;
  if (camera !== "" && photo.facts?.camera !== camera) return false;
  if ((filter.from !== "" && day < filter.from) || (filter.to !== "" && (day === "" || day > filter.to))) return false;
  // Some systems write letters and their marks apart.
  return photo.name.normalize().toLowerCase().includes(name.normalize().toLowerCase());
}

function passesFlag(flag: Flag, wanted: Filter["flag"]): boolean {
  if (wanted === "any") return true;
  if (wanted === "kept") return flag !== "reject";
  return wanted === "unflagged" ? flag === undefined : flag === wanted;
}

/** Photos with the share of those that score lower, equals halved. */
export function withPercentiles(photos: readonly Photo[]): readonly Photo[] {
  const scores = photos.flatMap(({ score }) => (score ? [score.score] : [])).sort((a, b) => a - b);
  return photos.map((photo) => {
    if (!photo.score) return photo;
    const { score } = photo.score;
    const below = lowerBound(scores, score);
    const equal = lowerBound(scores, score, true) - below;
    const percentile = (100 * (below + equal / 2)) / scores.length;
    return photo.percentile === percentile ? photo : { ...photo, percentile };
  });
}

/** How many of the ascending numbers are below a value, or not above it. */
function lowerBound(sorted: readonly number[], value: number, withEquals = false): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = sorted[middle] ?? 0;
    if (other < value || (withEquals && other === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** One photo for each burst, the best of those that are here, but all of an open one, side by side. */
export function stacked(photos: readonly Photo[], open: number | undefined): readonly Photo[] {
  const best = new Map<number, Photo>();
  for (const photo of photos) {
    const { burst } = photo;
    if (burst && burst.rank < (best.get(burst.id)?.burst?.rank ?? Infinity)) best.set(burst.id, photo);
  }
  if (best.size === 0) return photos;
  const opened = photos.filter(({ burst }) => burst && burst.id === open).sort(byRank);
  return photos.flatMap((photo) => {
    if (photo.burst && best.get(photo.burst.id) !== photo) return [];
    return photo.burst && photo.burst.id === open ? opened : [photo];
  });
}

function byRank(a: Photo, b: Photo): number {
  return (a.burst?.rank ?? 0) - (b.burst?.rank ?? 0);
}
