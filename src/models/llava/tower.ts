/** The vision tower of original checkpoints, which is in a folder of its own: openai/clip-vit-large-patch14-336. */
import { basename, isAbsolute, join, resolve } from "node:path";
import { z } from "zod";
import { RocError } from "../../errors.js";
import { exists, ifThere, readJson, type OpenFolder } from "../../files/index.js";
import type { SeparateTower } from "../types.js";
import { isOriginal, LLAVA_VISION, namedTower } from "./original.js";

/** Where the original code's pre-training leaves the projector. */
export const PROJECTOR_FILE = "mm_projector.bin";

const HUB_NAME = /^[\w.-]+\/[\w.-]+$/;

/** The tower of LLaVA-1.5, whose sizes are known without its folder. */
const USUAL_TOWER = "clip-vit-large-patch14-336";

/**
 * The folder of the tower that an original checkpoint names.
 *
 * @param folder of the checkpoint; a relative name counts from it, or from the folder that it is in
 * @param given the folder to take instead
 * @throws RocError FILE_NOT_FOUND that names the tower and says how to give it
 */
export async function towerFolder(folder: string, config: Record<string, unknown>, given?: string): Promise<string> {
  const name = given ?? namedTower(config);
  const places = given === undefined ? placesOf(folder, name) : [given];
  for (const place of places) if (await isModel(place)) return place;
  const wanted = name === undefined ? "config.json names no mm_vision_tower" : `the vision tower ${name} is not there`;
  const looked = places.length > 0 ? ` (looked for a config.json in ${places.join(", ")})` : "";
  const remedy = `Fetch it (roc4mllm download ${hubName(name)}) and give its folder with --vision-tower DIR.`;
  throw new RocError("FILE_NOT_FOUND", `${folder} keeps its vision tower elsewhere, and ${wanted}${looked}. ${remedy}`);
}

function placesOf(folder: string, name: string | undefined): string[] {
  if (name === undefined) return [];
  if (isAbsolute(name)) return [name];
  const parent = join(resolve(folder), "..");
  return [...new Set([join(folder, name), join(parent, name), join(parent, basename(name))])];
}

function isModel(folder: string): Promise<boolean> {
  return exists(join(folder, "config.json"));
}

function hubName(name: string | undefined): string {
  return name !== undefined && HUB_NAME.test(name) ? name : `openai/${USUAL_TOWER}`;
}

/**
 * The tower of a checkpoint of the original code, for the family's `tower`. One of ours holds its own (`vision_config`):
 * nothing is fetched for it.
 */
export async function separateTower(folder: OpenFolder, given?: string): Promise<SeparateTower | undefined> {
  const config = await ifThere(folder.json("config.json"));
  if (!isOriginal(config)) return undefined;
  const found = await ifThere(towerFolder(folder.path, config, given));
  const name = namedTower(config);
  const isOwn = config["vision_config"] !== undefined;
  const fetch = found === undefined && !isOwn && name !== undefined && HUB_NAME.test(name) ? name : undefined;
  return { folder: found, fetch };
}

/**
 * A parsed `config.json` with what the model needs to know of its tower: `vision_config`, from the tower's folder where
 * the file has none. A config that is not of the original code is returned as it is.
 *
 * A checkpoint of ours holds its tower, since training may have changed it; `unfreeze_mm_vision_tower` tells the
 * original code to take that one.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, CONFIG_INVALID
 */
export async function withVisionConfig(folder: string, config: unknown, given?: string): Promise<unknown> {
  if (!isOriginal(config)) return config;
  const vision_config = config["vision_config"] ?? (await visionConfigOf(folder, config, given));
  return { ...config, vision_config, unfreeze_mm_vision_tower: true };
}

async function visionConfigOf(folder: string, config: Record<string, unknown>, given?: string): Promise<unknown> {
  const tower = await towerFolder(folder, config, given).catch((error: unknown) => {
    const isUsual = given === undefined && basename(namedTower(config) ?? "") === USUAL_TOWER;
    if (isUsual) return undefined;
    throw error;
  });
  if (tower === undefined) return LLAVA_VISION;
  const file = join(tower, "config.json");
  const parsed = clipSchema.safeParse(await readJson(file));
  if (parsed.success) return "vision_config" in parsed.data ? parsed.data.vision_config : parsed.data;
  throw new RocError("CONFIG_INVALID", `${file} is not the config of a CLIP model: give the folder of one.`);
}

/** A whole CLIP, or its vision half alone. */
const clipSchema = z.union([
  z.looseObject({ model_type: z.literal("clip"), vision_config: z.looseObject({}) }),
  z.looseObject({ model_type: z.literal("clip_vision_model"), hidden_size: z.number() }),
]);

/** The llava-hf name of a tensor of a CLIP folder; undefined for those that are not the vision tower's. */
export function towerName(name: string): string | undefined {
  const inside = /^(?:vision_model\.)?((?:embeddings|pre_layrnorm|encoder|post_layernorm)\..*)$/.exec(name)?.[1];
  return inside === undefined ? undefined : `vision_tower.vision_model.${inside}`;
}
