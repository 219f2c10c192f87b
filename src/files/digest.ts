/** SHA-256 of files, cached per file by its size and times. */
import { createHash } from "node:crypto";
import { readFile, realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { BigIntStats } from "node:fs";
import { atomicWriteFile } from "./atomic.js";
import { withFile } from "./read.js";

/** Smaller files take milliseconds to read and are not cached. */
const REMEMBERED_FROM = 1 << 20;
const CHUNK = 1 << 22;
const REMEMBERED_FILES = 1000;
/** A file that was changed less than this long ago may change again within the clock's resolution: it is not cached. */
const SETTLED_NS = 2_000_000_000n;

/** Digest by key, the most recent last. */
const memorySchema = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/));
type Memory = z.infer<typeof memorySchema>;

/**
 * The SHA-256 of a file's bytes, 64 hex digits.
 *
 * A large file is read once: its digest is cached in the user's cache folder (`XDG_CACHE_HOME`, default `~/.cache`) by
 * path, size, inode and modification times, so that a changed file is read again. Errors of the cache are ignored.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; an AbortError
 */
export async function digestFile(file: string, signal?: AbortSignal): Promise<string> {
  return withFile(file, async (handle, size) => {
    const key = size < REMEMBERED_FROM ? undefined : keyOf(await realpath(file), await handle.stat({ bigint: true }));
    const memory = key === undefined ? {} : await recall();
    const known = key !== undefined && memory[key];
    if (known) return known;
    const hash = createHash("sha256");
    const buffer = new Uint8Array(CHUNK);
    for (let bytes = -1; bytes !== 0;) {
      signal?.throwIfAborted();
      ({ bytesRead: bytes } = await handle.read(buffer, 0, CHUNK));
      hash.update(buffer.subarray(0, bytes));
    }
    const digest = hash.digest("hex");
    const after = key === undefined ? undefined : await handle.stat({ bigint: true });
    if (key !== undefined && after && keyOf(await realpath(file), after) === key && hasSettled(after)) {
      await remember(key, digest);
    }
    return digest;
  });
}

function keyOf(path: string, { dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [path, dev, ino, size, mtimeNs, ctimeNs].join(":");
}

function hasSettled({ ctimeNs, mtimeNs }: BigIntStats): boolean {
  const now = BigInt(Date.now()) * 1_000_000n;
  return now - ctimeNs > SETTLED_NS && now - mtimeNs > SETTLED_NS;
}

function memoryFile(): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "roc4mllm", "digests.json");
}

async function recall(): Promise<Memory> {
  try {
    return memorySchema.parse(JSON.parse(await readFile(memoryFile(), "utf8")));
  } catch {
    return {};
  }
}

/** Two processes that write at once may lose one of the two entries; that file is then read again. */
async function remember(key: string, digest: string): Promise<void> {
  const { [key]: _, ...others } = await recall();
  const kept = Object.entries(others).slice(1 - REMEMBERED_FILES);
  const text = JSON.stringify(Object.fromEntries([...kept, [key, digest]]), null, 1);
  await atomicWriteFile(memoryFile(), `${text}\n`).catch(() => undefined);
}
