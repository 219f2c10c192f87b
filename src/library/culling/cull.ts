/** Culling a folder: scores by a scan, looks and times, the plan, and what writing it would change. */
import { stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import type { Model } from "../../engine/index.js";
import { withoutFile } from "../../errors.js";
import { pathOfName } from "../../image/index.js";
import type { PhotoMetadata } from "../../photos/metadata.js";
import type { SidecarNaming } from "../../photos/xmp.js";
import { Catalog, type Photo } from "../catalog.js";
import { placesOf, realFolder } from "../places.js";
import { scan } from "../scan/scan.js";
import { judgeOf } from "../cascade.js";
import { groupPhotos } from "./groups.js";
import { planCulling, withoutKeepers, type CullingPhoto, type CullOptions, type CullPlan } from "./plan.js";
import { readShots, type ShotFacts } from "./read.js";
import { shotsOf, type Shot } from "./shots.js";
import { planSidecars, type SidecarPlans } from "./write.js";

/** What is culled, and how. */
export interface FolderSpec {
  /** From the root. */
  readonly folder: string;
  /** Its photos, from the root. */
  readonly files: readonly string[];
  /** File of the library that keeps the scores. */
  readonly library: string;
  readonly model: Model;
  readonly naming: SidecarNaming;
  /** Whose rank the stars go by. */
  readonly among: "folder" | "library";
  readonly options: CullOptions;
  /** The name of a taste whose scores take the place of the model's; not with `first`. */
  readonly taste?: string | undefined;
  /** What a small judge has said of all photos, where `model` looks at contenders alone. */
  readonly first?: FirstSeen | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told at the beginning of each step, and of every photo that is done. */
  readonly onProgress?: ((step: "scored" | "compared", done: number, total: number) => void) | undefined;
}

/** A first look at all photos of a folder. */
export interface FirstSeen {
  /** By path, with the first judge's scores. */
  readonly photos: ReadonlyMap<string, Photo>;
  /** Paths of those that it lets through. */
  readonly contenders: ReadonlySet<string>;
}

/**
 * A photo that has no verdict, or whose sidecar is left alone.
 *
 * @category Photos
 */
export interface CullFailure {
  /** The photo, or the sidecar. */
  readonly file: string;
  /** Code and message of the reason. */
  readonly error: {
    /** As {@link ScoreFailure.error}. */
    readonly code: string;
    /** What is wrong and what to do. */
    readonly message: string;
  };
}

/** What culling a folder comes to. Nothing has been written but the library. */
export interface CulledFolder {
  readonly plan: CullPlan;
  readonly sidecars: SidecarPlans;
  /** What a person says of photos. */
  readonly given: ReadonlyMap<string, "pick" | "reject" | undefined>;
  readonly failures: CullFailure[];
}

/**
 * Scores, looks and times of all photos, and the plan.
 *
 * @throws as {@link scan}; RocError ABORTED; FILE_NOT_FOUND where there is no such taste, USAGE where it is another model's
 */
export async function cullFolder(spec: FolderSpec): Promise<CulledFolder> {
  const { naming, options, signal, onProgress, first, taste } = spec;
  if (taste !== undefined) await requireTaste(spec.library, taste, spec.model);
  const shots = shotsOf(spec.files);
  const photos = first?.photos ?? (await scannedPhotos(spec, shots));
  const { known, failures } = await sorted(shots, photos, taste);
  const follow = (done: number): void => onProgress?.("compared", done, known.length);
  follow(0);
  const read = await readShots(known, { known: metadataOf(photos), onProgress: follow, ...(signal && { signal }) });
  const judged = first
    ? await judgedByTwo(spec, first, shots, read.photos)
    : { scored: withScores(read.photos, photos, spec), failures: [] };
  let plan = planCulling(judged.scored, options);
  let sidecars = await plannedSidecars(plan, read.photos, naming);
  if (sidecars.failures.length > 0) {
    plan = withoutKeepers(plan, new Set(sidecars.failures.map(({ file }) => file)));
    sidecars = await plannedSidecars(plan, read.photos, naming);
  }
  const given = new Map(read.photos.map((photo) => [photo.file, photo.given]));
  const all = [...failures, ...read.failures, ...judged.failures, ...sidecars.failures];
  return { plan, sidecars, given, failures: all };
}

/** Looks for a taste before hours of scoring. */
async function requireTaste(library: string, name: string, model: Model): Promise<void> {
  using catalog = await Catalog.open(library);
  catalog.tasteFor(name, model);
}

/** Those of the photos that have a score, with it; that of a taste where one is asked for, of which no spread is known. */
function withScores(
  read: readonly ShotFacts[],
  photos: ReadonlyMap<string, Photo>,
  { among }: Pick<FolderSpec, "among">,
): CullingPhoto[] {
  return read.flatMap((photo) => {
    const { score: own, taste, modified } = photos.get(photo.file) ?? {};
    const score = taste ? { ...taste, std: null, distribution: null } : own;
    return score ? [{ ...photo, score, modified, ...(among === "library" && { percentile: score.percentile }) }] : [];
  });
}

/** The second judge's scores of contenders and of the whole groups of these; of the other groups the first one's. */
async function judgedByTwo(
  spec: FolderSpec,
  first: FirstSeen,
  shots: readonly Shot[],
  read: readonly ShotFacts[],
): Promise<{ readonly scored: CullingPhoto[]; readonly failures: CullFailure[] }> {
  const groups = groupPhotos(read);
  const contending = groups.filter((group) => group.some(({ file }) => first.contenders.has(file))).flat();
  const wanted = new Set(contending.map(({ file }) => file));
  const second = shots.filter(({ file }) => wanted.has(file));
  const photos = await scannedPhotos(spec, second, []);
  const { failures } = await sorted(second, photos);
  const failed = new Set(failures.map(({ file }) => file));
  const scored = groups.flatMap((group) => {
    const left = group.filter(({ file }) => !failed.has(file));
    const scores = withScores(left, photos, spec);
    // A group is of one judge: of the second where it has seen all of it.
    if (scores.length === left.length) return scores;
    return withScores(left, first.photos, spec).map((photo) => ({ ...photo, first: true }));
  });
  return { scored, failures };
}

/**
 * What the library knows of the photos after a scan, by path.
 *
 * @param folders that are searched for what is gone; default: the folder
 */
export async function scannedPhotos(
  {
    library,
    folder,
    model,
    taste,
    signal,
    onProgress,
  }: Pick<FolderSpec, "library" | "folder" | "model" | "taste" | "signal" | "onProgress">,
  shots: readonly Shot[],
  folders: readonly string[] = [folder],
): Promise<Map<string, Photo>> {
  const follow = (done: number): void => onProgress?.("scored", done, shots.length);
  follow(0);
  const files = shots.map(({ file }) => file);
  // A taste is read from vectors.
  await scan({
    library,
    files,
    folders,
    model,
    vectors: taste === undefined || "all",
    signal,
    onProgress: follow,
  });
  using catalog = await Catalog.open(library);
  const judge = judgeOf(catalog, model);
  const places = await placesOf(files);
  const root = await realFolder(folder);
  // Links may lead to folders that are elsewhere.
  const elsewhere = places
    .map((place) => dirname(place))
    .filter((one) => one !== root && !one.startsWith(join(root, sep)));
  const known = [root, ...new Set(elsewhere)].flatMap(
    (one) => catalog.photos({ folder: Buffer.from(pathOfName(one)), sort: "name", judge, taste }).photos,
  );
  const byPlace = new Map(known.map((photo) => [photo.file, photo]));
  return new Map(
    files.flatMap((file, i) => {
      const photo = byPlace.get(places[i] ?? "");
      return photo ? [[file, calledAs(photo, file)] as const] : [];
    }),
  );
}

/** A photo under the path by which it was found. */
function calledAs(photo: Photo, file: string): Photo {
  const { error } = photo;
  if (!error || photo.file === file) return { ...photo, file };
  return { ...photo, file, error: { ...error, message: `${file}: ${withoutFile(error.message, photo.file)}` } };
}

/** Shots with a score, and why others have none. */
async function sorted(
  shots: readonly Shot[],
  photos: ReadonlyMap<string, Photo>,
  taste?: string,
): Promise<{ readonly known: Shot[]; readonly failures: CullFailure[] }> {
  const failures: CullFailure[] = [];
  for (const { file } of shots) {
    const photo = photos.get(file);
    if (photo?.score && (taste === undefined || photo.taste)) continue;
    const { code, message } = photo?.error ?? (await whyUnknown(file));
    failures.push({ file, error: { code, message } });
  }
  const failed = new Set(failures.map(({ file }) => file));
  return { known: shots.filter(({ file }) => !failed.has(file)), failures };
}

/** Why the library knows nothing of a file that a search found. */
async function whyUnknown(file: string): Promise<CullFailure["error"]> {
  const isThere = await stat(pathOfName(file)).then(
    () => true,
    () => false,
  );
  return isThere
    ? { code: "FILE_UNREADABLE", message: `${file}: it changed while it was read; give the command again` }
    : { code: "FILE_NOT_FOUND", message: `${file}: there is no such file; it may be a link to one that has moved` };
}

function metadataOf(photos: ReadonlyMap<string, Photo>): Map<string, PhotoMetadata> {
  return new Map([...photos].flatMap(([file, { metadata }]) => (metadata ? [[file, metadata] as const] : [])));
}

function plannedSidecars(plan: CullPlan, photos: readonly ShotFacts[], naming: SidecarNaming): Promise<SidecarPlans> {
  const facts = new Map(photos.map((photo) => [photo.file, photo]));
  const verdicts = plan.photos.map((photo) => {
    const { files = [photo.file], rating } = facts.get(photo.file) ?? {};
    return { photo, files, embedded: rating };
  });
  return planSidecars(verdicts, naming);
}
