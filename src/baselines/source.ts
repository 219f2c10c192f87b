/** Where a classical system's weights are: a folder of ours, or one file of its authors. Loads no libtorch. */
import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { z } from "zod";
import { RocError } from "../errors.js";
import { ifThere, openFolder, type FolderLike, type OpenFolder } from "../files/index.js";
import { isWeightsFile } from "../weights/file.js";
import { systemFactsOfType } from "./facts.js";

/** A place with weights of a classical system, as far as names and config.json tell. */
export interface BaselineSource {
  /** What was asked for. */
  readonly path: string;
  /** A folder whose config.json is a system's. */
  readonly folder?: OpenFolder;
  /** One file, whose names and shapes some system has to recognise. */
  readonly file?: string;
}

const modelConfig = z.looseObject({ model_type: z.unknown() });

/**
 * Finds the weights of a classical system.
 *
 * @param place a folder with a system's config.json, a folder without config.json that holds one file of weights, or such a file
 * @returns undefined where it is neither: a checkpoint of another kind, or none
 * @throws RocError FILE_UNREADABLE, CONFIG_INVALID for a config.json that is no JSON; USAGE for a folder without one that holds
 *   several files of weights
 */
export async function baselineSource(place: FolderLike): Promise<BaselineSource | undefined> {
  const folder = openFolder(place);
  const { path } = folder;
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  if (!found.isDirectory()) return fileSource(path);
  const names = await folder.names();
  if (names.includes("config.json")) return (await isSystems(folder)) ? { path, folder } : undefined;
  const [only, ...others] = names.filter(isWeightsFile);
  if (only === undefined || names.includes("adapter_config.json")) return undefined;
  if (others.length === 0) return { path, file: folder.file(only) };
  // The parts of one checkpoint, whose config.json is missing.
  if (names.some((name) => /\.index\.json$|-\d{5}-of-\d{5}/.test(name))) return undefined;
  const listed = [only, ...others].slice(0, 5).join(", ");
  throw new RocError("USAGE", `${path} has no config.json and holds ${others.length + 1} files of weights (${listed}). Name one of them.`); // prettier-ignore
}

/** The weights of one of our folders by their file's path are that folder. */
async function fileSource(path: string): Promise<BaselineSource | undefined> {
  if (/^model.*\.safetensors$/.test(basename(path))) {
    const folder = openFolder(dirname(path));
    if (await isSystems(folder)) return { path, folder };
  }
  return { path, file: path };
}

async function isSystems(folder: OpenFolder): Promise<boolean> {
  const { data } = modelConfig.safeParse(await ifThere(folder.json("config.json")));
  return systemFactsOfType(data?.model_type) !== undefined;
}
