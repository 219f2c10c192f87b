/** The model families by the `model_type` of their config.json. */
import { join } from "node:path";
import { z } from "zod";
import { RocError } from "../errors.js";
import { checkDevice } from "../torch/index.js";
import { ifThere, readJson, readText } from "../files/index.js";
import { refuseQuantisedConfig } from "../weights/index.js";
import { isOriginal, llava, towerFolder } from "./llava/index.js";
import { mplugOwl2 } from "./mplugowl2/index.js";
import { qwen2vl } from "./qwen2vl/index.js";
import { loadAdapter } from "./peft.js";
import { newTokens, placesOf } from "./places.js";
import { GENERATION_CONFIG } from "./save.js";
import type { Family, ImageInputs, LoadOptions, Mllm, MllmProcessor, ProcessorOptions } from "./types.js";

const FAMILIES: ReadonlyMap<string, Family> = new Map([
  ["llava", llava],
  // What the original code has called itself since 2024.
  ["llava_llama", llava],
  ["mplug_owl2", mplugOwl2],
  ["qwen2_vl", qwen2vl],
]);

/**
 * The `model_type`s of `config.json` that {@link loadMllm} knows.
 *
 * @example
 * ```ts
 * import { families } from "roc4mllm";
 *
 * console.log(families().includes("llava")); // true
 * ```
 *
 * @category Checkpoints and models
 */
export function families(): string[] {
  return [...FAMILIES.keys()];
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
export async function loadMllm(folder: string, options: LoadOptions & ProcessorOptions = {}): Promise<Loaded> {
  const { home } = await placesOf(folder, options.base);
  const { family } = await familyOf(home);
  const model = await loadModel(folder, options);
  try {
    return { model, processor: await family.loadProcessor(home, model.config, options) };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** The weights alone: a folder without tokenizer and image processor is enough. Throws as {@link loadMllm}. */
export async function loadModel(folder: string, options: LoadOptions = {}): Promise<Mllm> {
  const { home, adapter } = await placesOf(folder, options.base);
  const model = await loadPlain(adapter?.base ?? home, options);
  if (!adapter) return model;
  try {
    if (home !== adapter.base) {
      const [first, ...more] = await newTokens(home, model.config);
      if (first !== undefined) model.growVocabulary([first, ...more], first);
      Object.assign(model.config, await readJson(join(home, "config.json")));
    }
    (await loadAdapter(model, adapter.folder)).merge();
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
}

async function loadPlain(folder: string, options: LoadOptions): Promise<Mllm> {
  const { family, config } = await familyOf(folder);
  if (options.visionTower !== undefined && !isOriginal(config)) {
    const text = `${folder} holds its own vision tower: ${options.visionTower} would not be looked at`;
    throw new RocError("USAGE", `${text}. Leave --vision-tower (visionTower) out.`);
  }
  checkDevice(options.device ?? "cpu");
  const generationConfig = await ifThere(readText(join(folder, GENERATION_CONFIG)));
  const model = await family.load(folder, options);
  return generationConfig === undefined ? model : Object.assign(model, { generationConfig });
}

/**
 * The folder of the vision tower of a checkpoint that keeps it elsewhere (the original LLaVA); undefined for any other, and
 * where it is not to be found, which loading then tells.
 */
export async function towerElsewhere(folder: string, given?: string): Promise<string | undefined> {
  const config = await ifThere(readJson(join(folder, "config.json")));
  return isOriginal(config) ? ifThere(towerFolder(folder, config, given)) : undefined;
}

/** The picture side alone, without weights and tokenizer. Throws as {@link loadMllm}. */
export async function loadImages(folder: string, options: ProcessorOptions = {}): Promise<ImageInputs> {
  const { home } = await placesOf(folder, options.base);
  const { family, config } = await familyOf(home);
  return family.loadImages(home, config, options);
}

/** The conversation of a family whose plain checkpoints score by level words; undefined for any other family. */
export function levelConversation(modelType: unknown): string | undefined {
  return typeof modelType === "string" ? FAMILIES.get(modelType)?.levelConversation : undefined;
}

async function familyOf(folder: string): Promise<{ family: Family; config: unknown }> {
  const file = join(folder, "config.json");
  const config = await readJson(file);
  refuseQuantisedConfig(config, file);
  const parsed = z.looseObject({ model_type: z.string() }).safeParse(config);
  if (!parsed.success) throw new RocError("CONFIG_INVALID", `${file} has no model_type: it is no model's config.`);
  const { model_type } = parsed.data;
  const family = FAMILIES.get(model_type);
  if (family) return { family, config };
  const known = families().join(", ");
  throw new RocError("CONFIG_INVALID", `${file}: model_type "${model_type}" is not supported; known are: ${known}.`);
}
