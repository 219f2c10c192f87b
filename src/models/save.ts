/** Writes a model as Python's transformers reads it. */
import { join } from "node:path";
import { atomicWriteJson, saveCheckpoint } from "../weights/index.js";
import type { Mllm } from "./types.js";

/**
 * Writes config.json and the weights (model.safetensors, or shards of at most `maxShardBytes`) into a folder, each file
 * at once. Tokenizer and image processor: `MllmProcessor.save`.
 *
 * @throws RocError FILE_UNREADABLE where they cannot be written
 */
export async function saveMllm(model: Mllm, folder: string, options: { maxShardBytes?: number } = {}): Promise<void> {
  await saveCheckpoint(folder, model.parameters(), options);
  // transformers 4 calls it torch_dtype, 5 reads both; "auto" would else convert to the dtype of the file read.
  const key = "dtype" in model.config ? "dtype" : "torch_dtype";
  await atomicWriteJson(join(folder, "config.json"), { ...model.config, [key]: model.dtype });
}
