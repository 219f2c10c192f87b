/** Which checkpoint a score comes from. */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { RocError } from "../errors.js";
import { digestFile, readJson } from "../files/index.js";
import { baseDigest } from "../models/adapter-config.js";
import { placesOf } from "../models/places.js";
import { towerElsewhere } from "../models/registry.js";

/** Whatever decides a score; not the optimizer's state, nor anything else that may lie in the folder. */
const PARTS =
  /^(config|adapter_config|generation_config|processor_config|(video_)?preprocessor_config|tokenizer|tokenizer_config|added_tokens|special_tokens_map|chat_template|roc_templates)\.json$|^chat_template\.jinja$|^tokenizer\.model$|^mm_projector\.bin$|^((pytorch_)?model.*|adapter_model)\.(safetensors|bin)$/;

/** Shard indexes, of variants too. */
const INDEX = /\.(safetensors|bin)\.index(\.\w+)?\.json$/;
const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** A name under which the hub's cache keeps a snapshot: its commit. */
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * SHA-256 over every byte of what decides a checkpoint's scores: weights, configuration, tokenizer, templates; 64 hex
 * digits. Large files are read once, see `digestFile()`.
 *
 * @param folder a checkpoint, or what `placesOf()` makes one of: adapters count with their base
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; an AbortError
 */
export async function digestCheckpoint(
  folder: string,
  { base, signal }: Pick<DigestOptions, "base" | "signal"> = {},
): Promise<string> {
  const { home, adapter } = await placesOf(folder, base);
  const folders = adapter ? [...new Set([home, adapter.folder, adapter.base])] : [home];
  const files = await Promise.all(folders.map(partsOf));
  const hash = createHash("sha256");
  for (const file of files.flat()) hash.update(`${basename(file)} ${await digestFile(file, signal)}\n`);
  return hash.digest("hex");
}

async function partsOf(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  const listed = await Promise.all(
    names.filter((name) => INDEX.test(name)).map((name) => shardsOf(join(folder, name))),
  );
  const shards = new Set(listed.flat());
  const parts = names.filter((name) => PARTS.test(name) || INDEX.test(name) || shards.has(name));
  return parts.sort().map((name) => join(folder, name));
}

/** The files that a shard index lists, whatever their names; none where it is broken, which the loader tells. */
async function shardsOf(index: string): Promise<string[]> {
  const parsed = indexSchema.safeParse(await readJson(index).catch(() => undefined));
  return parsed.success ? Object.values(parsed.data.weight_map) : [];
}

export interface DigestOptions {
  /** Folder of the vision tower; default: as the checkpoint names it. */
  readonly visionTower?: string | undefined;
  /** Folder of the base model of adapters; default: as they name it. */
  readonly base?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** {@link digestCheckpoint} of a checkpoint and, where it keeps its vision tower elsewhere, of that too. */
export async function digestModel(folder: string, options: DigestOptions = {}): Promise<string> {
  const { visionTower, base, signal } = options;
  const digest = await digestCheckpoint(folder, options);
  const { home, adapter } = await placesOf(folder, base);
  const tower = await towerElsewhere(adapter?.base ?? home, visionTower);
  if (tower === undefined) return digest;
  return createHash("sha256")
    .update(`${digest}\nvision tower ${await digestCheckpoint(tower, { signal })}\n`)
    .digest("hex");
}

/**
 * Checks that adapters lie on the base that they were trained on, wherever it is now; those that do not say (peft's) pass,
 * and so does whatever has no adapters.
 *
 * @throws RocError CHECKPOINT_MISMATCH; as {@link digestModel}
 */
export async function checkBase(folder: string, options: DigestOptions = {}): Promise<void> {
  const { visionTower, base, signal } = options;
  const { adapter } = await placesOf(folder, base);
  const expected = adapter && (await baseDigest(adapter.folder));
  if (adapter === undefined || expected === undefined) return;
  const found = await digestModel(adapter.base, { visionTower, signal });
  if (found === expected) return;
  const [trained, here] = [expected, found].map((digest) => digest.slice(0, 8));
  const message = `The adapters in ${adapter.folder} were trained on a base model of digest ${trained}; ${adapter.base} is ${here}`;
  const remedy = "Restore its files, or give the folder of the model that they were trained on (--base).";
  throw new RocError("CHECKPOINT_MISMATCH", `${message}. ${remedy}`);
}

/** `name@digest`: the checkpoint's name and 8 hex digits of {@link digestModel}. */
export function checkpointName(folder: string, digest: string): string {
  return `${nameOf(resolve(folder))}@${digest.slice(0, 8)}`;
}

/** States of a training, ours and transformers': their names alone say nothing. */
const STATE = /^(step|checkpoint)-\d+$/;

/** The folder's name, of a state of a training with its run's; of a snapshot in the hub's cache (`models--owner--name/snapshots/<commit>`) `owner/name`. */
function nameOf(folder: string): string {
  const name = basename(folder);
  const parent = dirname(folder);
  const repo = basename(dirname(parent));
  const isSnapshot = COMMIT.test(name) && basename(parent) === "snapshots" && repo.startsWith("models--");
  if (isSnapshot) return repo.split("--").slice(1).join("/");
  return STATE.test(name) ? `${basename(parent)}/${name}` : name;
}
