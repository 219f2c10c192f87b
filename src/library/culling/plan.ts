/** What culling says of a folder: groups, their keepers, stars, picks and labels. Nothing is written here. */
import { bestOf, type Judged } from "../../metrics/best-of.js";
import { byTime, groupPhotos } from "./groups.js";
import { isCopy, type GroupingPhoto } from "./pairs.js";
import { DEFAULT_STARS, sharesAbove, starsAt, type StarShare } from "./stars.js";

/** A scored photo. */
export interface CullingPhoto extends GroupingPhoto {
  readonly score: Judged;
  /**
   * Whether the score is that of a first judge, who looked at all photos, and not of the second, who looked at contenders. Such a
   * photo is compared within its group, whose scores are all of one judge; it has no stars, and is below those that have.
   */
  readonly first?: boolean | undefined;
  /** When its file was changed last, in milliseconds since 1970; undefined: later than all that say. */
  readonly modified?: number | undefined;
  /** In stops; a bracket is known by it. */
  readonly exposureBias?: number | undefined;
  /** What a person says of it: that stands, and the keepers are among the others. */
  readonly given?: "pick" | "reject" | undefined;
  /** Its place among the scores of a whole library, 0 to 100; default: its place in the folder. */
  readonly percentile?: number | undefined;
}

/**
 * How photos are culled.
 *
 * @category Photos
 */
export interface CullOptions {
  /** Stars by rank; default: the best 5% have five, the next 15% four, the next 30% three. */
  readonly stars?: readonly StarShare[];
  /** Photos of a group that are kept; default 1. */
  readonly keep?: number;
  /** Whether the other exposures of a bracket are rejected too; default false: all of them are wanted for merging. */
  readonly rejectBrackets?: boolean;
  /** Labels of what is kept and rejected in a group; default Green and Red. */
  readonly labels?: Labels;
}

/**
 * Colour labels.
 *
 * @category Photos
 */
export interface Labels {
  /** Of what is kept of a group; absent: none. */
  readonly pick?: string;
  /** Of what is rejected; absent: none. */
  readonly reject?: string;
}

/** Lightroom shows colours; it keeps picks to itself. */
const DEFAULT_LABELS: Labels = { pick: "Green", reject: "Red" };

/**
 * What a group is: pictures of one moment, exposures of one picture, or one picture saved several times.
 *
 * @category Photos
 */
export type GroupKind = "burst" | "bracket" | "copies";

/**
 * Photos that belong together.
 *
 * @category Photos
 */
export interface CullGroup {
  /** Why they do. */
  readonly kind: GroupKind;
  /** Best first. */
  readonly photos: readonly GroupMember[];
}

/**
 * A photo of a group.
 *
 * @category Photos
 */
export interface GroupMember {
  /** Its path. */
  readonly file: string;
  /** Chance to be the best of the group, 0 to 1; see {@link bestOf}. Null where the judge gives scores alone: nothing says how sure they are. */
  readonly best: number | null;
  /** Whether it is picked. */
  readonly kept: boolean;
}

/**
 * What is to be said of a photo.
 *
 * @category Photos
 */
export interface PlannedPhoto {
  /** Its path. */
  readonly file: string;
  /** Stars, 1 to 5. */
  readonly rating?: number;
  /** Its flag; absent where it stands alone. */
  readonly pick?: "pick" | "reject";
  /** Its colour label. */
  readonly label?: string;
  /** As {@link ScoreResult.score}. */
  readonly score: number;
  /** As {@link ScoreResult.std}. */
  readonly std: number | null;
  /** Set where score and spread are those of the first judge: as `first` of a photo to cull. */
  readonly first?: true;
  /** Index of its group; absent where it stands alone. */
  readonly group?: number;
}

export interface CullPlan {
  /** In the order of time. */
  readonly groups: readonly CullGroup[];
  /** Every photo, in the order of time. */
  readonly photos: readonly PlannedPhoto[];
}

/** The plan without rejects in groups of which one of these is kept: where a keeper cannot be marked, the others stay too. */
export function withoutKeepers(plan: CullPlan, failed: ReadonlySet<string>): CullPlan {
  const spared = new Set(
    plan.groups.flatMap(({ photos }, index) =>
      photos.some(({ file, kept }) => kept && failed.has(file)) ? [index] : [],
    ),
  );
  const photos = plan.photos.map((photo): PlannedPhoto => {
    if (photo.pick !== "reject" || photo.group === undefined || !spared.has(photo.group)) return photo;
    const { pick: _pick, label: _label, ...others } = photo;
    return others;
  });
  return { ...plan, photos };
}

/** Culls scored photos; the same whatever their order. All scores are of one judge, except where a photo has `first`. */
export function planCulling(photos: readonly CullingPhoto[], options: CullOptions = {}): CullPlan {
  const found = groupPhotos(photos).filter((group) => group.length > 1);
  const groups = found.map((members) => judged(members, options.keep ?? 1));
  const roles = new Map<string, Role>();
  const given = new Map(photos.map((photo) => [photo.file, photo.given]));
  for (const [index, { kind, photos: members }] of groups.entries())
    for (const { file, kept } of members)
      roles.set(file, { index, state: given.get(file) ?? stateOf(kind, kept, options) });
  const sorted = [...photos].sort(byTime);
  const stars = starsOf(
    sorted.filter((photo) => photo.given !== "reject" && !isOut(roles.get(photo.file))),
    options.stars ?? DEFAULT_STARS,
  );
  return {
    groups,
    photos: sorted.map((photo) => planned(photo, roles.get(photo.file), stars.get(photo.file), options)),
  };
}

interface Role {
  readonly index: number;
  readonly state: "pick" | "reject" | "beside";
}

/** Neither stars nor a part in their shares: a burst of twenty good ones would take all of them. */
function isOut(role: Role | undefined): boolean {
  return role !== undefined && role.state !== "pick";
}

function stateOf(kind: GroupKind, kept: boolean, { rejectBrackets = false }: CullOptions): Role["state"] {
  if (kept) return "pick";
  return kind === "bracket" && !rejectBrackets ? "beside" : "reject";
}

function judged(members: readonly CullingPhoto[], keep: number): CullGroup {
  const kind = kindOf(members);
  const { order, best, by } = bestOf(members.map(({ score }) => score));
  const ranked = kind === "copies" ? copiesInOrder(members) : order;
  const said = (i: number): CullingPhoto["given"] => members[i]?.given;
  const first = ranked.filter((i) => said(i) === "pick");
  const left = ranked.filter((i) => said(i) === undefined).slice(0, Math.max(0, keep - first.length));
  const keepers = new Set([...first, ...left]);
  const chance = (i: number): number | null => (by === "scores" ? null : (best[i] ?? 0));
  const photos = ranked.map((i) => ({ file: members[i]?.file ?? "", best: chance(i), kept: keepers.has(i) }));
  return { kind, photos };
}

function kindOf(members: readonly CullingPhoto[]): GroupKind {
  const biases = members.flatMap(({ exposureBias }) => exposureBias ?? []);
  const different = new Set(biases).size;
  if (biases.length === members.length && (different > 2 || different === members.length)) return "bracket";
  const [first, ...others] = members as [CullingPhoto, ...CullingPhoto[]];
  return others.every((other) => isCopy(first, other)) ? "copies" : "burst";
}

/**
 * Copies are one picture, of which scores say nothing: the one with the most pixels has the most of it. Of equal ones that which knows
 * when it was taken is nearer to the camera's own, then the older file, then the first by name.
 */
function copiesInOrder(members: readonly CullingPhoto[]): number[] {
  const pixels = ({ width = 0, height = 0 }: CullingPhoto): number => width * height;
  const timeless = ({ time }: CullingPhoto): number => Number(time === undefined);
  const age = ({ modified = Number.MAX_VALUE }: CullingPhoto): number => modified;
  const differ = (a: CullingPhoto, b: CullingPhoto): number =>
    pixels(b) - pixels(a) || timeless(a) - timeless(b) || age(a) - age(b) || (a.file < b.file ? -1 : 1);
  return [...members.entries()].sort(([, a], [, b]) => differ(a, b)).map(([i]) => i);
}

/** Stars by rank. What a first judge left out is below the others, and counts as photos of which there is a share. */
function starsOf(photos: readonly CullingPhoto[], shares: readonly StarShare[]): Map<string, number | undefined> {
  const ranked = photos.filter(({ first }) => !first);
  const above = sharesAbove(ranked.map(({ score }) => score.score));
  const part = ranked.length / photos.length;
  return new Map(
    ranked.map(({ file, percentile }, i) => {
      const better = percentile === undefined ? (above[i] ?? 1) * part : 1 - percentile / 100;
      return [file, starsAt(better, shares)];
    }),
  );
}

function planned(
  { file, score, first }: CullingPhoto,
  role: Role | undefined,
  rating: number | undefined,
  { labels = DEFAULT_LABELS }: CullOptions,
): PlannedPhoto {
  const pick = role === undefined || role.state === "beside" ? undefined : role.state;
  const label = pick && labels[pick];
  return {
    ...{ file, score: score.score, std: score.std },
    ...(first && { first }),
    ...(role && { group: role.index }),
    ...(rating !== undefined && { rating }),
    ...(pick && { pick }),
    ...(label && { label }),
  };
}
