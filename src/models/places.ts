/**
 * Where the parts of a checkpoint are, whichever folder is given: a checkpoint, the run folder of a training (its best
 * state), a state without merged weights, or a folder of adapters, ours or peft's, on a base model.
 */
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { isRocError, RocError } from "../errors.js";
import { exists, ifThere, OpenFolder, openFolder, readText, type FolderLike } from "../files/index.js";
import { ADAPTER_CONFIG, readAdapterConfig } from "./adapter-config.js";

/** Folder of a state of a run that holds its adapters. */
export const ADAPTER_FOLDER = "adapter";
const CONFIG = "config.json";
const STEP_FOLDER = /^step-\d{8}$/;
/** Files that hold weights, by name. */
export const WEIGHTS = /^((pytorch_)?model.*\.(safetensors|bin)(\.index\.json)?|HPSv3\.safetensors)$/;

/** A state of a run. */
export interface ChosenState {
  readonly folder: string;
  /** "best": by its validations; "latest": where none chose one, or it was asked for. */
  readonly kind: "best" | "latest";
}

/** Names of the whole states of a run folder, the oldest first; none where it is none. */
export async function stateNames(folder: string): Promise<string[]> {
  return (await entries(folder)).filter((name) => STEP_FOLDER.test(name)).sort();
}

/**
 * The state of a run that scores best, or where no validation chose one, its latest; of its file `best` or `latest` the state that
 * this names. Undefined where a folder is no run's.
 *
 * @throws RocError FILE_UNREADABLE; FILE_NOT_FOUND where the file names no state of the run
 */
export async function chooseState(run: string): Promise<ChosenState | undefined> {
  const names = await stateNames(run);
  if (names.length === 0) return namedState(run);
  const best = await pointer(run, "best", names);
  if (best !== undefined) return { folder: join(run, best), kind: "best" };
  return { folder: join(run, (await pointer(run, "latest", names)) ?? names.at(-1) ?? ""), kind: "latest" };
}

/** The state that a run's own file `best` or `latest` names; undefined for any other path. */
async function namedState(file: string): Promise<ChosenState | undefined> {
  const [run, kind] = [dirname(file), basename(file)];
  if (kind !== "best" && kind !== "latest") return undefined;
  const names = await stateNames(run);
  if (names.length === 0 || !(await exists(file))) return undefined;
  const named = await pointer(run, kind, names);
  if (named !== undefined) return { folder: join(run, named), kind };
  throw new RocError("FILE_NOT_FOUND", `${file} names no state of the run in ${run}. Give the run's folder, or one of its states.`); // prettier-ignore
}

/** The state that a file of a run folder names; undefined where there is no such file or state. */
async function pointer(run: string, file: string, names: readonly string[]): Promise<string | undefined> {
  const { name } = await readPointer(run, file);
  return names.includes(name) ? name : undefined;
}

/** What a file of a run folder (`latest`, `best`) says. */
export interface Pointer {
  /** "" where it is missing or cannot be read. */
  readonly name: string;
  /** Why it cannot be read. */
  readonly fault?: string;
}

/** Reads `latest` or `best` of a run folder. One that cannot be read is taken like a missing one: the states are whole. */
export async function readPointer(run: string, file: string): Promise<Pointer> {
  try {
    return { name: ((await ifThere(readText(join(run, file), { maxBytes: 1000, remedy: "" }))) ?? "").trim() };
  } catch (error) {
    if (!isRocError(error) || error.code !== "FILE_UNREADABLE") throw error;
    return { name: "", fault: error.message.trim() };
  }
}

/** Adapters and what they belong to. */
export interface AdapterFolders {
  /** Folder with adapter_config.json and its weights. */
  readonly folder: OpenFolder;
  /** Folder of the base model. */
  readonly base: OpenFolder;
}

/** A checkpoint whose parts are found and whose folders are open: passed on, so that each of its files is read once. */
export class CheckpointFolder {
  constructor(
    /** The folder that was asked for. */
    readonly path: string,
    /** Where config.json, tokenizer, image processor and texts are; the weights, too, where there are no adapters. */
    readonly home: OpenFolder,
    readonly adapter?: AdapterFolders,
    /** Of weights that come without any other file (HPSv3): it has the config of `home`, their base model's. */
    readonly bare?: OpenFolder,
  ) {}

  /** Where the weights are, and the config that belongs to them: with adapters, the base model's folder. */
  get weights(): OpenFolder {
    return this.adapter?.base ?? this.bare ?? this.home;
  }

  /** The folder that it is called by. */
  get name(): string {
    return this.bare?.path ?? this.home.path;
  }

  /** The parsed config.json. @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, CONFIG_INVALID */
  config(): Promise<unknown> {
    return this.home.json(CONFIG);
  }

  /** The same with keys of small JSON files replaced for whoever loads it, wherever the files are. */
  async withKeys(changes: Parameters<OpenFolder["withKeys"]>[0]): Promise<CheckpointFolder> {
    const home = await this.home.withKeys(changes);
    const adapter = this.adapter && { ...this.adapter, base: await this.adapter.base.withKeys(changes) };
    return new CheckpointFolder(this.path, home, adapter, await this.bare?.withKeys(changes));
  }

  toString(): string {
    return this.path;
  }
}

/** What a thread needs to have a checkpoint open as another one has it. */
export interface PackedCheckpoint {
  readonly path: string;
  readonly home: string;
  readonly adapter: { readonly folder: string; readonly base: string } | undefined;
  readonly bare: string | undefined;
  /** By the path of a folder, the bytes of its files that were read already. */
  readonly read: ReadonlyMap<string, ReadonlyMap<string, Uint8Array<ArrayBuffer>>>;
}

/** For another thread. */
export async function packCheckpoint({ path, home, adapter, bare }: CheckpointFolder): Promise<PackedCheckpoint> {
  const folders = [home, adapter?.folder, adapter?.base, bare].filter((one) => one !== undefined);
  const read = new Map(await Promise.all(folders.map(async (one) => [one.path, await one.kept()] as const)));
  const adapters = adapter && { folder: adapter.folder.path, base: adapter.base.path };
  return { path, home: home.path, adapter: adapters, bare: bare?.path, read };
}

/** What {@link packCheckpoint} packed. */
export function unpackCheckpoint({ path, home, adapter, bare, read }: PackedCheckpoint): CheckpointFolder {
  const folders = new Map([...read].map(([place, known]) => [place, new OpenFolder(place, known)]));
  const at = (place: string): OpenFolder => folders.get(place) ?? new OpenFolder(place);
  const adapters = adapter && { folder: at(adapter.folder), base: at(adapter.base) };
  return new CheckpointFolder(path, at(home), adapters, bare === undefined ? undefined : at(bare));
}

/** A checkpoint by its path, or opened already. */
export type CheckpointLike = string | OpenFolder | CheckpointFolder;

/**
 * Finds the parts of a checkpoint and opens their folders; one that is open already is given back as it is.
 *
 * @param base folder of the base model of adapters, or a run folder, which means its best state; default: what their
 *   adapter_config.json names
 * @throws RocError FILE_NOT_FOUND naming the base that is not there; CONFIG_INVALID; FILE_UNREADABLE
 */
export async function openCheckpointFolder(folder: CheckpointLike, base?: string): Promise<CheckpointFolder> {
  if (folder instanceof CheckpointFolder) return folder;
  const given = openFolder(folder);
  if (await isBare(given)) return bareCheckpoint(given, base);
  const { home, adapter } = await adapterOf(given.path);
  const opened = (path: string): OpenFolder => (path === given.path ? given : new OpenFolder(path));
  if (adapter === undefined) return new CheckpointFolder(given.path, opened(home));
  const named = base ?? (await baseFolder(adapter));
  const below = opened((await chooseState(named))?.folder ?? named);
  const own = home === "" || home === below.path ? below : opened(home);
  return new CheckpointFolder(given.path, own, { folder: opened(adapter), base: below });
}

/** Whether a folder holds the weights of HPSv3 and nothing that says what they are. */
async function isBare(folder: OpenFolder): Promise<boolean> {
  const names = await folder.names();
  return names.includes("HPSv3.safetensors") && !names.includes(CONFIG);
}

async function bareCheckpoint(folder: OpenFolder, base: string | undefined): Promise<CheckpointFolder> {
  if (base === undefined) {
    const remedy =
      "Give the folder of Qwen2-VL-7B-Instruct, whose config, tokenizer and image processor it takes (--base)";
    throw new RocError("FILE_NOT_FOUND", `${folder.path} holds the weights of HPSv3 alone. ${remedy}.`);
  }
  const home = new OpenFolder(base);
  const config = await home.bytes(CONFIG);
  return new CheckpointFolder(folder.path, home, undefined, new OpenFolder(folder.path, new Map([[CONFIG, config]])));
}

/** The base model that a folder's adapters name: a folder or a name on the hub; undefined where it holds none. */
export async function namedBase(folder: FolderLike): Promise<string | undefined> {
  const { adapter } = await adapterOf(openFolder(folder).path);
  if (adapter === undefined) return undefined;
  const { base } = await readAdapterConfig(adapter);
  return (await localBase(adapter, base)) ?? base;
}

/** @returns an empty home where the base model's own is to be taken */
async function adapterOf(given: string): Promise<{ home: string; adapter?: string }> {
  const folder = (await chooseState(given))?.folder ?? given;
  const names = await entries(folder);
  if (names.some((name) => WEIGHTS.test(name))) return { home: folder };
  const inside = join(folder, ADAPTER_FOLDER);
  if (names.includes(CONFIG) && (await exists(join(inside, ADAPTER_CONFIG)))) return { home: folder, adapter: inside };
  if (!names.includes(ADAPTER_CONFIG)) return { home: folder };
  // The state that it belongs to has the texts that it was trained with.
  const state = dirname(resolve(folder));
  if (basename(resolve(folder)) === ADAPTER_FOLDER && (await exists(join(state, CONFIG)))) return adapterOf(state);
  const isWhole = names.includes(CONFIG) && names.some((name) => /^tokenizer\.(json|model)$/.test(name));
  return { home: isWhole ? folder : "", adapter: folder };
}

async function baseFolder(adapter: string): Promise<string> {
  const { base } = await readAdapterConfig(adapter);
  const found = await localBase(adapter, base);
  if (found !== undefined) return found;
  const named = base === "" ? "names no base model" : `names the base model ${base}, which is no folder here`;
  const remedy = "Give the folder of the model that the adapters were trained on (--base).";
  throw new RocError("FILE_NOT_FOUND", `${join(adapter, ADAPTER_CONFIG)} ${named}. ${remedy}`);
}

/** A relative name counts from the current folder, or from the adapter's. */
async function localBase(adapter: string, base: string): Promise<string | undefined> {
  if (base === "") return undefined;
  for (const place of [base, resolve(adapter, base)]) if (await exists(join(place, CONFIG))) return place;
  return undefined;
}

/** Names in a folder; none where it is not there, which its reader tells. */
async function entries(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

const grown = z.looseObject({ score_id: z.number(), output_first_id: z.number(), output_last_id: z.number() });

/** The tokens that a config has and its base's has not: their ids, the first of them first. */
export function newTokens(config: unknown, base: Readonly<Record<string, unknown>>): number[] {
  const { data } = grown.safeParse(config);
  if (!data || base["score_id"] !== undefined) return [];
  const { score_id, output_first_id: first, output_last_id: last } = data;
  return [score_id, ...Array.from({ length: last - first + 1 }, (_, i) => first + i)].sort((a, b) => a - b);
}
