/** Which checkpoint a score comes from. */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { digestFile } from "../files/index.js";
import { towerElsewhere } from "../models/registry.js";

/** Whatever decides a score; not the optimizer's state, nor anything else that may lie in the folder. */
const PARTS =
  /^(config|generation_config|processor_config|(video_)?preprocessor_config|tokenizer|tokenizer_config|added_tokens|special_tokens_map|chat_template|roc_templates)\.json$|^chat_template\.jinja$|^tokenizer\.model$|^mm_projector\.bin$|^(pytorch_)?model.*\.(safetensors|bin)(\.index\.json)?$/;

/** A name under which the hub's cache keeps a snapshot: its commit. */
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * SHA-256 over every byte of what decides a checkpoint's scores: weights, configuration, tokenizer, templates; 64 hex
 * digits. Large files are read once, see `digestFile()`.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; an AbortError
 */
export async function digestCheckpoint(folder: string, signal?: AbortSignal): Promise<string> {
  const names = (await readdir(folder)).filter((name) => PARTS.test(name)).sort();
  const hash = createHash("sha256");
  for (const name of names) hash.update(`${name} ${await digestFile(join(folder, name), signal)}\n`);
  return hash.digest("hex");
}

/**
 * {@link digestCheckpoint} of a checkpoint and, where it keeps its vision tower elsewhere, of that too.
 *
 * @param visionTower its folder; default: as the checkpoint names it
 */
export async function digestModel(folder: string, visionTower?: string, signal?: AbortSignal): Promise<string> {
  const digest = await digestCheckpoint(folder, signal);
  const tower = await towerElsewhere(folder, visionTower);
  if (tower === undefined) return digest;
  return createHash("sha256")
    .update(`${digest}\nvision tower ${await digestCheckpoint(tower, signal)}\n`)
    .digest("hex");
}

/** `name@digest`: the checkpoint's name and 8 hex digits of {@link digestModel}. */
export function checkpointName(folder: string, digest: string): string {
  return `${nameOf(resolve(folder))}@${digest.slice(0, 8)}`;
}

/** The folder's name; of a snapshot in the hub's cache (`models--owner--name/snapshots/<commit>`) `owner/name`. */
function nameOf(folder: string): string {
  const name = basename(folder);
  const parent = dirname(folder);
  const repo = basename(dirname(parent));
  const isSnapshot = COMMIT.test(name) && basename(parent) === "snapshots" && repo.startsWith("models--");
  return isSnapshot ? repo.split("--").slice(1).join("/") : name;
}
