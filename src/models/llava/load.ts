/** Reads LLaVA-1.5 checkpoints of the Hugging Face layouts. */
import { join } from "node:path";
import { openCheckpoint, readJson, strictSource, type Checkpoint } from "../../weights/index.js";
import type { LoadOptions } from "../types.js";
import { parseLlavaConfig } from "./config.js";
import { LlavaModel } from "./model.js";

/**
 * Prefixes of the layouts that transformers has written since, and what the public llava-hf files say instead: in
 * memory since 4.52 (`model.` in front, the head outside), the same in 5 (no `vision_model.`), and 5's files of models
 * that were never read from a file. The first that fits is replaced; the rest of the name is then looked at again.
 */
const PREFIXES: readonly (readonly [RegExp, string])[] = [
  [/^model\.language_model\./, "language_model.model."],
  [/^model\.(multi_modal_projector|vision_tower)\./, "$1."],
  [/^lm_head\./, "language_model.lm_head."],
  [/^vision_tower\.(?!vision_model\.)/, "vision_tower.vision_model."],
];

/** The llava-hf name of a tensor in any of the layouts. */
export function llavaName(name: string): string {
  return PREFIXES.reduce((renamed, [prefix, instead]) => renamed.replace(prefix, instead), name);
}

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
