/** A checkpoint in 8 bits as a checkpoint of its own. */
import { resolve } from "node:path";
import { RocError } from "../errors.js";
import { refuseFilled } from "../files/index.js";
import { nameSource } from "../models/quantize.js";
import { openCheckpointFolder, type CheckpointFolder } from "../models/places.js";
import { loadMllm } from "../models/registry.js";
import type { DType } from "../torch/index.js";
import { ownQuantization } from "../weights/index.js";
import { checkBase, checkpointName, digestModel } from "./identity.js";
import { saveAs } from "./save-as.js";

/**
 * How {@link quantizeCheckpoint} quantises.
 *
 * @category Checkpoints and models
 */
export interface QuantizeOptions {
  /** Of what is not in 8 bits; default: bfloat16, that of {@link LoadOptions.quantize}. */
  readonly dtype?: DType | undefined;
  /** Folder of the vision tower, for checkpoints that keep it elsewhere (the original LLaVA). */
  readonly visionTower?: string | undefined;
  /** Folder of the base model, for folders of adapters; default: what their adapter_config.json names. */
  readonly base?: string | undefined;
  /** Ends it with an AbortError while files are digested, before anything is written. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What {@link quantizeCheckpoint} wrote.
 *
 * @category Checkpoints and models
 */
export interface QuantizedCheckpoint {
  /** Where it is. */
  readonly folder: string;
  /** Which checkpoint it was made of: `name@digest`, as results call it. */
  readonly source: string;
  /** {@link Model.digest} of that. */
  readonly digest: string;
}

/**
 * Writes a checkpoint with the linear maps' weights in 8 bits, which is loaded as any other and scores to the last bit as its
 * source does with `quantize: "int8"`. Its config.json names the source. No other program reads it.
 *
 * @param checkpoint its folder, a run folder, or a folder of adapters, which are merged before
 * @param folder must be empty or not there; it is complete or not there at all
 * @throws RocError USAGE where the folder is filled, or the checkpoint is in 8 bits already or has nothing that can be;
 *   FILE_UNWRITABLE; as {@link loadMllm}
 *
 * @example
 * ```ts
 * import { DEMO_MODEL, load, quantizeCheckpoint } from "roc4mllm";
 *
 * const { folder, source } = await quantizeCheckpoint(DEMO_MODEL, "demo-int8");
 * console.log(source.startsWith("demo@")); // true
 * using model = await load(folder);
 * console.log(model.settings?.["quantization"]); // int8
 * ```
 *
 * @category Checkpoints and models
 */
export async function quantizeCheckpoint(
  checkpoint: string | CheckpointFolder,
  folder: string,
  options: QuantizeOptions = {},
): Promise<QuantizedCheckpoint> {
  const { dtype, visionTower, base, signal } = options;
  const out = resolve(folder);
  await refuseFilled(out);
  const opened = await openCheckpointFolder(checkpoint, base);
  if (ownQuantization(await opened.weights.json("config.json")) !== undefined) {
    throw new RocError("USAGE", `${opened.path} is in 8 bits already. Use it as it is.`);
  }
  await checkBase(opened, { visionTower, signal });
  const digest = await digestModel(opened, { visionTower, signal });
  const source = checkpointName(opened.home.path, digest);
  const { model, processor } = await loadMllm(opened, { quantize: "int8", dtype, visionTower });
  try {
    nameSource(model, source, digest);
    await saveAs(out, { model, processor }, opened);
  } finally {
    model.dispose();
  }
  return { folder: out, source, digest };
}
