/** Which checkpoint a score comes from. */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { z } from "zod";
import { RocError } from "../errors.js";
import { digestFile, type OpenFolder } from "../files/index.js";
import { baseDigest } from "../models/adapter-config.js";
import { besideWeights, towerOf } from "../models/families.js";
import { openCheckpointFolder, type CheckpointLike } from "../models/places.js";
import { baselineOf } from "./baseline-source.js";

/** Whatever decides a score; not the optimizer's state, nor anything else that may be in the folder. */
const PARTS =
  /^(config|adapter_config|generation_config|processor_config|(video_)?preprocessor_config|tokenizer|tokenizer_config|added_tokens|special_tokens_map|chat_template|roc_templates)\.json$|^chat_template\.jinja$|^tokenizer\.model$|^((pytorch_)?model.*|adapter_model)\.(safetensors|bin)$/;

/** Shard indexes, of variants too. */
const INDEX = /\.(safetensors|bin)\.index(\.\w+)?\.json$/;
const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** A name under which the hub's cache keeps a snapshot: its commit. */
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * SHA-256 over every byte of what decides a checkpoint's scores: weights, configuration, tokenizer, templates; 64 hex
 * digits. Large files are read once, see `digestFile()`.
 *
 * @param folder a checkpoint, a file of a classical system's weights, or what `openCheckpointFolder()` makes one of: adapters count with their base
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; an AbortError
 */
export async function digestCheckpoint(
  folder: CheckpointLike,
  { base, signal }: Pick<DigestOptions, "base" | "signal"> = {},
): Promise<string> {
  const checkpoint = await openCheckpointFolder(folder, base);
  const { adapter, bare } = checkpoint;
  const source = await baselineOf(checkpoint);
  if (source?.file !== undefined) return digestFile(source.file, signal);
  // Of a file in one of our folders it is that folder.
  const home = source?.folder ?? checkpoint.home;
  const folders = [...(bare ? [bare] : []), home, ...(adapter ? [adapter.folder, adapter.base] : [])];
  const hash = createHash("sha256");
  const seen = new Set<string>();
  for (const one of folders) {
    if (seen.has(one.path)) continue;
    seen.add(one.path);
    const isWanted = (name: string): boolean => !bare || one === bare || !/\.(safetensors|bin)(\.|$)/.test(name);
    for (const name of (await partsOf(one)).filter(isWanted))
      hash.update(`${name} ${await one.digest(name, signal)}\n`);
  }
  return hash.digest("hex");
}

async function partsOf(folder: OpenFolder): Promise<string[]> {
  const names = await readdir(folder.path);
  const listed = await Promise.all(names.filter((name) => INDEX.test(name)).map((name) => shardsOf(folder, name)));
  const wanted = new Set([...listed.flat(), ...besideWeights()]);
  return names.filter((name) => PARTS.test(name) || INDEX.test(name) || wanted.has(name)).sort();
}

/** The files that a shard index lists, whatever their names; none where it is broken, which the loader tells. */
async function shardsOf(folder: OpenFolder, index: string): Promise<string[]> {
  const parsed = indexSchema.safeParse(await folder.json(index).catch(() => undefined));
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
export async function digestModel(folder: CheckpointLike, options: DigestOptions = {}): Promise<string> {
  const { visionTower, base, signal } = options;
  const checkpoint = await openCheckpointFolder(folder, base);
  const digest = await digestCheckpoint(checkpoint, { signal });
  const { folder: tower } = (await towerOf(checkpoint, visionTower)) ?? {};
  if (tower === undefined) return digest;
  return createHash("sha256")
    .update(`${digest}\nvision tower ${await digestCheckpoint(tower, { signal })}\n`)
    .digest("hex");
}

/**
 * Checks that adapters are used with the base that they were trained on, wherever it is now; those that do not say (peft's) pass,
 * and so does whatever has no adapters.
 *
 * @throws RocError CHECKPOINT_MISMATCH; as {@link digestModel}
 */
export async function checkBase(folder: CheckpointLike, options: DigestOptions = {}): Promise<void> {
  const { visionTower, base, signal } = options;
  const { adapter } = await openCheckpointFolder(folder, base);
  const expected = adapter && (await baseDigest(adapter.folder));
  if (adapter === undefined || expected === undefined) return;
  const found = await digestModel(adapter.base, { visionTower, signal });
  if (found === expected) return;
  const [trained, here] = [expected, found].map((digest) => digest.slice(0, 8));
  const message = `The adapters in ${adapter.folder.path} were trained on a base model of digest ${trained}; ${adapter.base.path} is ${here}`;
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
