/** Checkpoint folders of scoring models: Hugging Face's layout and, beside it, the texts of `roc_templates.json`. */
import { RocError } from "../errors.js";
import { factsOf } from "../models/families.js";
import { openCheckpointFolder, type CheckpointFolder } from "../models/places.js";
import { loadMllm } from "../models/registry.js";
import { saveMllm } from "../models/save.js";
import {
  DEFAULT_TEMPLATES,
  LEVEL_TEMPLATES,
  loadTemplates,
  saveTemplates,
  strategyOf,
  type RocTemplates,
  type Scale,
  type Strategy,
  type StrategyParts,
} from "../roc/index.js";
import { RESIZE_MODES, type ResizeMode } from "../image/index.js";
import { FLOAT_DTYPES } from "../torch/dtype.js";
import type { Device, DType } from "../torch/index.js";
import type { OpenFolder } from "../files/index.js";
import { refuseQuantisedConfig } from "../weights/index.js";
import { checkBatchSize, type BatchSize } from "./batch-size.js";
import { checkBase, checkpointName, digestModel } from "./identity.js";
import { pathOf } from "./inputs.js";
import { createModel } from "./model.js";
import type { Model } from "./types.js";

/**
 * How {@link load} loads a checkpoint.
 *
 * @category Scoring
 */
export interface LoadOptions {
  /** "cpu" (default), "cuda" or "cuda:1". */
  readonly device?: Device | undefined;
  /** Of the weights; default: float32 on the CPU, the file's own on a GPU. */
  readonly dtype?: DType | undefined;
  /** Ends the loading with RocError ABORTED; looked at between its steps. */
  readonly signal?: AbortSignal | undefined;
  /** Folder of the vision tower, for checkpoints that keep it elsewhere (the original LLaVA). */
  readonly visionTower?: string | undefined;
  /** How a picture that is not square gets into a square; default: as the checkpoint's files say. */
  readonly resize?: ResizeMode | undefined;
  /** Lowest and highest score of results; default: of the ratings that it was trained on, else of its scores. */
  readonly scale?: Scale | undefined;
  /** Folder of the base model, for folders of adapters; default: what their adapter_config.json names. */
  readonly base?: string | undefined;
  /**
   * Threads that score a picture on the CPU; the last digits of scores depend on it. Default: `OMP_NUM_THREADS`, else by
   * the model's size and the cores (docs/threads.md).
   */
  readonly threads?: number | undefined;
  /**
   * Pictures that are computed together, from 1 to 4096. With 1 a score does not depend on the other pictures to the last digit;
   * with more, by at most 1e-5 of a scale from 1 to 10 in float32. Default "auto": 32 on a GPU, 1 on a CPU, whose cores have
   * enough to do with one picture. Where memory is short for so many, batches are halved.
   */
  readonly batchSize?: BatchSize | undefined;
  /** Told what is no error: that memory was short and batches are smaller from now on. */
  readonly onNote?: ((text: string) => void) | undefined;
}

/**
 * Loads a checkpoint that scores pictures.
 *
 * A checkpoint with score tokens but without `roc_templates.json` (the authors' own) gets the released code's texts. One
 * of a family that is known to score by level words is scored by Q-Align's (OneAlign and its relatives).
 *
 * @param checkpoint its folder, as a path or a `file:` URL, or opened already (then `base` says nothing more); a run folder of a training means its best state, a folder
 *   of adapters (ours or peft's) for these merged into their base
 * @returns a model that the caller disposes
 * @throws RocError FILE_NOT_FOUND where there is no such checkpoint, or a file of it is missing; CONFIG_INVALID where the
 *   config is of no family known here, or has no score tokens; CHECKPOINT_INVALID, CHECKPOINT_MISMATCH, TOKENIZER_INVALID
 *   where a file is damaged or does not fit the others; NATIVE_UNAVAILABLE before `roc4mllm setup`; ABORTED; USAGE for
 *   options that make no sense, a device that is not here, or a URL that is no `file:`
 *
 * @example
 * ```ts
 * import { isRocError, load } from "roc4mllm";
 *
 * using model = await load("my-checkpoint", { device: "cpu", scale: { min: 0, max: 100 } });
 * console.log(model.scale.max); // 100
 *
 * const failed = await load("no-such-folder").catch((error: unknown) => error);
 * if (isRocError(failed)) console.log(failed.code); // FILE_NOT_FOUND
 * ```
 *
 * @category Scoring
 */
export async function load(checkpoint: string | URL | CheckpointFolder, options: LoadOptions = {}): Promise<Model> {
  const { signal, device, dtype, visionTower, resize, base, threads, scale, batchSize, onNote } = options;
  checkThreads(threads);
  checkBatchSize(batchSize);
  checkScale(scale);
  checkChoices(checkpoint, dtype, resize);
  const given = checkpoint instanceof URL ? pathOf(checkpoint, "load()") : checkpoint;
  const folder = await openCheckpointFolder(given, base);
  const { home } = folder;
  const { strategy, templates, conversation } = await readStrategy(home);
  checkAborted(signal, folder.path);
  const parts = { visionTower, signal };
  const digest = await checkBase(folder, parts)
    .then(() => digestModel(folder, parts))
    .catch((error: unknown) => {
      checkAborted(signal, folder.path);
      throw error;
    });
  const name = checkpointName(home.path, digest);
  const { model, processor } = await loadMllm(folder, { device, dtype, visionTower, resize, conversation });
  try {
    checkAborted(signal, folder.path);
    checkRows(strategy, model.vocabSize, folder.path);
    return createModel({ model, processor, strategy, templates }, name, {
      ...{ digest, folder: home.path, resize, threads, scale, batchSize, onNote },
    });
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/**
 * Writes a folder that {@link load} reads, and Python's transformers too: weights and config, tokenizer and processor, and
 * `roc_templates.json` with the texts and the strategy.
 *
 * @param folder made where it is missing; each file is written at once, so that a stopped process leaves none in part
 * @throws RocError FILE_UNWRITABLE; CONFIG_INVALID where the templates are none
 *
 * @example
 * ```ts
 * import { DEFAULT_TEMPLATES, DEMO_MODEL, load, loadMllm, loadTemplates, saveCheckpoint } from "roc4mllm";
 *
 * const { model, processor } = await loadMllm(DEMO_MODEL);
 * const templates = (await loadTemplates(DEMO_MODEL)) ?? DEFAULT_TEMPLATES;
 * await saveCheckpoint("my-copy", { model, processor, templates });
 * model.dispose();
 *
 * using copy = await load("my-copy");
 * console.log(copy.scale.max); // 10
 * ```
 *
 * @category Checkpoints and models
 */
export async function saveCheckpoint(folder: string, parts: Omit<StrategyParts, "strategy">): Promise<void> {
  await saveMllm(parts.model, folder);
  await parts.processor.save(folder);
  await saveTemplates(folder, parts.templates);
}

interface Scoring {
  readonly strategy: Strategy;
  readonly templates: RocTemplates;
  /** Where the processor would else take another one. */
  readonly conversation?: string | undefined;
}

/** Looks at the config before gigabytes of weights are read. */
async function readStrategy(folder: OpenFolder): Promise<Scoring> {
  const file = folder.file("config.json");
  const parsed = await folder.json("config.json");
  refuseQuantisedConfig(parsed, file);
  const config = configOf(parsed, file);
  const templates = await loadTemplates(folder);
  const strategy = strategyOf(config, templates);
  if (strategy) return { strategy, templates: templates ?? DEFAULT_TEMPLATES };
  const conversation = factsOf(config["model_type"])?.levelConversation;
  const levels = conversation === undefined ? undefined : strategyOf(config, LEVEL_TEMPLATES);
  if (levels) return { strategy: levels, templates: templates ?? LEVEL_TEMPLATES, conversation };
  const remedy = "Train it first (roc4mllm train), or give the folder of a trained checkpoint.";
  throw new RocError("CONFIG_INVALID", `${folder.path} has no score tokens: config.json names no score_id. ${remedy}`);
}

/**
 * What else a config must hold is for the model's family to say.
 *
 * @throws RocError CONFIG_INVALID
 */
function configOf(parsed: unknown, file: string): Record<string, unknown> {
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  const remedy = "Copy it again from where the checkpoint comes from.";
  throw new RocError(
    "CONFIG_INVALID",
    `${file} is no model's config: it holds no object of keys and values. ${remedy}`,
  );
}

/** @throws RocError USAGE */
function checkScale(scale: Scale | undefined): void {
  if (!scale || (Number.isFinite(scale.max - scale.min) && scale.min < scale.max)) return;
  throw new RocError("USAGE", `The scale ${scale.min} to ${scale.max} is none: give the lowest and the highest score.`);
}

function checkRows({ vocabulary }: Strategy, rows: number, folder: string): void {
  if (!vocabulary) return;
  const last = Math.max(vocabulary.positionId, ...vocabulary.scoreIds);
  if (last < rows) return;
  const message = `${folder}: config.json places a score token at id ${last}, but the weights have ${rows} rows`;
  throw new RocError("CHECKPOINT_MISMATCH", `${message}. Take config.json and weights from the same checkpoint.`);
}

/** What a caller without types may give. */
function checkChoices(checkpoint: unknown, dtype: DType | undefined, resize: ResizeMode | undefined): void {
  if (checkpoint === undefined || checkpoint === null || checkpoint === "") {
    throw new RocError("USAGE", "load(): no checkpoint is given; give its folder.");
  }
  if (dtype !== undefined && !FLOAT_DTYPES.includes(dtype)) {
    throw new RocError("USAGE", `dtype is ${String(dtype)}; give one of ${FLOAT_DTYPES.join(", ")}.`);
  }
  if (resize !== undefined && !RESIZE_MODES.includes(resize)) {
    throw new RocError("USAGE", `resize is ${String(resize)}; give one of ${RESIZE_MODES.join(", ")}.`);
  }
}

function checkThreads(threads: number | undefined): void {
  if (threads === undefined || (Number.isInteger(threads) && threads >= 1 && threads <= 4096)) return;
  throw new RocError("USAGE", `threads is ${threads}; give a whole number from 1 to 4096.`);
}

function checkAborted(signal: AbortSignal | undefined, folder: string): void {
  if (signal?.aborted) throw new RocError("ABORTED", `Loading ${folder} was cancelled`, { cause: signal.reason });
}
