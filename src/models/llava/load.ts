/** Reads LLaVA-1.5 checkpoints of transformers' layouts and of the original code. */
import { ifThere, openFolder, type FolderLike, type OpenFolder } from "../../files/index.js";
import { openBin, openCheckpoint, strictSource, unionCheckpoint } from "../../weights/index.js";
import type { Checkpoint, UnionPart } from "../../weights/index.js";
import { strictModel } from "../common/strict-model.js";
import { isTied, withTie } from "../common/tied.js";
import type { FamilyLoadOptions } from "../types.js";
import { parseLlavaConfig } from "./config.js";
import { LlavaModel } from "./model.js";
import { llavaName } from "./names.js";
import { isOriginal } from "./original.js";
import { PROJECTOR_FILE, towerFolder, towerName, withVisionConfig } from "./tower.js";

const EMBEDDING = "language_model.model.embed_tokens.weight";
const HEAD = "language_model.lm_head.weight";
const PROJECTOR = /^multi_modal_projector\./;
const TOWER = /^vision_tower\./;

/**
 * Loads a folder with `config.json` and weights, safetensors or .bin. Those of the original code may lack the projector,
 * which is then beside them as mm_projector.bin, and the vision tower, which is in a folder of its own.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, CONFIG_INVALID, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH
 */
export async function loadLlava(folder: FolderLike, options: FamilyLoadOptions = {}): Promise<LlavaModel> {
  const files = openFolder(folder);
  const { device = "cpu", visionTower, outline, quantize } = options;
  const config = await withVisionConfig(files.path, await files.json("config.json"), visionTower);
  using checkpoint = await openWeights(files, config, visionTower);
  const embedding = infoOf(checkpoint, EMBEDDING);
  // One dtype for all: the original files are float16, their tower's float32.
  const dtype = options.dtype ?? (device === "cpu" ? "float32" : embedding?.dtype);
  // Early revisions of the public config.json had `vocab_size` wrong.
  const parsed = parseLlavaConfig(config, files.file("config.json"), embedding?.shape[0]);
  const tied = isTied(parsed.text.tied, checkpoint, { embedding: EMBEDDING, head: HEAD }, llavaName);
  const ignore = (name: string): boolean => tied && name === HEAD;
  const source = strictSource(checkpoint, { rename: llavaName, ignore, dtype, device, outline, quantize });
  const raw = withTie(parsed.raw, tied);
  return strictModel(source, () => new LlavaModel({ ...parsed, raw, text: { ...parsed.text, tied } }, source));
}

/** The folder's weights, with those of the projector and the tower where they are elsewhere. */
async function openWeights(folder: OpenFolder, config: unknown, visionTower: string | undefined): Promise<Checkpoint> {
  const main = await openCheckpoint(folder);
  if (!isOriginal(config)) return main;
  const parts: [UnionPart, ...UnionPart[]] = [{ checkpoint: main }];
  try {
    const names = main.names().map(llavaName);
    if (!names.some((name) => PROJECTOR.test(name))) {
      const checkpoint = await ifThere(openBin(folder.file(PROJECTOR_FILE)));
      if (checkpoint) parts.push({ checkpoint, rename: projectorName });
    }
    if (!names.some((name) => TOWER.test(name))) {
      const checkpoint = await openCheckpoint(await towerFolder(folder.path, config, visionTower));
      parts.push({ checkpoint, rename: towerName });
    }
    return unionCheckpoint(parts);
  } catch (error) {
    for (const { checkpoint } of parts) checkpoint.dispose();
    throw error;
  }
}

/** `model.mm_projector.0.weight`, whatever comes before; nothing else is wanted of the file. */
function projectorName(name: string): string | undefined {
  const inside = /(?:^|\.)mm_projector\.(.*)$/.exec(name)?.[1];
  return inside === undefined ? undefined : llavaName(`model.mm_projector.${inside}`);
}

function infoOf(checkpoint: Checkpoint, wanted: string) {
  const name = checkpoint.names().find((stored) => llavaName(stored) === wanted);
  return name === undefined ? undefined : checkpoint.info(name);
}
