/** Weights in several files, and the index that says which tensor is where. */
import { basename, join } from "node:path";
import { z } from "zod";
import { RocError } from "../errors.js";
import type { Tensor } from "../torch/index.js";
import type { Checkpoint, TensorInfo } from "./checkpoint.js";
import { exists, readJson } from "../files/index.js";

/** A shard must lie in the folder itself. */
const fileName = z
  .string()
  .refine((name) => !["", ".", ".."].includes(name) && basename(name) === name && !/[\\\0]/.test(name), {
    error: "must be a file name without a path",
  });
const indexSchema = z.looseObject({ weight_map: z.record(z.string(), fileName) });

async function readIndex(file: string): Promise<Map<string, string>> {
  const parsed = indexSchema.safeParse(await readJson(file, { invalid: "CHECKPOINT_INVALID" }));
  if (parsed.success) return new Map(Object.entries(parsed.data.weight_map));
  // A wrong kind of name is wrong for every tensor: the first says it.
  const [{ path = [], message = "" } = {}] = parsed.error.issues;
  const what = [...path.map(String), message].join(": ");
  throw new RocError("CHECKPOINT_INVALID", `${file} is not a shard index: ${what}. Fetch the file again.`);
}

/**
 * Opens the files that the index `index` of a folder lists.
 *
 * @throws RocError FILE_NOT_FOUND (names every missing shard), FILE_UNREADABLE, CHECKPOINT_INVALID
 */
export async function openSharded(
  folder: string,
  index: string,
  open: (file: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const fileOf = await readIndex(join(folder, index));
  const files = [...new Set(fileOf.values())].sort();
  const missing: string[] = [];
  for (const file of files) if (!(await exists(join(folder, file)))) missing.push(file);
  if (missing.length > 0) {
    const text = `${folder} lacks ${missing.join(", ")}, which ${index} lists. Fetch the missing files.`;
    throw new RocError("FILE_NOT_FOUND", text);
  }
  const shards = new Map<string, Checkpoint>();
  try {
    for (const file of files) shards.set(file, await open(join(folder, file)));
    return new ShardedCheckpoint(folder, index, shards, fileOf);
  } catch (error) {
    for (const shard of shards.values()) shard.dispose();
    throw error;
  }
}

class ShardedCheckpoint implements Checkpoint {
  readonly #holder = new Map<string, Checkpoint>();
  readonly metadata: Readonly<Record<string, string>>;

  constructor(
    readonly path: string,
    index: string,
    private readonly shards: ReadonlyMap<string, Checkpoint>,
    fileOf: ReadonlyMap<string, string>,
  ) {
    this.metadata = [...shards.values()][0]?.metadata ?? {};
    for (const [name, file] of fileOf) {
      const shard = shards.get(file);
      if (!shard?.has(name)) {
        throw new RocError(
          "CHECKPOINT_INVALID",
          `${index} of ${path} puts "${name}" into ${file}, which does not hold it. Fetch both again.`,
        );
      }
      this.#holder.set(name, shard);
    }
  }

  names(): string[] {
    return [...this.#holder.keys()];
  }

  has(name: string): boolean {
    return this.#holder.has(name);
  }

  info(name: string): TensorInfo {
    return this.#shardOf(name).info(name);
  }

  tensor(name: string): Tensor {
    return this.#shardOf(name).tensor(name);
  }

  dispose(): void {
    for (const shard of this.shards.values()) shard.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #shardOf(name: string): Checkpoint {
    const shard = this.#holder.get(name);
    if (shard === undefined) throw new RocError("CHECKPOINT_MISMATCH", `${this.path} holds no tensor "${name}".`);
    return shard;
  }
}
