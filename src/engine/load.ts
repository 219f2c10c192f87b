/** `load()`: a checkpoint that scores, in a worker. Loads no libtorch itself. */
import { RocError } from "../errors.js";
import { RESIZE_MODES, type ResizeMode } from "../image/processor-config.js";
import { mayBeInWorker } from "../models/families.js";
import { openCheckpointFolder, type CheckpointFolder } from "../models/places.js";
import { PACKINGS, type Packing } from "../models/packing.js";
import type { Quantization } from "../models/types.js";
import type { Scale, ScorerOptions } from "../roc/index.js";
import { FLOAT_DTYPES } from "../torch/dtype.js";
import type { Device } from "../torch/index.js";
import { checkBatchSize, type BatchSize } from "./batch-size.js";
import { calibrationFor } from "./calibration.js";
import { checkAborted } from "./failures.js";
import { pathOf } from "./inputs.js";
import { checkScale, checkThreads, checkTypes, LOAD_TYPES } from "./option-types.js";
import type { ScoringDtype } from "./precision.js";
import type { ScoringModel } from "./scoring-model.js";
import type { Model } from "./types.js";

/**
 * How {@link load} loads a checkpoint.
 *
 * @category Scoring
 */
export interface LoadOptions extends ScorerOptions {
  /** "cpu" (default), "cuda" or "cuda:1". */
  readonly device?: Device | undefined;
  /** Of the weights; default: "auto", see {@link ScoringDtype}. With "float32" all processors give the same first digits. */
  readonly dtype?: ScoringDtype | undefined;
  /**
   * "int8": the weights of the linear maps in 8 bits, rounded as they are read, which takes a quarter of the memory of float32
   * (docs/checkpoints.md); `dtype` is then that of the rest, bfloat16 by default. Default: as the checkpoint's files are.
   */
  readonly quantize?: Quantization | undefined;
  /**
   * Whether the linear maps' weights are packed beforehand, for processes that live long, such as servers: bfloat16 on a CPU is
   * then 1.04 to 1.3 times as fast with 16 rows or more at a time, and loading takes 1.5 ms more per million weights. "auto": where
   * the products with them are fast (x86 with instructions for bfloat16); true: or a RocError USAGE where they are not to be had;
   * default false. The packed weights are memory of their own. The plain ones stay for what saves them: where the files
   * hold bfloat16 they are pages of the files, which the system drops when memory is short; else memory doubles. `settings` of
   * such a model say `packed`, as a score's last digits may differ.
   */
  readonly pack?: Packing | undefined;
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
  /** File of a head for a CLIP tower, which says nothing of beauty alone (docs/baselines.md): LAION's, or one trained here. */
  readonly head?: string | undefined;
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
  /** Told what is no error: that memory was short and batches are smaller from now on; that scores are computed in bfloat16. */
  readonly onNote?: ((text: string) => void) | undefined;
  /**
   * Whether a worker thread has the model and computes (default true), so that the caller's event loop is free. It never keeps the
   * process alive while nothing is asked of it. With false, and for a family that the program has registered itself, the thread
   * that calls computes.
   */
  readonly worker?: boolean | undefined;
  /**
   * Calibration whose intervals results have (docs/intervals.md): a file, or a folder that has one. Default: that of the
   * checkpoint's folder, where there is one that was made with the same settings; false: none.
   */
  readonly calibration?: string | false | undefined;
  /**
   * The level of the intervals, as 0.9, one of those that were calibrated; true: the first of them. With either, a RocError USAGE
   * where there is no calibration that holds. Default: intervals where there is one.
   */
  readonly interval?: number | boolean | undefined;
}

/**
 * Loads a checkpoint that scores pictures.
 *
 * A checkpoint with score tokens but without `roc_templates.json` (the authors' own) gets the released code's texts. One that is
 * recognised as a published scorer (Q-Align, Q-ReAlign, ArtiMuse, ...; docs/published-scorers.md) is scored as its authors do, or
 * as {@link ScorerOptions} say.
 *
 * A classical system of the paper's tables (docs/baselines.md) is loaded the same: a folder of ours, or the one file in which its
 * authors publish its weights.
 *
 * @param checkpoint its folder, as a path or a `file:` URL, or opened already (then `base` says nothing more); a run folder of a training means its best state, a folder
 *   of adapters (ours or peft's) for these merged into their base; of a classical system a file of weights too
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
  checkTypes("load()", options, LOAD_TYPES);
  const { signal, base, threads, scale, batchSize, worker = true } = options;
  checkThreads(threads);
  checkBatchSize(batchSize);
  checkScale(scale);
  checkChoices(checkpoint, options);
  const given = checkpoint instanceof URL ? pathOf(checkpoint, "load()") : checkpoint;
  const folder = await openCheckpointFolder(given, base);
  checkAborted(signal, folder.path);
  const model = await (worker && (await mayHaveWorker(folder)) ? remote(folder, options) : here(folder, options));
  try {
    model.calibration = await calibrationFor(folder, model, options);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
}

async function remote(folder: CheckpointFolder, options: LoadOptions): Promise<ScoringModel> {
  return (await import("./remote.js")).loadRemote(folder, options);
}

async function here(folder: CheckpointFolder, options: LoadOptions): Promise<ScoringModel> {
  const [{ loadEstimator }, { modelHere }] = await Promise.all([import("./here.js"), import("./model.js")]);
  const loaded = await loadEstimator(folder, options);
  return modelHere(loaded.estimator, loaded.name, loaded.options);
}

/** What is wrong with its config the loader says. */
async function mayHaveWorker(folder: CheckpointFolder): Promise<boolean> {
  const config = await folder.config().catch(() => undefined);
  return mayBeInWorker((config as { model_type?: unknown } | null | undefined)?.model_type);
}

/** What a caller without types may give. */
function checkChoices(checkpoint: unknown, { dtype, resize, pack }: LoadOptions): void {
  if (checkpoint === undefined || checkpoint === null || checkpoint === "") {
    throw new RocError("USAGE", "load(): no checkpoint is given; give its folder.");
  }
  if (dtype !== undefined && dtype !== "auto" && !FLOAT_DTYPES.includes(dtype)) {
    throw new RocError("USAGE", `dtype is ${String(dtype)}; give one of ${FLOAT_DTYPES.join(", ")}, or auto.`);
  }
  if (resize !== undefined && !RESIZE_MODES.includes(resize)) {
    throw new RocError("USAGE", `resize is ${String(resize)}; give one of ${RESIZE_MODES.join(", ")}.`);
  }
  if (!PACKINGS.includes(pack)) throw new RocError("USAGE", `pack is ${String(pack)}; give true, false or "auto".`);
}
