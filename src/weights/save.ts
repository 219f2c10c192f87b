/** Writes safetensors files that every reader of the format accepts, each replaced atomically. */
import { type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { RocError } from "../errors.js";
import { DTYPES, type DType, type Tensor } from "../torch/index.js";
import { atomicWriteJson, removeEntries, replaceFile } from "../files/index.js";
import { INDEX, SINGLE } from "./choice.js";
import { DTYPE_NAMES, LENGTH_BYTES } from "./safetensors-header.js";

export interface SaveOptions {
  /** `__metadata__`; `format: "pt"` is always included, since transformers 4 refuses files without it. */
  readonly metadata?: Readonly<Record<string, string>>;
}

interface Item {
  readonly name: string;
  readonly tensor: Tensor;
  readonly dtype: DType;
  readonly bytes: number;
}

/**
 * Largest element size first, so that every tensor is aligned to its element size; then by name, as in the reference
 * writer.
 */
function layOut(tensors: ReadonlyMap<string, Tensor>): Item[] {
  const items = [...tensors].map(([name, tensor]): Item => {
    const { dtype } = tensor;
    return { name, tensor, dtype, bytes: tensor.numel * DTYPES[dtype].bytes };
  });
  return items.sort((a, b) => DTYPES[b.dtype].bytes - DTYPES[a.dtype].bytes || (a.name < b.name ? -1 : 1));
}

/**
 * Writes tensors to a file. They must outlive the call (not belong to an open scope).
 *
 * @throws RocError FILE_UNWRITABLE; an existing file is then unchanged
 */
export async function saveSafetensors(
  file: string,
  tensors: ReadonlyMap<string, Tensor>,
  options: SaveOptions = {},
): Promise<void> {
  const items = layOut(tensors);
  const header = headerBytes(items, { format: "pt", ...options.metadata });
  await replaceFile(file, async (handle) => {
    await writeAll(handle, header);
    for (const { tensor } of items) {
      const array = tensor.toArray();
      await writeAll(handle, new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    }
  });
}

/** `handle.write` may write less than it was given (at most 2 GiB at once). */
async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.length - done, 1 << 30));
    done += bytesWritten;
  }
}

/** Length and JSON, padded with spaces so that the data starts at a multiple of 8. */
function headerBytes(items: readonly Item[], metadata: Readonly<Record<string, string>>): Uint8Array {
  let offset = 0;
  const entries = items.map(({ name, tensor, dtype, bytes }) => {
    const entry = { dtype: dtypeName(dtype), shape: tensor.shape, data_offsets: [offset, (offset += bytes)] };
    return [name, entry] as const;
  });
  const json = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  const length = Math.ceil(Buffer.byteLength(json) / 8) * 8;
  const bytes = Buffer.alloc(LENGTH_BYTES + length, " ");
  bytes.writeBigUInt64LE(BigInt(length));
  bytes.write(json, LENGTH_BYTES);
  return bytes;
}

function dtypeName(dtype: DType): string {
  const name = Object.entries(DTYPE_NAMES).find(([, value]) => value === dtype)?.[0];
  if (name === undefined) throw new RocError("INTERNAL", `safetensors has no name for ${dtype}.`);
  return name;
}

/**
 * Writes a folder's weights: model.safetensors, or shards and their index where they are larger than `maxShardBytes`
 * (default: never). Other weights are removed at the end, so that readers find one set only.
 *
 * @param options `variant`: stands in the names, as in model.int8.safetensors
 */
export async function saveCheckpoint(
  folder: string,
  tensors: ReadonlyMap<string, Tensor>,
  options: { maxShardBytes?: number; variant?: string | undefined } = {},
): Promise<void> {
  const { variant } = options;
  const shards = split(layOut(tensors), options.maxShardBytes ?? Infinity);
  const inName = variant === undefined ? "" : `.${variant}`;
  if (shards.length <= 1) {
    const only = SINGLE.replace(/\.safetensors$/, `${inName}.safetensors`);
    await saveSafetensors(join(folder, only), tensors);
    await removeOthers(folder, new Set([only]));
    return;
  }
  const weightMap: [string, string][] = [];
  const files = shards.map((_, index) => `model${inName}-${pad(index + 1)}-of-${pad(shards.length)}.safetensors`);
  for (const [index, items] of shards.entries()) {
    const file = files[index] ?? "";
    await saveSafetensors(join(folder, file), new Map(items.map(({ name, tensor }) => [name, tensor])));
    for (const { name } of items) weightMap.push([name, file]);
  }
  const total_size = shards.flat().reduce((sum, { bytes }) => sum + bytes, 0);
  const index = INDEX.replace(/\.json$/, `${inName}.json`);
  await atomicWriteJson(join(folder, index), { metadata: { total_size }, weight_map: Object.fromEntries(weightMap) });
  await removeOthers(folder, new Set([index, ...files]));
}

function split(items: readonly Item[], maxBytes: number): Item[][] {
  const shards: Item[][] = [];
  let room = 0;
  for (const item of items) {
    const last = shards.at(-1);
    if (last === undefined || item.bytes > room) {
      shards.push([item]);
      room = maxBytes - item.bytes;
    } else {
      last.push(item);
      room -= item.bytes;
    }
  }
  return shards;
}

function pad(number: number): string {
  return String(number).padStart(5, "0");
}

async function removeOthers(folder: string, written: ReadonlySet<string>): Promise<void> {
  const weights = /^model(\.\w+)?(-\d{5}-of-\d{5})?\.safetensors(\.index(\.\w+)?\.json)?$/;
  await removeEntries(folder, (name) => weights.test(name) && !written.has(name));
}
