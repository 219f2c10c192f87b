/**
 * One file from the hub, gone on with after a cut and checked at its end. The official client's own cached download
 * neither resumes nor verifies, so this part is ours.
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
  /** Where it goes; it grows beside as `.incomplete`. */
  readonly file: string;
  /** Called with the bytes that are there. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Downloads a file. Killed at any moment, the next call goes on where it stopped.
 *
 * @returns the bytes that were fetched for it
 * @throws RocError NETWORK where the hub cannot be reached or cuts the connection again and again; CHECKPOINT_INVALID
 *   where what came is not what the hub promised (it is removed). An AbortError, an error of the file system.
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
    // Who sends next to nothing each time would otherwise be asked for ever.
    await persist(what, job, attempt, () => most >= before + PROGRESS);
    await verify(job, part);
  } catch (error) {
    if (error instanceof RocError && error.code === "CHECKPOINT_INVALID") await rm(part, { force: true });
    throw error;
  }
  await rename(part, file);
  return received;
}

/** Where to go on: the bytes that are there. More than there can be are none. */
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
  // Ranges count the bytes as they are sent, which must be those of the file.
  const headers = { "Accept-Encoding": "identity", ...(from > 0 && { Range: `bytes=${from}-` }) };
  const response = await job.fetch(job.url, { headers, ...(signal && { signal }) });
  const body = await bodyOf(response, job, part);
  // A server that ignores the range sends everything again.
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

/** What a response brings, if that is what was asked for. */
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

/** Bytes of the whole file, as an answer says; undefined where it says nothing of it. */
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
  const remedy = "What came was removed; download it again. If that does not help, the hub's copy is damaged.";
  return new RocError("CHECKPOINT_INVALID", `${what} has ${found}, the hub promised ${promised}. ${remedy}`);
}
