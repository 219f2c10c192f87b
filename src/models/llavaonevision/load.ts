/** Reads LLaVA-OneVision checkpoints, tied (0.5B) and untied (7B), in the layouts of transformers 4 and 5. */
import { openFolder, type FolderLike } from "../../files/index.js";
import { openCheckpoint, strictSource } from "../../weights/index.js";
import { strictModel } from "../common/strict-model.js";
import { isTied } from "../common/tied.js";
import type { FamilyLoadOptions } from "../types.js";
import { parseLlavaOnevisionConfig, type LlavaOnevisionConfig } from "./config.js";
import { LlavaOnevisionModel } from "./model.js";
import { EMBEDDING, HEAD, layoutOf, onevisionName, POOLING_HEAD } from "./names.js";

/**
 * Loads a folder with `config.json` and weights, safetensors or .bin. A head in the file is used whatever the config says,
 * except for one that is the same as the tied embedding; where there is none, it is the embedding.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, CONFIG_INVALID, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH
 */
export async function loadLlavaOnevision(
  folder: FolderLike,
  options: FamilyLoadOptions = {},
): Promise<LlavaOnevisionModel> {
  const files = openFolder(folder);
  const config = await files.json("config.json");
  using checkpoint = await openCheckpoint(files);
  const { outline, quantize, device = "cpu", dtype = device === "cpu" ? "float32" : undefined } = options;
  const stored = new Map(checkpoint.names().map((name) => [onevisionName(name), name]));
  const embedding = stored.get(EMBEDDING);
  const rows = embedding === undefined ? undefined : checkpoint.info(embedding).shape[0];
  const parsed = parseLlavaOnevisionConfig(config, files.file("config.json"), rows);
  const matrices = { embedding: EMBEDDING, head: HEAD };
  const tied = isTied(parsed.text.tied, checkpoint, matrices, onevisionName);
  const ignore = (name: string): boolean => POOLING_HEAD.test(name) || (tied && name === HEAD);
  const source = strictSource(checkpoint, { rename: onevisionName, ignore, dtype, device, outline, quantize });
  const raw = rawOf(parsed, { tied, pools: [...stored.keys()].some((name) => POOLING_HEAD.test(name)) });
  const kept = { ...parsed, raw, text: { ...parsed.text, tied } };
  return strictModel(source, () => new LlavaOnevisionModel(kept, source, layoutOf(checkpoint.names())));
}

/** The config, true of what is written: no head where it is the embedding, and none that pools patches. */
function rawOf(
  { raw, text }: LlavaOnevisionConfig,
  { tied, pools }: { readonly tied: boolean; readonly pools: boolean },
): Record<string, unknown> {
  const vision = raw["vision_config"];
  return {
    ...raw,
    ...(tied && !text.tied && { tie_word_embeddings: true }),
    ...(pools && { vision_config: { ...(typeof vision === "object" ? vision : {}), vision_use_head: false } }),
  };
}
