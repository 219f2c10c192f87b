/** HEIC pictures through libheif in worker threads, which start with the first one and end when none comes any more. */
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { profileOfPrimaries } from "./heic-profile.js";

export interface HeicQuestion {
  readonly bytes: Uint8Array;
  /** Whether its samples have more than 8 bits. */
  readonly deep: boolean;
  /** The picture's colour profile. */
  readonly icc: Uint8Array | undefined;
}

/** One of them. */
export interface HeicAnswer {
  readonly tiff?: Uint8Array<ArrayBuffer>;
  /** In libheif's words. */
  readonly fault?: string;
}

/** As many as pictures are decoded at a time for one call; each has a picture's memory of its own. */
const MOST = Math.min(4, availableParallelism());

/** How long a worker waits for another picture: its memory never shrinks. */
const IDLE_MS = 2000;

/** Bytes of the picture's size that libheif has at its peak, beside what it gives: planes, tiles and their copies. */
const COPIES = 4;

/** Those that nobody uses, with what ends them. */
const idle = new Map<Worker, NodeJS.Timeout>();
const waiting: (() => void)[] = [];
let count = 0;

/** What decoding takes, of a picture with so many pixels. */
export function heicBytes(pixels: number, channels: number, deep: boolean): number {
  return pixels * channels * (deep ? 2 : 1) * COPIES;
}

/**
 * A HEIC as an uncompressed TIFF, upright, with its colour profile.
 *
 * @param icc the profile that the header has; without one that of the file's colour numbers (nclx)
 * @throws Error with libheif's words for what cannot be decoded; the signal's reason
 */
export async function heicToTiff(
  bytes: Uint8Array,
  deep: boolean,
  icc: Uint8Array | undefined,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const worker = await taken(signal);
  try {
    const { tiff, fault } = await asked(worker, { bytes, deep, icc: icc ?? profileOfPrimaries(bytes) }, signal);
    release(worker);
    if (!tiff) throw new Error(fault);
    return tiff;
  } catch (error) {
    // A worker that failed by itself, or still decodes what nobody waits for, is not used again.
    if (!idle.has(worker)) drop(worker);
    throw error;
  }
}

async function taken(signal: AbortSignal | undefined): Promise<Worker> {
  for (;;) {
    // Who was woken and leaves lets the next one look.
    if (signal?.aborted) waiting.shift()?.();
    signal?.throwIfAborted();
    const [free] = idle;
    if (free) {
      const [worker, ending] = free;
      clearTimeout(ending);
      idle.delete(worker);
      return worker;
    }
    if (count < MOST) return started();
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
}

function started(): Worker {
  count++;
  return new Worker(new URL("./heic-worker.js", import.meta.url), { stdout: true, stderr: true });
}

async function asked(worker: Worker, question: HeicQuestion, signal: AbortSignal | undefined): Promise<HeicAnswer> {
  worker.ref();
  const over = new AbortController();
  const end = { signal: over.signal };
  const aborted = once(signal ?? new EventTarget(), "abort", end).then(() => signal?.reason as unknown);
  const exited = once(worker, "exit", end).then(() => new Error("libheif ended"));
  try {
    worker.postMessage(question);
    // A failure of the worker rejects the first.
    const first = await Promise.race([once(worker, "message", end), aborted, exited]);
    if (Array.isArray(first)) return first[0] as HeicAnswer;
    throw first;
  } finally {
    over.abort();
    for (const promise of [aborted, exited]) promise.catch(() => undefined);
    worker.unref();
  }
}

function release(worker: Worker): void {
  const ending = setTimeout(() => {
    idle.delete(worker);
    drop(worker);
  }, IDLE_MS);
  idle.set(worker, ending.unref());
  waiting.shift()?.();
}

function drop(worker: Worker): void {
  count--;
  void worker.terminate();
  waiting.shift()?.();
}
