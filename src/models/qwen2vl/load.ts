/** Reads Qwen2-VL checkpoints, tied (2B) and untied (7B), in the public layout and in that of transformers' memory. */
import { openFolder, type FolderLike } from "../../files/index.js";
import { openCheckpoint, strictSource, type Checkpoint, type TensorInfo } from "../../weights/index.js";
import { strictModel } from "../common/strict-model.js";
import { isTied } from "../common/tied.js";
import type { FamilyLoadOptions } from "../types.js";
import { parseQwen2VlConfig } from "./config.js";
import { Qwen2VlModel } from "./model.js";
import { qwen2VlName } from "./names.js";

const EMBEDDING = "model.embed_tokens.weight";
const HEAD = "lm_head.weight";

/** The vision tower's frequencies, which some writers keep; they are computed. */
const COMPUTED = /^visual\.rotary_pos_emb\.inv_freq$/;

/**
 * Loads a folder with `config.json` and weights, safetensors or .bin. A head stored beside tied embeddings is passed
 * over where it is the same.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, CONFIG_INVALID, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH
 */
export async function loadQwen2Vl(folder: FolderLike, options: FamilyLoadOptions = {}): Promise<Qwen2VlModel> {
  const files = openFolder(folder);
  const config = await files.json("config.json");
  using checkpoint = await openCheckpoint(files);
  const { outline, quantize, device = "cpu", dtype = device === "cpu" ? "float32" : undefined } = options;
  // The matrices have more rows than the tokenizer has tokens, and not as many in every size.
  const parsed = parseQwen2VlConfig(config, files.file("config.json"), infoOf(checkpoint, EMBEDDING)?.shape[0]);
  const tied = isTied(parsed.text.tied, checkpoint, { embedding: EMBEDDING, head: HEAD }, qwen2VlName);
  const ignore = (name: string): boolean => COMPUTED.test(name) || (tied && name === HEAD);
  const source = strictSource(checkpoint, { rename: qwen2VlName, ignore, dtype, device, outline, quantize });
  return strictModel(source, () => new Qwen2VlModel({ ...parsed, text: { ...parsed.text, tied } }, source));
}

function infoOf(checkpoint: Checkpoint, wanted: string): TensorInfo | undefined {
  const name = checkpoint.names().find((stored) => qwen2VlName(stored) === wanted);
  return name === undefined ? undefined : checkpoint.info(name);
}
