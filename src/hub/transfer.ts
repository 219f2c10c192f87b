/**
 * Downloads one file from the hub, resumes after a lost connection and verifies the result. The official client's cached
 * download does neither.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { RocError } from "../errors.js";
import { sizeOf } from "./cache.js";
import { chunksOf, persist, PROGRESS, refused, type Patience } from "./request.js";
import { makeFolder } from "../files/index.js";

/** SHA-256 of the content, or git's SHA-1 of it as a blob. */
export interface Checksum {
  readonly kind: "sha256" | "git";
  /** In lower-case hexadecimal. */
  readonly value: string;
}

export interface Transfer extends Patience {
  readonly url: string;
  readonly fetch: typeof fetch;
  /** `owner/name: path`, for messages. */
  readonly what: string;
  readonly size: number;
  readonly checksum: Checksum;
  /** Target; the partial file beside it ends in `.incomplete`. */
  readonly file: string;
  /** Called with the bytes present so far. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Downloads a file. After a kill at any moment, the next call resumes.
 *
 * @returns the bytes downloaded
 * @throws RocError NETWORK where the hub cannot be reached or drops the connection repeatedly; CHECKPOINT_INVALID where
 *   the content does not match the checksum (it is removed). An AbortError, an error of the file system.
 */
export async function transfer(job: Transfer): Promise<number> {
  const { what, size, file, onBytes } = job;
  const part = `${file}.incomplete`;
  await makeFolder(dirname(file));
  let [received, most, before] = [0, await startOf(part, size), 0];
  if (size === 0) await writeFile(part, "");
  const onChunk = (length: number, there: number): void => {
    received += length;
    most = Math.max(most, there);
    onBytes(there);
  };
  const attempt = async (): Promise<void> => {
    before = most;
    const from = await startOf(part, size);
    if (from < size) await fetchRest(job, part, from, onChunk);
  };
  try {
    // A server that sends almost nothing each time would otherwise be retried forever.
    await persist(what, job, attempt, () => most >= before + PROGRESS);
    await verify(job, part);
  } catch (error) {
    if (error instanceof RocError && error.code === "CHECKPOINT_INVALID") await rm(part, { force: true });
    throw error;
  }
  await rename(part, file);
  return received;
}

/** Offset to resume from: the size of the partial file, or 0 where that is too large. */
async function startOf(part: string, size: number): Promise<number> {
  const have = await sizeOf(part);
  if (have !== undefined && have <= size) return have;
  await rm(part, { force: true });
  return 0;
}

async function fetchRest(
  job: Transfer,
  part: string,
  from: number,
  onChunk: (length: number, there: number) => void,
): Promise<void> {
  const { size, signal } = job;
  // Ranges count encoded bytes, so the content must not be encoded.
  const headers = { "Accept-Encoding": "identity", ...(from > 0 && { Range: `bytes=${from}-` }) };
  const response = await job.fetch(job.url, { headers, ...(signal && { signal }) });
  const body = await bodyOf(response, job, part);
  // A server that ignores the range sends the whole file again.
  const resumed = response.status === 206;
  let there = resumed ? from : 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunksOf(body, job)) {
      there += chunk.length;
      if (there > size) throw mismatch(job, `more than ${size} bytes`, String(size));
      onChunk(chunk.length, there);
      yield chunk;
    }
  }
  await pipeline(counted, createWriteStream(part, { flags: resumed ? "a" : "w" }));
  if (there < size) throw new Error("the answer ended early");
}

/** The body of a response, if it matches the request. */
async function bodyOf(response: Response, job: Transfer, part: string): Promise<ReadableStream<Uint8Array>> {
  const { status, ok, body } = response;
  const total = totalOf(response);
  const fits = total === undefined || total === job.size;
  if (ok && body && fits) return body;
  await body?.cancel();
  if (!fits) throw mismatch(job, `${total} bytes`, String(job.size));
  if (status !== 416) throw await refused(response, job.what);
  await rm(part, { force: true });
  throw new Error("HTTP 416, though there is more to come");
}

/** Size of the whole file in bytes, according to a response; undefined where it does not state one. */
function totalOf({ status, headers }: Response): number | undefined {
  const length = headers.has("content-encoding") ? null : headers.get("content-length");
  // "bytes 5-9/10" of a 206, "bytes */10" of a 416.
  const text = status === 200 ? length : /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  return text ? Number(text) : undefined;
}

async function verify(job: Transfer, part: string): Promise<void> {
  const { size, checksum, signal } = job;
  const hash = createHash(checksum.kind === "sha256" ? "sha256" : "sha1");
  if (checksum.kind === "git") hash.update(`blob ${size}\0`);
  await pipeline(createReadStream(part), hash, { ...(signal && { signal }) });
  const found = hash.digest("hex");
  if (found !== checksum.value) throw mismatch(job, `the checksum ${found}`, checksum.value);
}

function mismatch({ what }: Transfer, found: string, promised: string): RocError {
  const remedy = "The file was removed; download it again. If that does not help, the hub's copy is damaged.";
  return new RocError("CHECKPOINT_INVALID", `${what} has ${found}, the hub promised ${promised}. ${remedy}`);
}
