/**
 * Writes a studio as a folder in an official format, or as several folders that share their pictures.
 *
 * Pictures are written first, the labels next, `studio.json` last, each under a temporary name and renamed: a folder with
 * a `studio.json` is complete. A stopped run is resumed. A picture in several folders is rendered once and linked (hard
 * links; copied where the file system has none).
 */
import { copyFile, link } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { RocError } from "../errors.js";
import { atomicWriteFile, exists, type Lock, makeFolder, move, remove, takeLock, writing } from "../files/index.js";
import { firstExisting } from "../data/files.js";
import type { OnProgress } from "../data/types.js";
import { avaLabels } from "./formats/ava.js";
import { FORMATS, STUDIO_FORMATS, type StudioFormatName } from "./formats/index.js";
import { plainImages, type StudioFormat } from "./formats/types.js";
import { formatHeader, plainHeader } from "./header.js";
import { drawnForTest, makePictures, type StudioPictures } from "./pictures.js";
import { formatRecipe, HEADER, pictureOptions, recipeIn, recipeOf, type RecipeOptions, type StudioRecipe } from "./recipe.js"; // prettier-ignore
import { encodePhoto } from "./render.js";

const PENDING = "studio.pending.json";
/** Held while a folder is written. */
const LOCK = "studio.lock";
/** Pictures encoded concurrently; the canvas encodes on Node's own threads. */
const AT_ONCE = 4;

export interface WriteStudioOptions extends RecipeOptions {
  /** Called with the number of pictures that are written, and of all. */
  readonly onProgress?: OnProgress;
  /** Ends it with RocError ABORTED; the same call resumes. */
  readonly signal?: AbortSignal;
}

/**
 * The folder of a data set.
 *
 * @category Data sets
 */
export interface FormatFolder {
  /** In whose official files it is. */
  readonly format: StudioFormatName;
  /** Its path. */
  readonly folder: string;
}

export interface WrittenStudio {
  readonly folder: string;
  readonly recipe: StudioRecipe;
  /** Pictures rendered in this call: 0 where the folder already held the same recipe, less than `count` after a resume. */
  readonly rendered: number;
}

/**
 * What {@link writeStudioFormats} writes.
 *
 * @category Data sets
 */
export interface WriteFormatsOptions extends WriteStudioOptions {
  /** At least one. With one, the folder itself gets it; with several, each gets a subfolder of its name. */
  readonly formats: readonly [StudioFormatName, ...StudioFormatName[]];
  /** Compose repetition and symmetry. Default true, except for AVA alone, whose pictures have none. */
  readonly patterns?: boolean;
}

/**
 * What {@link writeStudioFormats} gives.
 *
 * @category Data sets
 */
export interface WrittenFormats {
  /** A folder per format. */
  readonly folders: readonly FormatFolder[];
  /** What determines every byte of it. */
  readonly recipe: StudioRecipe;
  /** Pictures rendered in this call. */
  readonly rendered: number;
}

/** A folder that is to hold one format. */
interface Target {
  readonly folder: string;
  readonly recipe: StudioRecipe;
  readonly format: StudioFormat;
  readonly header: (studio: StudioPictures, images: readonly string[]) => string;
}

/**
 * Writes a studio in AVA's format without patterns, resumes a stopped one, or does nothing where the folder already holds
 * it.
 *
 * @throws RocError USAGE for options out of range or a folder with labels of another origin, ABORTED on the signal
 */
export async function writeStudio(folder: string, options: WriteStudioOptions): Promise<WrittenStudio> {
  const recipe = recipeOf(options);
  const rendered = await writeTargets([plainTarget(folder, recipe)], recipe, options);
  return { folder, recipe, rendered };
}

/**
 * Writes a studio in official formats that `readDataset` reads, resumes a stopped one, or does nothing where all of it
 * exists. All formats share the same pictures and raters.
 *
 * @throws RocError USAGE for options out of range or a folder with labels of another origin, ABORTED on the signal
 */
export async function writeStudioFormats(folder: string, options: WriteFormatsOptions): Promise<WrittenFormats> {
  const known = `known: ${STUDIO_FORMATS.join(", ")}`;
  const wrong = [...options.formats].find((name) => !STUDIO_FORMATS.includes(name));
  if (wrong !== undefined || !Array.isArray(options.formats)) {
    throw new RocError(
      "USAGE",
      `formats holds ${JSON.stringify(wrong ?? options.formats)}; give a list of names; ${known}.`,
    );
  }
  const names = STUDIO_FORMATS.filter((name) => options.formats.includes(name));
  const [only, ...others] = names;
  if (only === undefined) throw new RocError("USAGE", `No format is given; ${known}.`);
  const { patterns = !(only === "ava" && others.length === 0) } = options;
  const folders = names.map((format) => ({ format, folder: others.length === 0 ? folder : join(folder, format) }));
  const targets = folders.map((at) => targetOf(at.folder, at.format, patterns, options, others.length === 0));
  const recipe = targets[0]?.recipe ?? formatRecipe(only, patterns, options);
  return { folders, recipe, rendered: await writeTargets(targets, recipe, options) };
}

function targetOf(
  folder: string,
  name: StudioFormatName,
  patterns: boolean,
  options: RecipeOptions,
  alone: boolean,
): Target {
  if (alone && name === "ava" && !patterns && !options.sets) return plainTarget(folder, recipeOf(options));
  const recipe = formatRecipe(name, patterns, options);
  return { folder, recipe, format: FORMATS[name], header: (studio, images) => formatHeader(recipe, studio, images) };
}

/** AVA in its original form: its parts may be empty. */
function plainTarget(folder: string, recipe: StudioRecipe): Target {
  const inTest = (index: number): boolean => drawnForTest(recipe.seed, index, recipe.testFraction);
  const labels = (studio: StudioPictures): ReturnType<StudioFormat["labels"]> => avaLabels(studio, inTest);
  const format = { owns: FORMATS.ava.owns, imagesOf: plainImages, labels };
  return { folder, recipe, format, header: (studio) => plainHeader(recipe, studio) };
}

/** @returns the number of rendered pictures */
async function writeTargets(
  all: readonly Target[],
  recipe: StudioRecipe,
  { onProgress, signal }: WriteStudioOptions,
): Promise<number> {
  if ((await openOf(all)).length === 0) {
    onProgress?.(recipe.count, recipe.count);
    return 0;
  }
  const studio = makePictures(pictureOptions(recipe));
  // All refusals happen before anything is written.
  const images = new Map(all.map((target) => [target, target.format.imagesOf(studio)]));
  const labels = new Map(all.map((target) => [target, target.format.labels(studio)]));
  for (const target of all) await refuseForeign(target);
  const locks: Lock[] = [];
  try {
    for (const { folder } of all) locks.push(await takeLock(join(folder, LOCK), `The studio in ${folder}`));
    // Another process may have written some of them in the meantime.
    const open = await openOf(all);
    for (const target of open) await prepare(target, images.get(target) ?? []);
    const places = studio.pictures.map(({ index }) =>
      all.map((target) => join(target.folder, images.get(target)?.[index] ?? "")),
    );
    const rendered = await writeImages(studio, recipe.longEdge, places, onProgress, signal);
    for (const target of open) await finish(target, labels.get(target) ?? {}, studio, images.get(target) ?? []);
    return rendered;
  } finally {
    for (const lock of locks) await lock.release();
  }
}

/** The targets that do not hold their recipe yet. */
async function openOf(all: readonly Target[]): Promise<Target[]> {
  const done = await Promise.all(all.map(({ folder, recipe }) => isWhole(folder, recipe)));
  return all.filter((_, i) => done[i] !== true);
}

async function isWhole(folder: string, recipe: StudioRecipe): Promise<boolean> {
  return isDeepStrictEqual(await recipeIn(join(folder, HEADER)), recipe);
}

async function refuseForeign({ folder, format }: Target): Promise<void> {
  if ((await firstExisting([HEADER, PENDING].map((name) => join(folder, name)))) !== undefined) return;
  const foreign = await firstExisting(format.owns.map((name) => join(folder, name)));
  if (foreign === undefined) return;
  throw new RocError("USAGE", `${folder} holds a data set of another origin (${foreign}); choose another folder.`);
}

/** Leaves a folder with `studio.pending.json` and, unless it holds a part of the same recipe, without pictures. */
async function prepare({ folder, recipe, format }: Target, images: readonly string[]): Promise<void> {
  const [whole, pending] = [await recipeIn(join(folder, HEADER)), await recipeIn(join(folder, PENDING))];
  if (!isDeepStrictEqual(pending, recipe)) {
    await makeFolder(folder);
    // The old recipe remains until its output is removed: a process that stops here resumes here.
    if (whole !== undefined) await move(join(folder, HEADER), join(folder, PENDING));
    const written = [whole, pending].flatMap((old) => (old ? FORMATS[old.kind ?? "ava"].owns : []));
    for (const old of new Set([...written, ...format.owns])) {
      await remove(join(folder, old));
    }
    await atomicWriteFile(join(folder, PENDING), JSON.stringify({ recipe }));
  }
  for (const at of new Set(images.map((image) => dirname(join(folder, image))))) await makeFolder(at);
}

/** @param paths of each picture: rendered to the first, unless it exists, and linked to the others */
async function writeImages(
  { pictures }: StudioPictures,
  longEdge: number,
  paths: readonly (readonly string[])[],
  onProgress: OnProgress | undefined,
  signal: AbortSignal | undefined,
): Promise<number> {
  let [next, done, rendered] = [0, 0, 0];
  const work = async (): Promise<void> => {
    for (let picture = pictures[next++]; picture; picture = pictures[next++]) {
      if (signal?.aborted) throw new RocError("ABORTED", `Stopped after ${done} of ${pictures.length} pictures.`);
      const files = paths[picture.index] ?? [];
      const [first = ""] = files;
      let source = await firstExisting(files);
      if (source === undefined) {
        await atomicWriteFile((source = first), await encodePhoto(picture.composition, longEdge), { flushed: false });
        rendered++;
      }
      for (const file of files) if (!(await exists(file))) await linkOrCopy(source, file);
      onProgress?.(++done, pictures.length);
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  for (const worker of workers) if (worker.status === "rejected") throw worker.reason;
  return rendered;
}

async function linkOrCopy(source: string, file: string): Promise<void> {
  await link(source, file).catch(async () => {
    await writing(file, () => copyFile(source, `${file}.tmp`));
    await move(`${file}.tmp`, file);
  });
}

async function finish(
  { folder, header }: Target,
  labels: ReturnType<StudioFormat["labels"]>,
  studio: StudioPictures,
  images: readonly string[],
): Promise<void> {
  for (const [path, text] of Object.entries(labels)) {
    await atomicWriteFile(join(folder, path), text);
  }
  await atomicWriteFile(join(folder, HEADER), header(studio, images));
  await remove(join(folder, PENDING));
}
