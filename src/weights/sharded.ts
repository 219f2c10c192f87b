/** Weights in several files, and the index that maps tensors to files. */
import { basename, join } from "node:path";
import { z } from "zod";
import { RocError } from "../errors.js";
import type { Tensor } from "../torch/index.js";
import type { Checkpoint, TensorInfo } from "./checkpoint.js";
import type { WeightsChoice } from "./choice.js";
import { exists, type OpenFolder } from "../files/index.js";

/** A shard must be in the folder itself. */
const fileName = z
  .string()
  .refine((name) => !["", ".", ".."].includes(name) && basename(name) === name && !/[\\\0]/.test(name), {
    error: "must be a file name without a path",
  });
const indexSchema = z.looseObject({ weight_map: z.record(z.string(), fileName) });

async function readIndex(folder: OpenFolder, name: string): Promise<Map<string, string>> {
  const parsed = indexSchema.safeParse(await folder.json(name, { invalid: "CHECKPOINT_INVALID" }));
  if (parsed.success) return new Map(Object.entries(parsed.data.weight_map));
  // One wrong name is usually wrong for every tensor: only the first is reported.
  const [{ path = [], message = "" } = {}] = parsed.error.issues;
  const what = [...path.map(String), message].join(": ");
  throw new RocError("CHECKPOINT_INVALID", `${folder.file(name)} is not a shard index: ${what}. Fetch the file again.`);
}

/** Number of missing shards that a message names; the rest is counted. */
const LISTED = 40;

/**
 * Opens the files that the index `index` of a folder lists.
 *
 * @throws RocError FILE_NOT_FOUND (names missing shards), FILE_UNREADABLE, CHECKPOINT_INVALID
 */
export async function openSharded(
  opened: OpenFolder,
  index: string,
  open: (file: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const folder = opened.path;
  const fileOf = await readIndex(opened, index);
  const files = [...new Set(fileOf.values())].sort();
  const missing: string[] = [];
  for (const file of files) if (!(await exists(join(folder, file)))) missing.push(file);
  if (missing.length > 0) throw lacking(folder, missing, `which ${index} lists`);
  return openAll(
    folder,
    files,
    open,
    (shards) => new ShardedCheckpoint(folder, shards, holders(folder, index, shards, fileOf)),
  );
}

/**
 * Opens numbered shards that have no index: every tensor of every file.
 *
 * @throws RocError FILE_NOT_FOUND (names missing shards), FILE_UNREADABLE, CHECKPOINT_INVALID
 */
export async function openShards(
  folder: string,
  { files, missing = [] }: WeightsChoice,
  open: (file: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  if (missing.length > 0) throw lacking(folder, missing, "as the names of the other shards say");
  return openAll(folder, files, open, (shards) => {
    const holder = new Map<string, Checkpoint>();
    for (const shard of shards.values()) {
      for (const name of shard.names()) {
        if (!holder.has(name)) holder.set(name, shard);
        else throw new RocError("CHECKPOINT_INVALID", `${folder}: two shards hold "${name}". Fetch their index too.`);
      }
    }
    return new ShardedCheckpoint(folder, shards, holder);
  });
}

function lacking(folder: string, missing: readonly string[], why: string): RocError {
  const more = missing.length > LISTED ? ` and ${missing.length - LISTED} more` : "";
  const text = `${folder} lacks ${missing.slice(0, LISTED).join(", ")}${more}, ${why}. Fetch the missing files.`;
  return new RocError("FILE_NOT_FOUND", text);
}

async function openAll(
  folder: string,
  files: readonly string[],
  open: (file: string) => Promise<Checkpoint>,
  together: (shards: ReadonlyMap<string, Checkpoint>) => Checkpoint,
): Promise<Checkpoint> {
  const shards = new Map<string, Checkpoint>();
  try {
    for (const file of files) shards.set(file, await open(join(folder, file)));
    return together(shards);
  } catch (error) {
    for (const shard of shards.values()) shard.dispose();
    throw error;
  }
}

function holders(
  folder: string,
  index: string,
  shards: ReadonlyMap<string, Checkpoint>,
  fileOf: ReadonlyMap<string, string>,
): Map<string, Checkpoint> {
  const holder = new Map<string, Checkpoint>();
  for (const [name, file] of fileOf) {
    const shard = shards.get(file);
    if (!shard?.has(name)) {
      throw new RocError(
        "CHECKPOINT_INVALID",
        `${index} of ${folder} puts "${name}" into ${file}, which does not hold it. Fetch both again.`,
      );
    }
    holder.set(name, shard);
  }
  return holder;
}

class ShardedCheckpoint implements Checkpoint {
  readonly metadata: Readonly<Record<string, string>>;

  constructor(
    readonly path: string,
    private readonly shards: ReadonlyMap<string, Checkpoint>,
    private readonly holder: ReadonlyMap<string, Checkpoint>,
  ) {
    this.metadata = [...shards.values()][0]?.metadata ?? {};
  }

  names(): string[] {
    return [...this.holder.keys()];
  }

  has(name: string): boolean {
    return this.holder.has(name);
  }

  info(name: string): TensorInfo {
    return this.#shardOf(name).info(name);
  }

  tensor(name: string): Tensor {
    return this.#shardOf(name).tensor(name);
  }

  drop(name: string): void {
    this.#shardOf(name).drop(name);
  }

  dispose(): void {
    for (const shard of this.shards.values()) shard.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #shardOf(name: string): Checkpoint {
    const shard = this.holder.get(name);
    if (shard === undefined) throw new RocError("CHECKPOINT_MISMATCH", `${this.path} holds no tensor "${name}".`);
    return shard;
  }
}
