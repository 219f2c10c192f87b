/** The weights of a checkpoint folder: safetensors or PyTorch's .bin, in one file or in shards with an index. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { RocError } from "../errors.js";
import { exists } from "../files/index.js";
import { BIN, BIN_INDEX, openBinFolder } from "./bin/index.js";
import type { Checkpoint } from "./checkpoint.js";
import { quantised } from "./quantised.js";
import { openSafetensors } from "./safetensors.js";
import { openSharded } from "./sharded.js";

export const SINGLE = "model.safetensors";
export const INDEX = "model.safetensors.index.json";

/**
 * Opens a folder's weights; safetensors are preferred where both forms are there.
 *
 * @throws RocError FILE_NOT_FOUND (names every missing shard), FILE_UNREADABLE, CHECKPOINT_INVALID
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const has = (name: string): Promise<boolean> => exists(join(folder, name));
  if (await has(SINGLE)) return openSafetensors(join(folder, SINGLE));
  if (await has(INDEX)) return openSharded(folder, INDEX, openSafetensors);
  if ((await has(BIN)) || (await has(BIN_INDEX))) return openBinFolder(folder);
  const hint = "Check the path; a folder with config.json and its weights is needed.";
  const names = await readdir(folder).catch(() => []);
  const foreign = names.find((name) => /\.(gguf|ggml)$/i.test(name));
  if (foreign !== undefined) throw quantised(`${join(folder, foreign)} (for llama.cpp)`);
  throw new RocError(
    "FILE_NOT_FOUND",
    `${folder} holds neither ${SINGLE} nor ${INDEX}, ${BIN} or ${BIN_INDEX}. ${hint}`,
  );
}
