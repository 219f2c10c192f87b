/** Which checkpoint a score comes from. */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { digestFile } from "../files/index.js";

/** Whatever decides a score; not the optimizer's state, nor anything else that may lie in the folder. */
const PARTS =
  /^(config|generation_config|processor_config|(video_)?preprocessor_config|tokenizer|tokenizer_config|added_tokens|special_tokens_map|chat_template|roc_templates)\.json$|^chat_template\.jinja$|^tokenizer\.model$|^mm_projector\.bin$|^(pytorch_)?model.*\.(safetensors|bin)(\.index\.json)?$/;

/** A name under which the hub's cache keeps a snapshot: its commit. */
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * SHA-256 over every byte of what decides a checkpoint's scores: weights, configuration, tokenizer, templates; 64 hex
 * digits. Large files are read once, see `digestFile()`.
 *
 * @param others further files that decide them: a vision tower that lies elsewhere
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; an AbortError
 */
export async function digestCheckpoint(
  folder: string,
  others: readonly string[] = [],
  signal?: AbortSignal,
): Promise<string> {
  const names = (await readdir(folder)).filter((name) => PARTS.test(name)).sort();
  const hash = createHash("sha256");
  for (const file of [...names.map((name) => join(folder, name)), ...others]) {
    hash.update(`${basename(file)} ${await digestFile(file, signal)}\n`);
  }
  return hash.digest("hex");
}

/** `name@digest`: the checkpoint's name and 8 hex digits of {@link digestCheckpoint}. */
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
