/** Reads LLaVA-1.5 checkpoints of the Hugging Face layouts. */
import { join } from "node:path";
import { openCheckpoint, readJson, strictSource, type Checkpoint } from "../../weights/index.js";
import type { LoadOptions } from "../types.js";
import { parseLlavaConfig } from "./config.js";
import { LlavaModel } from "./model.js";
import { llavaName } from "./names.js";

/** Tables that old files carry and that models compute. */
const COMPUTED = /(\.rotary_emb\.inv_freq|\.embeddings\.position_ids)$/;

const EMBEDDING = "language_model.model.embed_tokens.weight";
const HEAD = "language_model.lm_head.weight";

/**
 * Loads a folder with `config.json` and safetensors weights.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, CONFIG_INVALID, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH
 */
export async function loadLlava(folder: string, options: LoadOptions = {}): Promise<LlavaModel> {
  const file = join(folder, "config.json");
  const config = await readJson(file);
  using checkpoint = await openCheckpoint(folder);
  const { device = "cpu", dtype = device === "cpu" ? "float32" : undefined } = options;
  const parsed = parseLlavaConfig(config, file, rowsOf(checkpoint));
  const ignore = (name: string): boolean => COMPUTED.test(name) || (parsed.text.tied && name === HEAD);
  const source = strictSource(checkpoint, { rename: llavaName, ignore, dtype, device });
  const model = new LlavaModel(parsed, source);
  try {
    source.finish();
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Rows of the embedding: early revisions of the public config.json had `vocab_size` wrong. */
function rowsOf(checkpoint: Checkpoint): number | undefined {
  const name = checkpoint.names().find((stored) => llavaName(stored) === EMBEDDING);
  return name === undefined ? undefined : checkpoint.info(name).shape[0];
}
