/** From the name of a model to folders: the checkpoint's, and its vision tower's where that is elsewhere. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { baselineSource } from "../../baselines/source.js";
import { isRocError, RocError } from "../../errors.js";
import { exists, OpenFolder, type FolderLike } from "../../files/index.js";
import { isImageName } from "../../image/extensions.js";
import { besideWeights, towerOf } from "../../models/families.js";
import { chooseState, namedBase, openCheckpointFolder, type CheckpointFolder } from "../../models/places.js";
import type { DownloadOptions } from "../../hub/index.js";
import { CHOICES, repoOfChoice } from "../../roc/published/checkpoints.js";
import { baseOfWeights, folderInRepo } from "../../roc/published/index.js";
import { DEMO_MODEL } from "../../engine/demo.js";
import { DEMO } from "./default-model.js";
import type { Context } from "./io.js";
import { downloadProgress } from "./download-progress.js";

/** @throws RocError USAGE where photographs are given instead of a checkpoint */
export async function refusePhotos(path: string): Promise<void> {
  const names = await readdir(path).catch((): string[] => []);
  const photos = isImageName(path) ? 1 : names.filter(isImageName).length;
  if (photos === 0 || names.some((name) => /\.(json|safetensors|bin)$/.test(name)) || !(await exists(path))) return;
  const what = isImageName(path) ? "is a photo" : `holds ${photos} ${photos === 1 ? "photo" : "photos"}`;
  throw new RocError("USAGE", `${path} ${what} and no checkpoint; to have scores: roc4mllm score ${path}`);
}

export interface FoundModel extends Omit<FoundPlaces, "opened"> {
  /** Opened: to be passed on. */
  readonly checkpoint: CheckpointFolder;
}

/** Its folders. */
interface FoundPlaces {
  readonly folder: string;
  /** The same, opened. */
  readonly opened: OpenFolder;
  readonly visionTower: string | undefined;
  /** Folder of the base model of adapters. */
  readonly base: string | undefined;
}

/** Where what a checkpoint needs beside its folder is, if the checkpoint's files do not say it. */
export interface ModelParts {
  /** Folder or name of the tower of an original LLaVA. */
  readonly visionTower?: string | undefined;
  /** Folder or name of the base model of adapters. */
  readonly base?: string | undefined;
}

export const BASE_HELP = "base model of adapters: a folder, or a name on the hub (default: as they name it)";

/**
 * Finds a model as {@link findModel}, but downloads nothing.
 *
 * @returns undefined where it is neither a folder nor in the cache
 */
export async function modelAtHand(name: string, parts: ModelParts, context: Context): Promise<FoundModel | undefined> {
  const found = await placesOf(name, parts, context, { offline: true }).catch((error: unknown) => {
    if (isRocError(error) && (error.code === "FILE_NOT_FOUND" || error.code === "NETWORK")) return undefined;
    throw error;
  });
  return found && opened(found);
}

/**
 * Finds a model: a folder, or a name on the hub, which is downloaded as far as the cache lacks it, with progress. Of a run
 * folder it takes the best state, and says which.
 *
 * @throws RocError as `resolveModel`; FILE_NOT_FOUND where the base of adapters is not there
 */
export async function findModel(
  name: string,
  parts: ModelParts,
  context: Context,
  settings?: DownloadOptions["settings"],
): Promise<FoundModel> {
  return opened(await placesOf(name, parts, context, settings));
}

async function opened({ opened: folder, ...found }: FoundPlaces): Promise<FoundModel> {
  return { ...found, checkpoint: await openCheckpointFolder(folder, found.base) };
}

async function placesOf(
  name: string,
  { visionTower, base }: ModelParts,
  context: Context,
  settings: DownloadOptions["settings"],
): Promise<FoundPlaces> {
  await refusePhotos(name);
  const folder = new OpenFolder(await stateOf(await fetched(name, context, settings), context));
  if (base !== undefined) await refuseBase(folder);
  const lent = baseOfWeights(await folder.names());
  const below = base ?? lent ?? (await namedBase(folder));
  const wanted = { exclude: lent === undefined ? undefined : WEIGHTS };
  const at =
    below === undefined || below === "" ? undefined : await foundBase(below, folder.path, context, settings, wanted);
  const tower = visionTower ?? (await towerToFetch(at ?? folder));
  return {
    folder: folder.path,
    opened: folder,
    visionTower: tower === undefined ? undefined : await fetched(tower, context, settings),
    base: at,
  };
}

/** @throws RocError USAGE for a classical system, which stands on no base */
async function refuseBase(folder: OpenFolder): Promise<void> {
  const source = await baselineSource(folder).catch(() => undefined);
  // A folder without config.json may hold weights whose other files are the base's.
  if (source?.folder === undefined && source?.file !== folder.path) return;
  throw new RocError("USAGE", `--base (base) means nothing to ${folder.path}, a classical system's weights. Leave it out.`); // prettier-ignore
}

/** The tower that a checkpoint names where it is in no folder. What is wrong with its files the loader says. */
async function towerToFetch(folder: FolderLike): Promise<string | undefined> {
  return (await towerOf(folder).catch(() => undefined))?.fetch;
}

/** Of a run folder its best state, which is said; any other folder itself. */
async function stateOf(folder: string, { io }: Context): Promise<string> {
  const state = await chooseState(folder);
  if (state) io.stderr.write(`Taking ${state.folder}, the ${state.kind} state of the run.\n`);
  return state?.folder ?? folder;
}

async function foundBase(
  name: string,
  folder: string,
  context: Context,
  settings: DownloadOptions["settings"],
  wanted: Pick<DownloadOptions, "exclude">,
): Promise<string> {
  try {
    return await stateOf(await fetched(name, context, settings, wanted), context);
  } catch (cause) {
    if (!isRocError(cause) || cause.code !== "FILE_NOT_FOUND") throw cause;
    const remedy = "Give the folder of the model that it was made of (--base).";
    const message = `The base model ${name} of ${folder} is not there. ${remedy}`;
    throw new RocError("FILE_NOT_FOUND", message, { cause });
  }
}

/** What is not fetched of a base model whose small files alone are taken. */
const WEIGHTS = ["*.safetensors", "*.bin", "*.index.json"];

async function fetched(
  name: string,
  { io, signal }: Context,
  settings: DownloadOptions["settings"],
  { exclude }: Pick<DownloadOptions, "exclude"> = {},
): Promise<string> {
  // The network's library reserves gigabytes of addresses, which a limit may not allow: only where it is needed.
  if (await exists(name)) return name;
  if (name === DEMO) return DEMO_MODEL;
  return fetchedRepo(repoOfChoice(name), { io, signal }, settings, exclude);
}

async function fetchedRepo(
  name: string,
  { io, signal }: Pick<Context, "io" | "signal">,
  settings: DownloadOptions["settings"],
  exclude: DownloadOptions["exclude"],
): Promise<string> {
  const { resolveModel } = await import("../../hub/index.js");
  const progress = downloadProgress(io.stderr, `MB of ${name}`);
  const { onProgress, onWait } = progress;
  // Of a scorer that its repository has beside others.
  const inside = folderInRepo(name);
  const include = inside === undefined ? undefined : [`${inside}/*`];
  const shortNames = [...CHOICES, DEMO];
  const options = {
    shortNames,
    signal,
    settings,
    onProgress,
    onWait,
    onNote: onWait,
    beside: besideWeights(),
    include,
    exclude,
  };
  try {
    return join(await resolveModel(name, options), inside ?? "");
  } finally {
    progress.stop();
  }
}
