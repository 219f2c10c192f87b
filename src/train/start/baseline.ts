/** A classical system as what a run trains: a new one by its name, or a checkpoint of one. */
import { resolve } from "node:path";
import { systemFacts } from "../../baselines/facts.js";
import { loadBaseline, refuseVariant, systemNamed } from "../../baselines/registry.js";
import { baselineSource, type BaselineSource } from "../../baselines/source.js";
import { SCORE, type Baseline, type NewModel, type Output, type System } from "../../baselines/types.js";
import { attributeScale, type Ratings } from "../../data/index.js";
import { digestModel } from "../../engine/index.js";
import { isRocError, RocError } from "../../errors.js";
import { digestFile, exists, type Settings } from "../../files/index.js";
import type { RgbImage, StoredImage } from "../../image/types.js";
import { mapSource, randomSource, type ParamSource } from "../../nn/index.js";
import { noGrad } from "../../torch/index.js";
import { openWeightsFile, outlineSource, unionCheckpoint, type Checkpoint } from "../../weights/index.js";
import { firstPiece, parameterGroups, trainedParameters } from "../optim/groups.js";
import type { Precision, TrainOptions } from "../options.js";
import { sizesOf } from "./plan.js";
import { filesOf } from "./config.js";
import { refuseLanguage } from "./refusals.js";
import type { CheckedSpec, ModelFolders } from "./spec.js";

/** A classical system that a run trains. */
export interface TrainableBaseline {
  readonly baseline: Baseline;
  readonly prepare: (picture: RgbImage | StoredImage) => Promise<RgbImage>;
}

/** Where a run's system comes from. */
export type BaselineStart = NewBaseline | { readonly source: BaselineSource };

/** One that is made for the run. */
export interface NewBaseline {
  readonly system: System;
  readonly config: Record<string, unknown>;
  readonly seed: number;
  /** Files of the weights that it begins with, each of another part of the network. */
  readonly pretrained: readonly string[];
}

/**
 * The classical system that a spec names; undefined where `model` is none's name, or something is there that is called so: but the
 * run's own folder is not meant.
 * @throws RocError USAGE where the spec asks for what the system cannot be
 */
export async function newBaseline(spec: CheckedSpec, ratings: Ratings): Promise<NewBaseline | undefined> {
  if (systemFacts(spec.model) === undefined) return undefined;
  if ((await exists(spec.model)) && resolve(spec.model) !== resolve(spec.out)) return undefined;
  const system = systemNamed(spec.model);
  const { variant, pretrained } = spec;
  refuseVariant(system, variant);
  return {
    system,
    seed: spec.train.seed,
    pretrained: filesOf(pretrained),
    config: configureFor(system, spec, ratings),
  };
}

/** The classical system in the folder, or the file, that was found for a spec; undefined where that is another model. */
export async function storedBaseline(spec: CheckedSpec, { folder }: ModelFolders): Promise<BaselineStart | undefined> {
  const source = await baselineSource(folder);
  if (!source) return undefined;
  const given = (["variant", "pretrained", "tiny", "attributes", "bins"] as const).filter(
    (key) => spec[key] !== undefined,
  );
  if (given.length === 0) return { source };
  const remedy = "They are of a new system, which is asked for by its name. Leave them out.";
  throw new RocError("USAGE", `${given.join(", ")}: ${spec.model} is a trained system. ${remedy}`);
}

/** What a new system predicts of pictures that are rated so. */
function wantedOf({ scale, variant, tiny, bins, attributes: withAttributes }: CheckedSpec, ratings: Ratings): NewModel {
  const count = bins ?? ratings.votes;
  const names = withAttributes === false ? [] : ratings.attributes;
  const attributes = names.map((name) => ({ name, scale: attributeScale({ ...ratings, name }, name) }));
  return {
    ...{ variant, tiny, scale: scale ?? ratings.scale },
    ...(count > 0 && { bins: count }),
    ...(attributes.length > 0 && { attributes }),
  };
}

/** What the spec says must be; what the data suggest is left out where the system refuses it. */
function configureFor(system: System, spec: CheckedSpec, ratings: Ratings): Record<string, unknown> {
  const { attributes, bins, ...rest } = wantedOf(spec, ratings);
  const asked = spec.bins === undefined ? [{ bins }, {}] : [{ bins }];
  const choices = asked.flatMap((one) => [...(attributes ? [{ ...one, attributes }] : []), one]);
  let refused: unknown;
  for (const choice of choices) {
    try {
      return system.configure({ ...rest, ...choice });
    } catch (error) {
      if (!isRocError(error) || error.code !== "USAGE") throw error;
      refused = error;
    }
  }
  throw refused;
}

/** What is known of a run's system without its weights. */
export interface BaselineOutline {
  /** By which it is asked for. */
  readonly name: string;
  /** What it predicts. */
  readonly outputs: readonly Output[];
  /** What a person should know of its weights, in sentences. */
  readonly notes: readonly string[];
  readonly sizes: ReturnType<typeof sizesOf>;
  /** The run's, with what its authors left as it was. */
  readonly recipe: TrainOptions;
}

/**
 * Looks at the system of a run before any weights are read, and holds the spec against it.
 * @throws RocError USAGE where the spec asks for what it is not, or names parameters that it has not
 */
export async function outlineOf(
  spec: CheckedSpec,
  start: BaselineStart,
  wanted: TrainOptions,
): Promise<BaselineOutline> {
  const { baseline } = await startBaseline(start, { outline: true });
  try {
    const { outputs, family } = baseline;
    const { title, untrained = [] } = systemNamed(family);
    refuseLanguage(spec, title);
    const begun = "system" in start ? await begunNotes(start, baseline, untrained) : { notes: [], hasUntrained: true };
    const stays = begun.hasUntrained && wanted.freeze === undefined ? untrained : [];
    const recipe = stays.length > 0 ? { ...wanted, freeze: stays } : wanted;
    if ("source" in start) checkScale(spec, title, outputs);
    parameterGroups(trainedParameters(baseline, recipe), recipe);
    const notes = [...begun.notes, ...(stays.length > 0 ? [headNote(title, stays)] : [])];
    return { name: family, outputs, notes, sizes: sizesOf(baseline, recipe), recipe };
  } finally {
    baseline.dispose();
  }
}

function headNote(title: string, stays: readonly string[]): string {
  return `${title}: ${stays.join(" and ")} stay as they are, as published; --freeze none (train.freeze: []) trains all.`;
}

/** For a plan: a start without weights that are not here yet, and a sentence that says so. */
export async function planStart(start: BaselineStart): Promise<{ start: BaselineStart; notes: string[] }> {
  if ("source" in start) return { start, notes: [] };
  const here = await Promise.all(start.pretrained.map((file) => exists(file)));
  const absent = start.pretrained.filter((_, i) => !here[i]);
  if (absent.length === 0) return { start, notes: [] };
  const [are, they] = absent.length === 1 ? ["is", "it has"] : ["are", "they have"];
  const text = `${absent.join(" and ")}, which ${start.system.title} begins with, ${are} not here: which tensors ${they} is not known.`;
  return { start: { ...start, pretrained: start.pretrained.filter((_, i) => here[i]) }, notes: [`${text} ${WHENCE}`] };
}

/** What is known of the weights that a new system begins with. */
interface Begun {
  readonly notes: readonly string[];
  /** Whether they hold every parameter of the parts that published training leaves as they are. */
  readonly hasUntrained: boolean;
}

/**
 * Which weights of a new system its classifier has.
 * @throws RocError CHECKPOINT_MISMATCH where it is of another network or size
 */
async function begunNotes(start: NewBaseline, outline: Baseline, untrained: readonly string[]): Promise<Begun> {
  using found = await openClassifiers(start);
  if (!found) return { notes: [], hasUntrained: false };
  const wanted = new Map([...outline.parameters(), ...outline.buffers()]);
  const unknown = found.names().filter((name) => !wanted.has(name));
  if (unknown.length > 0) {
    const text = `${found.path} holds ${unknown.slice(0, 3).join(", ")}, which this ${start.system.title} has not`;
    throw new RocError("CHECKPOINT_MISMATCH", `${text}. Give a classifier's weights of that network.`);
  }
  for (const [name, { shape }] of wanted) if (found.has(name)) checkShape(found, name, shape);
  const drawn = [...wanted.keys()].filter((name) => !found.has(name));
  const others = drawn.length > 6 ? `${drawn.slice(0, 6).join(", ")} and ${drawn.length - 6} more` : drawn.join(", ");
  const hasUntrained = !drawn.some((name) => untrained.includes(firstPiece(name)));
  const text = `${found.names().length} of ${wanted.size} tensors begin as in ${start.pretrained.join(" and ")}; drawn are ${others || "none"}.`;
  return { notes: [text], hasUntrained };
}

function checkShape(checkpoint: Checkpoint, name: string, shape: readonly number[]): void {
  const { shape: found } = checkpoint.info(name);
  if (found.join() === shape.join()) return;
  const shapes = `[${found.join(", ")}], where the network has [${shape.join(", ")}]`;
  throw new RocError("CHECKPOINT_MISMATCH", `${checkpoint.path}: ${name} is ${shapes}. Give weights of that network.`);
}

/** @throws RocError USAGE where a trained system is to give scores on another scale than it does */
function checkScale({ scale }: CheckedSpec, title: string, outputs: readonly Output[]): void {
  const own = outputs.find(({ name }) => name === SCORE)?.scale;
  if (!scale || !own || (scale.min === own.min && scale.max === own.max)) return;
  const message = `scale (--scale) is ${scale.min} to ${scale.max}, but this ${title} gives ${own.min} to ${own.max}`;
  throw new RocError("USAGE", `${message}. Leave it out: ratings are brought to the system's scale.`);
}

/** What a run needs of a system's weights. */
interface Placement {
  readonly device?: string;
  readonly dtype?: Precision;
  /** Its outline instead of its weights, for a plan. */
  readonly outline?: boolean;
}

/** Makes or loads the system. @throws RocError as `loadBaseline`; CHECKPOINT_MISMATCH for a `pretrained` of another network */
export async function startBaseline(start: BaselineStart, placement: Placement = {}): Promise<TrainableBaseline> {
  const { device = "cpu", outline = false } = placement;
  if ("source" in start) {
    const loaded = await loadBaseline(start.source, { device, dtype: "float32", outline });
    return trainable(outline ? loaded : inOwnMemory(loaded));
  }
  const { system, config, seed } = start;
  if (outline) return trainable(system.create(config, outlineSource("float32")));
  const fresh = randomSource({ seed, device });
  using found = await openClassifiers(start);
  return trainable(system.create(config, found ? begunBy(found, fresh) : fresh));
}

/** The system of a run's state. */
export async function reopenBaseline(folder: string, { device = "cpu" }: Placement): Promise<TrainableBaseline> {
  return trainable(inOwnMemory(await loadBaseline(folder, { device, dtype: "float32" })));
}

/**
 * The same system with copies of its weights. Those of a file lie where the file has them, and products of one row are rounded
 * by whether they lie at a multiple of 64 bytes: a resumed run would not compute what the whole run does.
 */
function inOwnMemory(loaded: Baseline): Baseline {
  try {
    const weights = new Map([...loaded.parameters(), ...loaded.buffers()]);
    return systemNamed(loaded.family).create(loaded.config, mapSource(weights));
  } finally {
    loaded.dispose();
  }
}

function trainable(baseline: Baseline): TrainableBaseline {
  return { baseline, prepare: (picture) => baseline.inputs.prepare(picture) };
}

const WHENCE = "docs/baselines.md says which classifier's weights a system begins with, and whose they are.";

/**
 * The weights that a new system begins with, of all files; undefined where it begins with none.
 * @throws RocError FILE_NOT_FOUND; CHECKPOINT_MISMATCH for one of another network, or where two are of the same part
 */
async function openClassifiers(start: NewBaseline): Promise<Checkpoint | undefined> {
  const opened: Checkpoint[] = [];
  try {
    for (const path of start.pretrained) {
      const file = await openWeightsFile(path, `Check the path (pretrained, --pretrained); ${WHENCE}`);
      opened.push(file);
    }
    const [first, ...others] = opened.map((file) => ({ checkpoint: classifierOf(file, start) }));
    if (first === undefined) return undefined;
    refuseTwice([first, ...others]);
    return unionCheckpoint([first, ...others]);
  } catch (error) {
    for (const checkpoint of opened) checkpoint.dispose();
    throw error;
  }
}

/** @throws RocError CHECKPOINT_MISMATCH where two files have weights of the same part */
function refuseTwice(parts: readonly { readonly checkpoint: Checkpoint }[]): void {
  const holders = new Map<string, string>();
  for (const { checkpoint } of parts) {
    for (const name of checkpoint.names()) {
      const other = holders.get(name);
      if (other !== undefined) {
        const text = `${other} and ${checkpoint.path} both hold ${name}`;
        throw new RocError("CHECKPOINT_MISMATCH", `${text}. Give one file a part of the network (pretrained).`);
      }
      holders.set(name, checkpoint.path);
    }
  }
}

function classifierOf(file: Checkpoint, { system, config }: NewBaseline): Checkpoint {
  const found = system.pretrained?.(file, config);
  if (found) return found;
  const names = file.names();
  const has = `it has ${names.length} tensors, such as ${names.slice(0, 3).join(", ")}`;
  const remedy = system.pretrained
    ? "Give a classifier's weights of that network"
    : "It takes none; leave pretrained out";
  throw new RocError("CHECKPOINT_MISMATCH", `${file.path} does not fit ${system.title}: ${has}. ${remedy}.`);
}

/** Parameters of a checkpoint of that network where it has them, else fresh ones: the same whatever it has. */
function begunBy(checkpoint: Checkpoint, fresh: ParamSource): ParamSource {
  return {
    take(name, shape, init, use) {
      const drawn = fresh.take(name, shape, init, use);
      if (!checkpoint.has(name)) return drawn;
      using stored = checkpoint.tensor(name);
      noGrad(() => drawn.copy_(stored));
      return drawn;
    },
  };
}

/** What {@link startBaseline} depends on, for a run's settings. */
export async function baselineSettings(start: BaselineStart): Promise<Settings> {
  if ("source" in start) {
    const { path, file } = start.source;
    return { base: file === undefined ? await digestModel(path) : await digestFile(file) };
  }
  const { system, config, pretrained } = start;
  const digests = await Promise.all(pretrained.map((file) => digestFile(file)));
  return {
    ...{ system: system.name, network: config },
    // Of one file as it was when there could be but one: runs of then resume.
    ...(digests.length > 0 && { pretrained: digests.length === 1 ? digests[0] : digests }),
  };
}
