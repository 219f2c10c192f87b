/** The classical systems of the paper's tables by their names; what they are known by without libtorch: facts.ts. */
import { join } from "node:path";
import { RocError } from "../errors.js";
import { atomicWriteJson, makeFolder, OpenFolder, type FolderLike } from "../files/index.js";
import { readConfigPart } from "../image/index.js";
import type { ParamSource } from "../nn/index.js";
import { checkDevice } from "../torch/index.js";
import {
  derivedCheckpoint,
  openCheckpoint,
  openWeightsFile,
  refuseQuantisedConfig,
  saveCheckpoint,
  type Checkpoint,
} from "../weights/index.js";
import { aesmamba } from "./aesmamba/index.js";
import { biaa } from "./biaa/index.js";
import { laion } from "./clip/index.js";
import { systemFactsOfType, unknownSystem } from "./facts.js";
import { eat } from "./eat/index.js";
import { hlagcn } from "./hlagcn/index.js";
import { icaa } from "./icaa/index.js";
import { kong } from "./kong/index.js";
import { mainet } from "./mainet/index.js";
import { malu } from "./malu/index.js";
import { mpada } from "./mpada/index.js";
import { nima } from "./nima/index.js";
import { maxvit } from "./maxvit/index.js";
import { musiq } from "./musiq/index.js";
import { unknownLayout } from "./nearest.js";
import { baselineSource, type BaselineSource } from "./source.js";
import { tanet } from "./tanet/index.js";
import type { Baseline, NewModel, Original, System, SystemLoadOptions } from "./types.js";

/** A line a system, in the order of facts.ts. */
export const SYSTEMS: readonly System[] = [
  laion,
  tanet,
  eat,
  icaa,
  nima,
  musiq,
  maxvit,
  malu,
  kong,
  mpada,
  aesmamba,
  hlagcn,
  biaa,
  mainet,
];

/** The system of a name. @throws RocError USAGE where there is none, naming all */
export function systemNamed(name: string): System {
  const system = SYSTEMS.find((one) => one.name === name);
  if (system) return system;
  throw unknownSystem(name);
}

/** Weights that are found, and whose they are. */
export interface OpenBaseline extends Original {
  readonly system: System;
  /** For messages: the config's file, or that of the weights. */
  readonly configFile: string;
}

/**
 * Opens the weights of a classical system. The caller disposes its checkpoint.
 *
 * @param head file of a head, for a tower that has none or in the place of its own
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; CHECKPOINT_INVALID for a damaged file; CHECKPOINT_MISMATCH for weights
 *   that no system recognises; CONFIG_INVALID
 */
export async function openBaseline(place: FolderLike | BaselineSource, head?: string): Promise<OpenBaseline> {
  const source = typeof place === "string" || place instanceof OpenFolder ? await sourceAt(place) : place;
  const { folder, file = source.path } = source;
  if (folder === undefined && head !== undefined) throw noTower(source.path);
  if (folder === undefined) return recognised(await openWeightsFile(file), SYSTEMS);
  const configFile = folder.file("config.json");
  const config = (await folder.json("config.json")) as Record<string, unknown>;
  refuseQuantisedConfig(config, configFile);
  const system = systemNamed(systemFactsOfType(config["model_type"])?.name ?? "");
  const isForeign = config["model_type"] !== system.name;
  const whole = isForeign ? await withProcessor(config, folder) : config;
  if (head !== undefined) return { ...(await headOn(system, folder, whole, head)), configFile };
  const checkpoint = await openCheckpoint(folder);
  if (isForeign) return { ...recognised(checkpoint, [system], whole), configFile };
  return { system, config, checkpoint, what: system.title, configFile };
}

/** A foreign config, with what its folder says of pictures in another file. */
async function withProcessor(config: Record<string, unknown>, folder: OpenFolder): Promise<Record<string, unknown>> {
  const part = await readConfigPart(folder, "image_processor", "preprocessor_config.json");
  return part ? { ...config, image_processor: part.config } : config;
}

/** @throws RocError USAGE for a system without such heads; CHECKPOINT_MISMATCH for one of another tower */
async function headOn(
  system: System,
  folder: OpenFolder,
  config: unknown,
  file: string,
): Promise<Original & { readonly system: System }> {
  if (!system.withHead)
    throw new RocError(
      "USAGE",
      `${folder.path} is ${system.title}, whose head is its own: leave --head (head) out, or name a tower, ${TOWER}.`,
    );
  const head = withoutWrapper(await openWeightsFile(file));
  const tower = await openCheckpoint(folder).catch((error: unknown) => {
    head.dispose();
    throw error;
  });
  try {
    return { ...system.withHead(tower, config, head), system };
  } catch (error) {
    for (const checkpoint of [tower, head]) checkpoint.dispose();
    throw error;
  }
}

const TOWER = "--model openai/clip-vit-large-patch14";

function noTower(path: string): RocError {
  return new RocError(
    "USAGE",
    `${path} is no folder of a tower, so that --head (head) has nothing to stand on: ${TOWER}.`,
  );
}

async function sourceAt(place: FolderLike): Promise<BaselineSource> {
  const source = await baselineSource(place);
  if (source) return source;
  const remedy = `Give a folder whose config.json has a classical system's model_type, or one file of its weights`;
  throw new RocError("FILE_NOT_FOUND", `${place.toString()} holds no weights of a classical system. ${remedy}.`);
}

/** @throws RocError CHECKPOINT_MISMATCH where none of the systems knows them */
function recognised(opened: Checkpoint, systems: readonly System[], config?: unknown): OpenBaseline {
  const checkpoint = withoutWrapper(opened);
  try {
    for (const system of systems) {
      const original = system.original?.(checkpoint, config);
      if (original) return { ...original, system, configFile: checkpoint.path };
    }
    throw unknownLayout(checkpoint, systems);
  } catch (error) {
    checkpoint.dispose();
    throw error;
  }
}

/** What a model was wrapped in when it was saved (`DataParallel`) is no part of its names. */
function withoutWrapper(checkpoint: Checkpoint): Checkpoint {
  const wrapper = "module.";
  const names = checkpoint.names();
  if (!names.every((name) => name.startsWith(wrapper))) return checkpoint;
  return derivedCheckpoint(checkpoint, new Map(names.map((name) => [name.slice(wrapper.length), name])));
}

/**
 * Loads a classical system: of a folder of ours, or of one file in its authors' form.
 *
 * @param options `head` as of {@link openBaseline}
 * @returns a model that the caller disposes
 * @throws RocError as {@link openBaseline}; USAGE for a device that is not here
 */
export async function loadBaseline(
  place: FolderLike | BaselineSource,
  { head, ...options }: SystemLoadOptions & { readonly head?: string } = {},
): Promise<Baseline> {
  checkDevice(options.device ?? "cpu");
  const opened = await openBaseline(place, head);
  return loadOpened(opened, options);
}

/** The model of opened weights, which are closed then. @throws RocError CONFIG_INVALID, CHECKPOINT_MISMATCH */
export function loadOpened(
  { system, config, checkpoint, configFile }: OpenBaseline,
  options: SystemLoadOptions,
): Baseline {
  try {
    return system.load(config, checkpoint, { ...options, alone: configFile === checkpoint.path }, configFile);
  } finally {
    checkpoint.dispose();
  }
}

/** @throws RocError USAGE for a network that the system has not */
export function refuseVariant({ title, variants }: System, variant: string | undefined): void {
  if (variant === undefined || variants.includes(variant)) return;
  throw new RocError("USAGE", `${title} has no variant "${variant}"; it has ${variants.join(", ")}.`);
}

/**
 * A new model of a system.
 *
 * @param source where its parameters come from, as `randomSource({ seed })`
 * @throws RocError USAGE for a system that is not known, or what it cannot be
 */
export function createBaseline(name: string, wanted: NewModel, source: ParamSource): Baseline {
  const system = systemNamed(name);
  refuseVariant(system, wanted.variant);
  return system.create(system.configure(wanted), source);
}

/**
 * Writes a model as {@link loadBaseline} reads it: config.json and model.safetensors, each file at once.
 *
 * @param folder made where it is missing
 * @throws RocError FILE_UNWRITABLE
 */
export async function saveBaseline(model: Baseline, folder: string): Promise<void> {
  await makeFolder(folder);
  await saveCheckpoint(folder, new Map([...model.parameters(), ...model.buffers()]));
  const config = { model_type: model.family, ...model.config, dtype: model.dtype };
  await atomicWriteJson(join(folder, "config.json"), config);
}
