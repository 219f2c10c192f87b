/**
 * One file from the hub, gone on with after a cut and checked at its end. The official client's own cached download
 * neither resumes nor verifies, so this part is ours.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as wait } from "node:timers/promises";
import { messageOf, RocError } from "../errors.js";

export interface Transfer {
  readonly url: string;
  readonly token: string | undefined;
  /** `owner/name: path`, for messages. */
  readonly what: string;
  readonly size: number;
  /** SHA-256 of the content, or git's SHA-1 of it as a blob. */
  readonly checksum: { readonly kind: "sha256" | "git"; readonly value: string };
  /** Where it goes; it grows beside as `.incomplete`. */
  readonly file: string;
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes that are there. */
  readonly onBytes?: (bytes: number) => void;
  /** Milliseconds before the second attempt; doubled for each one more. */
  readonly retryDelay?: number | undefined;
}

/** Attempts in a row that bring no byte. */
const ATTEMPTS = 5;

/**
 * Downloads a file. Killed at any moment, the next call goes on where it stopped.
 *
 * @throws RocError NETWORK where the hub cannot be reached or cuts the connection again and again; CHECKPOINT_INVALID
 *   where what came is not what the hub promised (it is removed); ABORTED
 */
export async function transfer(job: Transfer): Promise<void> {
  const part = `${job.file}.incomplete`;
  await mkdir(dirname(job.file), { recursive: true });
  let failures = 0;
  for (let have = await sizeOf(part); have !== job.size; have = await sizeOf(part)) {
    if (have > job.size) await rm(part, { force: true });
    try {
      await fetchRest(job, part, Math.min(have, job.size) === job.size ? 0 : have > job.size ? 0 : have);
    } catch (error) {
      if (job.signal?.aborted)
        throw new RocError("ABORTED", `The download of ${job.what} was stopped.`, { cause: error });
      if (error instanceof RocError) throw error;
      failures = (await sizeOf(part)) > have ? 1 : failures + 1;
      if (failures >= ATTEMPTS) throw unreachable(job.what, error);
      await wait((job.retryDelay ?? 1000) * 2 ** (failures - 1));
    }
  }
  await verify(job, part);
  await rename(part, job.file);
}

async function fetchRest({ url, token, what, signal, onBytes }: Transfer, part: string, from: number): Promise<void> {
  const headers = { ...(token && { Authorization: `Bearer ${token}` }), ...(from > 0 && { Range: `bytes=${from}-` }) };
  const response = await fetch(url, { headers, ...(signal && { signal }) });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw refusal(response.status, what) ?? new Error(`HTTP ${response.status}`);
  }
  // A server that ignores the range sends everything again.
  const resumed = response.status === 206;
  let bytes = resumed ? from : 0;
  const source = Readable.fromWeb(response.body);
  source.on("data", (chunk: Uint8Array) => onBytes?.((bytes += chunk.length)));
  await pipeline(source, createWriteStream(part, { flags: resumed ? "a" : "w" }), ...(signal ? [{ signal }] : []));
}

async function verify({ size, checksum, what }: Transfer, part: string): Promise<void> {
  const hash = createHash(checksum.kind === "sha256" ? "sha256" : "sha1");
  if (checksum.kind === "git") hash.update(`blob ${size}\0`);
  await pipeline(createReadStream(part), hash);
  const found = hash.digest("hex");
  if (found === checksum.value) return;
  await rm(part, { force: true });
  const text = `${what} has the checksum ${found}, the hub promised ${checksum.value}`;
  throw new RocError("CHECKPOINT_INVALID", `${text}. What came was removed; download it again.`);
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

/** A refusal that trying again does not change; undefined for any other. */
export function refusal(status: number, what: string): RocError | undefined {
  if (status === 401 || status === 403) {
    const remedy = "If it is gated, accept its terms on its page; then set HF_TOKEN to a token that may read it.";
    return new RocError("NETWORK", `The hub does not let you have ${what} (HTTP ${status}). ${remedy}`);
  }
  if (status === 404) {
    const remedy = "Check the spelling and the revision; a private one needs HF_TOKEN.";
    return new RocError("NETWORK", `The hub has no ${what} (HTTP 404). ${remedy}`);
  }
  return status === 429 || status >= 500
    ? undefined
    : new RocError("NETWORK", `The hub answered HTTP ${status} for ${what}.`);
}

/** What to say of a hub that does not answer. */
export function unreachable(what: string, cause: unknown): RocError {
  const reason = cause instanceof Error && cause.cause ? messageOf(cause.cause) : messageOf(cause);
  const remedy = "Check the connection (and HF_ENDPOINT); what has come is kept, and the same command goes on with it.";
  return new RocError("NETWORK", `${what} could not be fetched: ${reason}. ${remedy}`, { cause });
}
