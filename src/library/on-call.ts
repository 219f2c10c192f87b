/** The functions behind `roc4mllm library` and `cull`; the database and what looks at pictures are loaded when they are called. */
import type { Model } from "../engine/index.js";
import { checkTypes, CULL_TYPES, SCAN_TYPES, TASTE_TYPES } from "../engine/option-types.js";
import { requireSpec } from "../errors.js";
import type { SidecarNaming } from "../photos/xmp.js";
import type { Judge, Photo, PhotoPage, PhotoQuery } from "./catalog.js";
import type { CullFailure } from "./culling/cull.js";
import type { CullGroup, CullOptions, PlannedPhoto } from "./culling/plan.js";
import type { Undone } from "./culling/undo.js";
import type { LearnedTaste } from "./taste/learn-in.js";
import type { LearnTasteOptions } from "./taste/on-call.js";
import type { AskedTaste, Taste } from "./taste/tastes.js";
import type { ScanPhotosOptions, ScanSummary } from "./scan/scan.js";

/**
 * Scores the photos of a folder into a library: what is known by its content keeps its score, under whatever name. A call that
 * was stopped at any moment goes on where it was.
 *
 * @example
 * ```ts
 * import { DEMO_MODEL, load, openLibrary, scanPhotos } from "roc4mllm";
 *
 * using model = await load(DEMO_MODEL);
 * const { scored } = await scanPhotos("examples/photos", { model, library: "photos.db" });
 * using library = await openLibrary("photos.db");
 * for (const { name, score } of library.photos({ where: "score > 5", limit: 20 }).photos) console.log(name, score?.score);
 * console.log(scored);
 * ```
 *
 * @throws RocError FILE_NOT_FOUND; IN_USE where another process scans into the library; DATA_INVALID for a file that is no
 *   library; ABORTED
 *
 * @category Photos
 */
export async function scanPhotos(folder: string, options: ScanPhotosOptions): Promise<ScanSummary> {
  requireSpec(options, "scanPhotos(folder, options)");
  checkTypes("scanPhotos()", options, SCAN_TYPES);
  const { library, ...others } = options;
  const found = await (await import("./find-photos.js")).findPhotos(folder);
  const { scan } = await import("./scan/scan.js");
  return scan({ ...others, library: library ?? (await usualLibrary()), files: found.files, folders: [found.folder] });
}

async function usualLibrary(): Promise<string> {
  return (await import("./open.js")).defaultLibrary();
}

/**
 * A library that is open for reading, while others may scan into it: `using library = await openLibrary(file)`.
 *
 * @category Photos
 */
export interface PhotoLibrary {
  /** Its file. */
  readonly file: string;
  /** Who has scored, the one that scanned last first. */
  judges(): Judge[];
  /** Photos in order. @throws RocError USAGE for a condition that is not understood, pointing at the place */
  photos(query?: PhotoQuery): PhotoPage;
  /** One photo; undefined where there is no such id. */
  photo(id: number, judge?: Judge): Photo | undefined;
  /** How many photos there are. */
  count(query?: PhotoQuery): number;
  /** Hidden states at the place where the score was read, by the ids of photos; those without one are missing. */
  vectors(ids: readonly number[], judge?: Judge): Map<number, Float32Array>;
  /** What was learned of a person's ratings, by name: for {@link PhotoQuery.taste}. */
  tastes(): Taste[];
  /**
   * A taste for what a model gives: `score()` of a result's score and its `embedding` ({@link ScoreOptions.embedding}).
   *
   * @throws RocError FILE_NOT_FOUND where there is no such taste; USAGE where it was learned on vectors of another checkpoint
   */
  tasteFor(name: string, model: Model): AskedTaste;
  /** Closes the file. */
  close(): void;
  /** As {@link close}. */
  [Symbol.dispose](): void;
}

/**
 * Opens a library that {@link scanPhotos} or `roc4mllm library scan` has made.
 *
 * @param file default: that of the command line
 * @throws RocError FILE_NOT_FOUND where there is no library; DATA_INVALID for a file that is none, damaged or of a newer version
 *
 * @category Photos
 */
export async function openLibrary(file?: string): Promise<PhotoLibrary> {
  return (await import("./catalog.js")).Catalog.open(file ?? (await usualLibrary()));
}

/**
 * Learns what a person likes of the stars, rejects and picks that they gave photos of a library, or of answered pairs, as
 * `roc4mllm taste learn` does. It is kept only where it beats the checkpoint on ratings that it has not seen.
 *
 * @example
 * ```ts
 * import { learnTaste, openLibrary } from "roc4mllm";
 *
 * const { kept, why } = await learnTaste("mine", { library: "photos.db" });
 * console.log(why);
 * using library = await openLibrary("photos.db");
 * if (kept) for (const { name, taste } of library.photos({ taste: "mine", limit: 20 }).photos) console.log(name, taste?.score);
 * ```
 *
 * @param name what to call it; one of this name is replaced where it is kept
 * @throws RocError USAGE for a name that is none, or a library without scores; FILE_NOT_FOUND; DATA_INVALID; ABORTED
 *
 * @category Photos
 */
export async function learnTaste(name: string, options: LearnTasteOptions = {}): Promise<LearnedTaste> {
  requireSpec(options, "learnTaste(name, options)");
  checkTypes("learnTaste()", options, TASTE_TYPES);
  const { library, ...others } = options;
  const { learnInFile } = await import("./taste/on-call.js");
  return learnInFile(library ?? (await usualLibrary()), name, others);
}

/**
 * What {@link cullPhotos} takes.
 *
 * @category Photos
 */
export interface CullPhotosOptions extends CullOptions {
  /** Scores what the library does not know. It stays the caller's. */
  readonly model: Model;
  /** File of the library that keeps the scores; where there is none, one is made. Default: that of the command line. */
  readonly library?: string | undefined;
  /** Write nothing but the library. Default false. */
  readonly dryRun?: boolean | undefined;
  /** Whose rank the stars go by: of the folder's photos (default), or of all in the library. */
  readonly among?: "folder" | "library" | undefined;
  /** The name of a taste ({@link learnTaste}) whose scores choose instead of the model's; the library has to hold it. */
  readonly taste?: string | undefined;
  /** What new sidecars are called; default "appended". */
  readonly sidecars?: SidecarNaming | undefined;
  /** Where what stood in the sidecars is kept; default: a new file in the folder. */
  readonly undoFile?: string | undefined;
  /** Ends the call with RocError ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What {@link cullPhotos} has found and done.
 *
 * @category Photos
 */
export interface Culling {
  /** Photos that belong together, in the order of time. */
  readonly groups: readonly CullGroup[];
  /** Every photo with what is said of it, in the order of time. */
  readonly photos: readonly PlannedPhoto[];
  /** Photos without a score, and sidecars that are left alone. */
  readonly failures: readonly CullFailure[];
  /** Sidecars that change, or are new. */
  readonly sidecars: readonly string[];
  /** How many of them were written. */
  readonly written: number;
  /** The file for {@link undoCulling}; undefined where nothing was written. */
  readonly undo: string | undefined;
}

/**
 * Finds bursts in a folder, keeps the best of each, and writes stars, picks and labels into XMP sidecars, as `roc4mllm cull` does.
 * No photo is changed, and what a person gave stays.
 *
 * @example
 * ```ts
 * import { cullPhotos, DEMO_MODEL, load, undoCulling } from "roc4mllm";
 *
 * using model = await load(DEMO_MODEL);
 * const { groups, written, undo } = await cullPhotos("examples/photos", { model, library: "photos.db", keep: 1 });
 * console.log(`${groups.length} groups, ${written} sidecars written`);
 * if (undo !== undefined) console.log((await undoCulling(undo)).restored);
 * ```
 *
 * @throws as {@link scanPhotos}; RocError USAGE for an undo file's name that another file has, or a taste that was learned on
 *   vectors of another model; FILE_NOT_FOUND where there is no such taste; FILE_UNWRITABLE
 *
 * @category Photos
 */
export async function cullPhotos(folder: string, options: CullPhotosOptions): Promise<Culling> {
  requireSpec(options, "cullPhotos(folder, options)");
  checkTypes("cullPhotos()", options, CULL_TYPES);
  const {
    model,
    library,
    dryRun = false,
    among = "folder",
    sidecars: naming = "appended",
    taste,
    undoFile,
    signal,
  } = options;
  if (undoFile !== undefined) await (await import("./culling/undo.js")).checkUndoFile(undoFile);
  const found = await (await import("./find-photos.js")).findPhotos(folder);
  const { cullFolder } = await import("./culling/cull.js");
  const file = library ?? (await usualLibrary());
  const { plan, sidecars, failures } = await cullFolder({ ...found, library: file, model, naming, among, options, taste, signal }); // prettier-ignore
  const { writes } = sidecars;
  const said = { ...plan, sidecars: writes.map((write) => write.file) };
  if (dryRun || writes.length === 0) return { ...said, failures, written: 0, undo: undefined };
  const { undoName, writeSidecars } = await import("./culling/write.js");
  const undo = undoFile ?? (await undoName(found.folder, new Date()));
  const done = await writeSidecars(writes, undo, found.folder, signal);
  return { ...said, failures: [...failures, ...done.failures], written: done.written, undo };
}

/**
 * Puts back what stood in sidecars before {@link cullPhotos}: every byte, and no file where there was none. Twice is harmless.
 *
 * @param file the `undo` of the culling
 * @param options `force`: also sidecars that were changed since, whose changes are lost
 * @throws RocError FILE_NOT_FOUND, DATA_INVALID for a file that is none
 *
 * @category Photos
 */
export async function undoCulling(file: string, options: { readonly force?: boolean } = {}): Promise<Undone> {
  return (await import("./culling/undo.js")).undo(file, options);
}
