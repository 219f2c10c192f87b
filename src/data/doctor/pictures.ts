/** Checks of the image files: unreadable ones and duplicates. */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { isRocError, messageOf, RocError, withoutFile } from "../../errors.js";
import { readChunks } from "../../files/index.js";
import { groupBy } from "../group-by.js";
import { SPLITS, type OnProgress, type Sample } from "../types.js";
import { fingerprintOf, isPixels, type Fingerprint } from "./fingerprint.js";
import type { Findings } from "./labels.js";
import { nearPairs } from "./near.js";

/** Files read concurrently. */
const AT_ONCE = 4;

export interface PictureOptions {
  /**
   * Decodes an image file and throws where it cannot; without it images are not decoded. Where it returns {@link Pixels},
   * pictures of different splits are compared by appearance.
   */
  readonly decode?: (file: string, signal?: AbortSignal) => Promise<unknown>;
  /** Maximum number of image files to open, spread evenly over the data set. Default: all. */
  readonly limit?: number;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/**
 * Opens the image files: reports those that cannot be read, and pictures with the same content (SHA-256 of the bytes; only
 * files of the same size are read for it). A missing file's path counts as its content, so that a picture that is listed
 * twice is found without its image. Pictures of different splits that look alike are reported too.
 *
 * @returns the number of files, the number opened, and a note where not all were compared
 * @throws RocError ABORTED on the signal
 */
export async function checkPictures(
  samples: readonly Sample[],
  missing: readonly Sample[],
  options: PictureOptions,
  findings: Findings,
): Promise<{ images: number; opened: number; notes: string[] }> {
  const byFile = groupBy(samples, ({ image }) => image);
  const files = spread([...byFile.keys()], options.limit ?? Infinity);
  const sizes = await sizesOf(files, options, (file, error) => {
    findings.add("unreadable-image", byFile.get(file) ?? [], error);
  });
  const { contents, prints } = await openAll(sizes, options, (file, error) => {
    findings.add("unreadable-image", byFile.get(file) ?? [], error);
  });
  // A file whose content is unknown may still be listed twice.
  const all = [...samples, ...missing];
  const groups = groupBy(all, ({ image }) => contents.get(image) ?? image).values();
  for (const group of groups) if (group.length > 1) reportDuplicates(group, findings);
  const cut = await reportAlike(byFile, contents, prints, options.signal, findings);
  const notes = cut ? ["So many pictures look alike that not all of them were compared by appearance."] : [];
  return { images: byFile.size, opened: files.length, notes };
}

/** Pictures of different splits that look alike but differ in bytes. @returns whether not all were compared */
async function reportAlike(
  byFile: ReadonlyMap<string, readonly Sample[]>,
  contents: ReadonlyMap<string, string>,
  prints: ReadonlyMap<string, Fingerprint>,
  signal: AbortSignal | undefined,
  findings: Findings,
): Promise<boolean> {
  const files = [...prints.keys()];
  const samplesOf = (k: number): readonly Sample[] => byFile.get(files[k] ?? "") ?? [];
  const { pairs, cut } = await nearPairs([...prints.values()], (k) => samplesOf(k)[0]?.split, signal);
  for (const { first, second } of pairs) {
    const [a, b] = [first, second].map((k) => contents.get(files[k] ?? ""));
    if (a !== undefined && a === b) continue;
    const group = [...samplesOf(first), ...samplesOf(second)];
    findings.add("near-duplicate-across-splits", group, "look alike: one may be a copy, resized, saved again, mirrored or cropped"); // prettier-ignore
  }
  return cut;
}

/** At most `limit` items, evenly spaced. */
function spread<T>(items: readonly T[], limit: number): readonly T[] {
  if (items.length <= limit) return items;
  return items.filter(
    (_, i) => Math.floor((i * limit) / items.length) !== Math.floor(((i - 1) * limit) / items.length),
  );
}

type OnBroken = (file: string, detail: string) => void;

/** Sizes by file; files without one are unreadable. */
async function sizesOf(
  files: readonly string[],
  { signal }: PictureOptions,
  onBroken: OnBroken,
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  await forEach(files, signal, async (file) => {
    try {
      const found = await stat(file);
      if (!found.isFile()) onBroken(file, "is not a file");
      else if (found.size === 0) onBroken(file, "is empty (0 bytes)");
      else sizes.set(file, found.size);
    } catch (error) {
      onBroken(file, messageOf(error));
    }
  });
  return sizes;
}

/** Decodes every file; returns the SHA-256 of those whose size another one has, and the fingerprints. */
async function openAll(
  sizes: ReadonlyMap<string, number>,
  { decode, onProgress, signal }: PictureOptions,
  onBroken: OnBroken,
): Promise<{ contents: Map<string, string>; prints: Map<string, Fingerprint> }> {
  const bySize = new Map<number, number>();
  for (const size of sizes.values()) bySize.set(size, (bySize.get(size) ?? 0) + 1);
  const contents = new Map<string, string>();
  const prints = new Map<string, Fingerprint | undefined>([...sizes.keys()].map((file) => [file, undefined]));
  let done = 0;
  await forEach([...sizes], signal, async ([file, size]) => {
    try {
      if ((bySize.get(size) ?? 0) > 1) contents.set(file, await hashOf(file));
      const picture = await decode?.(file, signal);
      if (isPixels(picture)) prints.set(file, fingerprintOf(picture));
    } catch (error) {
      if (isRocError(error) && error.code === "ABORTED") throw error;
      onBroken(file, withoutFile(messageOf(error), file));
    }
    onProgress?.(++done, sizes.size);
  });
  const known = [...prints].flatMap(([file, print]) => (print ? [[file, print] as const] : []));
  return { contents, prints: new Map(known) };
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of readChunks(file)) hash.update(chunk);
  return hash.digest("hex");
}

/** Runs `work` on every item, started in order, {@link AT_ONCE} concurrently. */
async function forEach<T>(
  items: readonly T[],
  signal: AbortSignal | undefined,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      if (signal?.aborted) throw new RocError("ABORTED", `Stopped after ${next} of ${items.length} images.`);
      await work(items[next++] as T);
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  for (const result of workers) if (result.status === "rejected") throw result.reason;
}

function reportDuplicates(group: readonly Sample[], findings: Findings): void {
  const splits = SPLITS.filter((split) => group.some((sample) => sample.split === split));
  const kind = splits.length > 1 ? "duplicate-across-splits" : "duplicate-within-split";
  findings.add(kind, group, `${group.length} times, in ${splits.join(" and ")}`);
}
