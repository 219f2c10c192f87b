/** The model families by the `model_type` of their config.json. */
import { z } from "zod";
import { isRocError, RocError } from "../errors.js";
import { ifThere, type OpenFolder } from "../files/index.js";
import { checkDevice, type DType } from "../torch/index.js";
import type { QuantizePlan } from "../torch/int8.js";
import { checkRoom, openCheckpoint, refuseQuantisedConfig } from "../weights/index.js";
import { unknownFieldsText } from "./common/unknown-fields.js";
import { addFacts, unknownFamily } from "./families.js";
import { internVl } from "./internvl/index.js";
import { llava } from "./llava/index.js";
import { llavaOnevision } from "./llavaonevision/index.js";
import { mplugOwl2 } from "./mplugowl2/index.js";
import { qwen25vl } from "./qwen2_5vl/index.js";
import { qwen2vl } from "./qwen2vl/index.js";
import { qwen35 } from "./qwen35/index.js";
import { qwen3vl } from "./qwen3vl/index.js";
import { loadAdapter } from "./peft.js";
import { newTokens, openCheckpointFolder, type CheckpointFolder, type CheckpointLike } from "./places.js";
import { checkQuantized, planOf, quantizeMerged, refuseQuantized } from "./quantize.js";
import { GENERATION_CONFIG } from "./save.js";
import type { Family, ImageInputs, LoadOptions, Mllm, MllmProcessor, ProcessorOptions, SmallModels } from "./types.js";

const FAMILIES = new Map<string, Family>();
for (const family of [llava, mplugOwl2, qwen2vl, qwen25vl, qwen35, qwen3vl, internVl, llavaOnevision])
  for (const type of family.modelTypes) FAMILIES.set(type, family);

/**
 * Makes a family known, so that its checkpoints are loaded, scored, trained and inspected as those of the others.
 *
 * @returns what takes it away again
 * @throws RocError USAGE where one of its `model_type`s is another family's
 */
export function registerFamily(family: Family): () => void {
  const forget = addFacts(family);
  for (const type of family.modelTypes) FAMILIES.set(type, family);
  return () => {
    for (const type of family.modelTypes) FAMILIES.delete(type);
    forget();
  };
}

/** How the family of that `model_type` makes small models. @throws RocError USAGE where it makes none, or is not known */
export function smallModels(modelType: string): SmallModels {
  const small = FAMILIES.get(modelType)?.small;
  if (small) return small;
  throw new RocError("USAGE", `No small models of model_type "${modelType}" are made here.`);
}

/**
 * What {@link loadMllm} gives.
 *
 * @category Checkpoints and models
 */
export interface Loaded {
  /** The weights; the caller disposes them. */
  readonly model: Mllm;
  /** Pixels and text to the model's inputs. */
  readonly processor: MllmProcessor;
}

/**
 * Loads a checkpoint folder of any known family. Of a run folder it takes the best state; adapters come merged into their
 * base. Needs no score tokens: {@link load} is for checkpoints that score.
 *
 * @param folder path of the checkpoint's folder
 * @throws RocError CONFIG_INVALID where the family is not known; USAGE for a device that is not here, or an option that the
 *   family would not look at; FILE_NOT_FOUND, FILE_UNREADABLE, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH or
 *   TOKENIZER_INVALID where a file is missing, damaged or does not fit the others; NATIVE_UNAVAILABLE
 *
 * @example
 * ```ts
 * import { loadMllm } from "roc4mllm";
 *
 * const { model, processor } = await loadMllm("my-checkpoint", { dtype: "float32" });
 * console.log(model.family, processor.tokenizer.size <= model.vocabSize); // llava true
 * model.dispose();
 * ```
 *
 * @category Checkpoints and models
 */
export async function loadMllm(folder: CheckpointLike, options: LoadOptions & ProcessorOptions = {}): Promise<Loaded> {
  const checkpoint = await openCheckpointFolder(folder, options.base);
  const { home } = checkpoint;
  const { family } = await familyOf(home);
  const model = await loadModel(checkpoint, options);
  try {
    return { model, processor: await family.loadProcessor(home, model.config, options) };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** The weights alone: a folder without tokenizer and image processor is enough. Throws as {@link loadMllm}. */
export async function loadModel(folder: CheckpointLike, options: LoadOptions = {}): Promise<Mllm> {
  const checkpoint = await openCheckpointFolder(folder, options.base);
  const { home, adapter } = checkpoint;
  if (!adapter) return loadPlain(checkpoint.weights, options);
  const plan = planOf(options, await checkpoint.weights.json("config.json"));
  if (plan?.stored) refuseQuantized(await checkpoint.weights.json("config.json"), adapter.base.path);
  const { quantize: _, ...plain } = options;
  const model = await loadPlain(checkpoint.weights, { ...plain, dtype: dtypeOf(options, plan) });
  try {
    if (home !== adapter.base) {
      const config = await checkpoint.config();
      const [first, ...more] = newTokens(config, model.config);
      if (first !== undefined) model.growVocabulary([first, ...more], first);
      Object.assign(model.config, config);
    }
    if (options.outline) return model;
    const adapters = await loadAdapter(model, adapter.folder);
    if (!plan) adapters.merge();
    else {
      quantizeMerged(model, adapters);
      checkQuantized(model, home.path);
    }
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
}

async function loadPlain(folder: OpenFolder, options: LoadOptions): Promise<Mllm> {
  const { family, config } = await familyOf(folder);
  const { visionTower } = options;
  if (visionTower !== undefined && !(await family.tower?.(folder, visionTower))) {
    const text = `${folder.path} holds its own vision tower: ${visionTower} would not be looked at`;
    throw new RocError("USAGE", `${text}. Leave --vision-tower (visionTower) out.`);
  }
  const quantize = planOf(options, config);
  checkDevice(options.device ?? "cpu");
  const generationConfig = await ifThere(folder.text(GENERATION_CONFIG));
  const given = { ...options, quantize, dtype: dtypeOf(options, quantize) };
  const model = await family.load(folder, given).catch((error: unknown) => {
    throw withUnknownFields(error, config, family);
  });
  try {
    if (quantize) checkQuantized(model, folder.path);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return generationConfig === undefined ? model : Object.assign(model, { generationConfig });
}

/** Weights that do not fit may be of a layout that is newer than this program. */
function withUnknownFields(error: unknown, config: unknown, { configSchemas = [] }: Family): unknown {
  if (!isRocError(error) || error.code !== "CHECKPOINT_MISMATCH" || configSchemas.length === 0) return error;
  const named = unknownFieldsText(config, configSchemas);
  if (named === undefined) return error;
  const text = `${error.message} config.json has fields that this program does not know (${named}): if the layout is newer than it, they say how, and a newer version of this program is needed.`; // prettier-ignore
  return new RocError(error.code, text, { cause: error });
}

/** Fields of a config that its family does not look at, as a message has them; undefined where there are none. */
export function unreadFields(config: Readonly<Record<string, unknown>>): string | undefined {
  const family = FAMILIES.get(String(config["model_type"]));
  return unknownFieldsText(config, family?.configSchemas ?? []);
}

/** Of what is not in 8 bits, where nothing is asked for. */
function dtypeOf({ dtype, device = "cpu" }: LoadOptions, plan: QuantizePlan | undefined): DType | undefined {
  return dtype ?? (plan && device === "cpu" ? "bfloat16" : undefined);
}

/**
 * Whether the weights fit into memory, by the files' headers: for callers that read every byte before they load. What is wrong
 * with the files the loader says.
 *
 * @throws RocError OUT_OF_MEMORY
 */
export async function checkMemory(folder: CheckpointFolder, options: LoadOptions): Promise<void> {
  const { device = "cpu" } = options;
  try {
    const quantize = planOf(options, await folder.weights.json("config.json"));
    const dtype = dtypeOf(options, quantize) ?? (device === "cpu" ? "float32" : undefined);
    using checkpoint = await openCheckpoint(folder.weights);
    checkRoom(checkpoint, checkpoint.names(), { dtype, device, quantize });
  } catch (error) {
    if (isRocError(error) && error.code !== "OUT_OF_MEMORY") return;
    throw error;
  }
}

/** The picture side alone, without weights and tokenizer. Throws as {@link loadMllm}. */
export async function loadImages(folder: CheckpointLike, options: ProcessorOptions = {}): Promise<ImageInputs> {
  const { home } = await openCheckpointFolder(folder, options.base);
  const { family, config } = await familyOf(home);
  return family.loadImages(home, config, options);
}

/** The family of a checkpoint folder. @throws RocError CONFIG_INVALID where it is not known; CHECKPOINT_INVALID */
async function familyOf(folder: OpenFolder): Promise<{ family: Family; config: unknown }> {
  const file = folder.file("config.json");
  const config = await folder.json("config.json");
  refuseQuantisedConfig(config, file);
  const parsed = z.looseObject({ model_type: z.string() }).safeParse(config);
  if (!parsed.success) throw new RocError("CONFIG_INVALID", `${file} has no model_type: it is no model's config.`);
  const { model_type } = parsed.data;
  const family = FAMILIES.get(model_type);
  if (family) return { family, config };
  throw unknownFamily(file, model_type);
}
