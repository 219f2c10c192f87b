/** Writes a model as Python's transformers reads it. */
import { join } from "node:path";
import { atomicWriteFile } from "../files/index.js";
import type { Tensor } from "../torch/index.js";
import { saveCheckpoint } from "../weights/index.js";
import { quantizationOf } from "./quantize.js";
import type { Mllm } from "./types.js";

export const GENERATION_CONFIG = "generation_config.json";

/** As transformers 4 cuts; larger files are a burden to move. */
const SHARD_BYTES = 5e9;

/**
 * Writes a model as Python's transformers reads it: `config.json`, `generation_config.json` where the model came with one,
 * and the weights (`model.safetensors`, or shards), each file at once. Tokenizer and image processor:
 * {@link MllmProcessor.save}; all of a scoring checkpoint: {@link saveCheckpoint}.
 *
 * @param folder made where it is missing
 * @param options `maxShardBytes`: bytes of a shard at most, default 5e9; `beside`: tensors by name that are no parameters of
 *   the model and go into its files, as a scorer's head
 * @throws RocError FILE_UNWRITABLE
 *
 * @category Checkpoints and models
 */
export async function saveMllm(
  model: Mllm,
  folder: string,
  options: { maxShardBytes?: number; beside?: ReadonlyMap<string, Tensor> } = {},
): Promise<void> {
  const { maxShardBytes = SHARD_BYTES, beside = [] } = options;
  const tensors = new Map([...model.parameters(), ...beside]);
  // In the names: no other program shall take bytes for weights.
  await saveCheckpoint(folder, tensors, { maxShardBytes, variant: quantizationOf(model) });
  await saveConfig(model, folder);
  const { generationConfig } = model;
  if (generationConfig !== undefined) await atomicWriteFile(join(folder, GENERATION_CONFIG), generationConfig);
}

/** Writes config.json alone. @throws RocError FILE_UNWRITABLE */
export async function saveConfig(model: Mllm, folder: string): Promise<void> {
  // transformers 4 calls it torch_dtype, 5 reads both; "auto" would else convert to the dtype of the file read.
  const key = "dtype" in model.config ? "dtype" : "torch_dtype";
  await atomicWriteFile(join(folder, "config.json"), configText({ ...model.config, [key]: model.dtype }));
}

/**
 * JSON in which the whole numbers of Python's float fields keep their ".0": transformers 5 refuses
 * `"initializer_factor": 1`, and JavaScript does not tell 1.0 from 1.
 */
function configText(config: Record<string, unknown>): string {
  const wholeFloat = /("\w+_(?:factor|eps|range|theta|dropout)": -?\d+)(?=,?\n)/g;
  return `${JSON.stringify(config, null, 2).replace(wholeFloat, "$1.0")}\n`;
}
