/** From the name of a model to folders: the checkpoint's, and its vision tower's where that lies elsewhere. */
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { isRocError, RocError } from "../errors.js";
import { exists } from "../files/index.js";
import { resolveModel, type DownloadOptions } from "../hub/index.js";
import type { Context } from "./io.js";
import { createProgress, type Progress } from "./progress.js";

/** Files that tell a photograph by their names. */
const PHOTO = /\.(jpe?g|png|webp|avif|tiff?|gif|heic|heif|dng|cr[23]|nef|arw|raf|orf|rw2)$/i;

/** @throws RocError USAGE where photographs are given in the place of a checkpoint */
export async function refusePhotos(path: string): Promise<void> {
  const names = await readdir(path).catch((): string[] => []);
  const photos = PHOTO.test(path) ? 1 : names.filter((name) => PHOTO.test(name)).length;
  if (photos === 0 || names.some((name) => /\.(json|safetensors|bin)$/.test(name)) || !(await exists(path))) return;
  const what = PHOTO.test(path) ? "is a photo" : `holds ${photos} ${photos === 1 ? "photo" : "photos"}`;
  throw new RocError("USAGE", `${path} ${what} and no checkpoint; to have scores: roc4mllm score ${path}`);
}

export interface FoundModel {
  readonly folder: string;
  readonly visionTower: string | undefined;
}

const MEGABYTE = 1e6;

/**
 * Finds a model as {@link findModel}, but downloads nothing.
 *
 * @returns undefined where it is neither a folder nor in the cache
 */
export async function modelAtHand(
  name: string,
  visionTower: string | undefined,
  context: Context,
): Promise<FoundModel | undefined> {
  try {
    return await findModel(name, visionTower, context, { offline: true });
  } catch (error) {
    if (isRocError(error) && (error.code === "FILE_NOT_FOUND" || error.code === "NETWORK")) return undefined;
    throw error;
  }
}

/**
 * Finds a model: a folder, or a name on the hub, which is downloaded as far as the cache lacks it, with progress.
 *
 * @param visionTower folder or name of the tower of an original LLaVA; default: what its config names
 * @throws RocError as `resolveModel`
 */
export async function findModel(
  name: string,
  visionTower: string | undefined,
  context: Context,
  settings?: DownloadOptions["settings"],
): Promise<FoundModel> {
  await refusePhotos(name);
  const folder = await fetched(name, context, settings);
  const tower = visionTower ?? (await namedTower(folder));
  return { folder, visionTower: tower === undefined ? undefined : await fetched(tower, context, settings) };
}

async function fetched(name: string, { io, signal }: Context, settings: DownloadOptions["settings"]): Promise<string> {
  let progress: Progress | undefined;
  const onProgress: DownloadOptions["onProgress"] = (bytes, total) => {
    // What is in the cache needs no bar.
    if (bytes === total && !progress) return;
    progress ??= createProgress(io.stderr, `MB of ${name}`, Math.ceil(total / MEGABYTE));
    progress.update(Math.floor(bytes / MEGABYTE));
  };
  try {
    return await resolveModel(name, { signal, onProgress, ...(settings && { settings }) });
  } finally {
    progress?.stop();
  }
}

const config = z.looseObject({ mm_vision_tower: z.string().optional(), vision_config: z.unknown().optional() });

/** The tower that an original LLaVA names, where it is in no folder beside the checkpoint: to be had from the hub. */
async function namedTower(folder: string): Promise<string | undefined> {
  const text = await readFile(join(folder, "config.json"), "utf8").catch(() => "{}");
  const { mm_vision_tower: name, vision_config } = parse(text);
  if (name === undefined || vision_config !== undefined || !/^[\w.-]+\/[\w.-]+$/.test(name)) return undefined;
  const places = [join(folder, name), join(folder, "..", name), join(folder, "..", basename(name))];
  const there = await Promise.all(places.map((place) => exists(join(place, "config.json"))));
  return there.includes(true) ? undefined : name;
}

function parse(text: string): z.infer<typeof config> {
  try {
    return config.parse(JSON.parse(text));
  } catch {
    // The loader says what is wrong with it.
    return {};
  }
}
