/**
 * What a run was started with: `samples.jsonl` in its folder has one line per picture, so that a resumed run can say what of
 * its data has changed; `unusable.jsonl` names the pictures that could not be used.
 */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Sample } from "../../data/index.js";
import { sizeOf } from "../../data/trained-on.js";
import { messageOf, RocError } from "../../errors.js";
import { atomicWriteFile, ifThere, parseJson, readText } from "../../files/index.js";
import type { UnusablePicture } from "../data/pixels.js";
import { raterOf } from "../data/raters.js";

export const SAMPLES_FILE = "samples.jsonl";

/** Files looked at side by side. */
const AT_ONCE = 64;
/** Pictures of each part that are compared by their first bytes, too: those of another folder may have the same sizes. */
const OPENED = 32;
const HEAD_BYTES = 1 << 16;
/** Differences that an error lists. */
const LISTED = 5;

const recordSchema = z.object({
  part: z.enum(["train", "validation"]),
  id: z.string(),
  /** Of the image file; null where it cannot be looked at. */
  bytes: z.number().nullable(),
  /** Digest of its first bytes, of some. */
  head: z.string().optional(),
  score: z.number(),
  /** Digest of votes, attributes and comments. */
  labels: z.string(),
});

/** A picture with what a run learns from it. */
export type SampleRecord = Readonly<z.infer<typeof recordSchema>>;

/** The pictures of a run, in its order. */
export interface Parts {
  readonly train: readonly Sample[];
  readonly validation: readonly Sample[];
}

/** Describes every picture; opens a few of them. @param stds whether deviations are trained */
export async function recordSamples({ train, validation }: Parts, stds = false): Promise<SampleRecord[]> {
  const all = [train, validation].flatMap((samples, part) =>
    samples.map((sample, i) => ({ sample, part: part === 0 ? ("train" as const) : ("validation" as const), i })),
  );
  const records: SampleRecord[] = [];
  for (let start = 0; start < all.length; start += AT_ONCE) {
    const some = all.slice(start, start + AT_ONCE).map(async ({ sample, part, i }) => ({
      ...{ part, id: sample.id, bytes: await sizeOf(sample.image) },
      ...(i < OPENED && { head: await headOf(sample.image) }),
      ...{ score: sample.score, labels: labelsOf(sample, stds) },
    }));
    records.push(...(await Promise.all(some)));
  }
  return records;
}

function labelsOf(sample: Sample, stds: boolean): string {
  const { votes, attributes, comments, std, attributeStds } = sample;
  const deviations = stds ? [std ?? null, attributeStds ?? null] : [];
  const rater = raterOf(sample);
  const whose = rater === undefined ? [] : [{ rater }];
  return shortDigest(JSON.stringify([votes ?? null, attributes ?? null, comments ?? null, ...deviations, ...whose]));
}

function shortDigest(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 16);
}

async function headOf(file: string): Promise<string> {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return shortDigest(buffer.subarray(0, bytesRead));
    } finally {
      await handle.close();
    }
  } catch (error) {
    // Reading it in training reports what is wrong.
    return messageOf(error);
  }
}

export async function writeSamples(run: string, records: readonly SampleRecord[]): Promise<void> {
  await atomicWriteFile(join(run, SAMPLES_FILE), records.map((record) => `${JSON.stringify(record)}\n`).join(""));
}

export interface CheckOptions {
  /** Go on with other data all the same. */
  readonly accept: boolean;
  /** Ids of pictures that may have changed or gone: the run could not use them. */
  readonly excused: ReadonlySet<string>;
}

/**
 * Compares a run's pictures and labels with those that it was started with.
 *
 * @returns what has changed, where that is fine; none where nothing has
 * @throws RocError USAGE naming what differs, with both values; CONFIG_INVALID
 */
export async function checkSamples(
  run: string,
  now: readonly SampleRecord[],
  { accept, excused }: CheckOptions,
): Promise<string[]> {
  const file = join(run, SAMPLES_FILE);
  const remedy = `Give the same data to resume, --accept-changed-data to resume with them as they are now, or --fresh.`;
  const text = await ifThere(readText(file));
  if (text === undefined && accept) return [`${file} is missing: what has changed is not known`];
  if (text === undefined) {
    throw new RocError("FILE_NOT_FOUND", `${file}, which says what the run was started with, is missing. ${remedy}`);
  }
  const before = text.trimEnd().split("\n").map((line, i) => parseRecord(line, `${file}, line ${i + 1}`, remedy)); // prettier-ignore
  const found = changes(before, now);
  const [fine, other] = [found.filter(({ id }) => excused.has(id)), found.filter(({ id }) => !excused.has(id))];
  // One that is gone may make others change their part.
  const follows = other.length <= fine.length && other.every(({ moved }) => moved);
  if (other.length === 0 || follows || accept) return found.map(({ text }) => text);
  const listed = other.slice(0, LISTED).map(({ text }) => text);
  const more = other.length > LISTED ? `; and ${other.length - LISTED} more` : "";
  throw new RocError("USAGE", `${run} was started with other data: ${listed.join("; ")}${more}. ${remedy}`);
}

function parseRecord(line: string, where: string, remedy: string): SampleRecord {
  const checked = recordSchema.safeParse(parseJson(line, where, { remedy }));
  if (checked.success) return checked.data;
  throw new RocError("CONFIG_INVALID", `${where} is not as this program writes it. ${remedy}`);
}

interface Change {
  readonly id: string;
  readonly text: string;
  /** Only its part is another one, or it was in none or is in none. */
  readonly moved: boolean;
}

function changes(before: readonly SampleRecord[], now: readonly SampleRecord[]): Change[] {
  const old = keyed(before);
  const found: Change[] = [];
  for (const [key, record] of keyed(now)) {
    const was = old.get(key);
    old.delete(key);
    found.push(...changesOf(was, record));
  }
  for (const { id } of old.values()) found.push({ id, text: `picture ${id} is gone`, moved: false });
  if (found.length > 0 || before.every(({ id }, i) => id === now[i]?.id)) return found;
  return [{ id: "", text: "the order of the pictures is another one", moved: false }];
}

/** By id; rows that share one by their number. */
function keyed(records: readonly SampleRecord[]): Map<string, SampleRecord> {
  const counts = new Map<string, number>();
  return new Map(
    records.map((record) => {
      const count = counts.get(record.id) ?? 0;
      counts.set(record.id, count + 1);
      return [`${count} ${record.id}`, record];
    }),
  );
}

function changesOf(was: SampleRecord | undefined, now: SampleRecord): Change[] {
  const { id } = now;
  if (was === undefined) return [{ id, text: `picture ${id} is new`, moved: true }];
  const texts = [
    ...(was.score === now.score ? [] : [`the score of ${id} was ${was.score}, now ${now.score}`]),
    ...(was.labels === now.labels
      ? []
      : [`votes, attributes or comments of ${id} were ${was.labels}, now ${now.labels}`]),
    ...(was.bytes === now.bytes
      ? was.head !== undefined && now.head !== undefined && was.head !== now.head
        ? [`the picture ${id} began with ${was.head}, now with ${now.head}`]
        : []
      : [`the picture ${id} had ${bytesText(was)}, now ${bytesText(now)}`]),
  ];
  const moved = was.part !== now.part;
  if (texts.length > 0) return [{ id, text: texts.join(", "), moved: false }];
  return moved ? [{ id, text: `picture ${id} was for ${was.part}, now for ${now.part}`, moved }] : [];
}

function bytesText({ bytes }: SampleRecord): string {
  return bytes === null ? "no file" : `${bytes} bytes`;
}

const UNUSABLE_FILE = /^unusable(-\d+)?\.jsonl$/;

export function isUnusableFile(name: string): boolean {
  return UNUSABLE_FILE.test(name);
}

const unusableSchema = z.looseObject({ id: z.string() });

/** Keeps the names of pictures that could not be used; each process has a file of its own. */
export async function writeUnusable(run: string, rank: number, pictures: readonly UnusablePicture[]): Promise<void> {
  if (pictures.length === 0) return;
  const file = join(run, rank === 0 ? "unusable.jsonl" : `unusable-${rank}.jsonl`);
  const lines = ((await ifThere(readText(file))) ?? "").split("\n").filter((line) => line !== "");
  const all = new Set([...lines, ...pictures.map((picture) => JSON.stringify(picture))]);
  await atomicWriteFile(file, [...all].map((line) => `${line}\n`).join(""));
}

/** Ids of the pictures of `unusable.jsonl`, of all processes. @param names entries of the run folder */
export async function readUnusable(run: string, names: readonly string[]): Promise<Set<string>> {
  const ids = new Set<string>();
  for (const file of names.filter(isUnusableFile).map((name) => join(run, name))) {
    const remedy = "Delete it, or write it as it was.";
    for (const [i, line] of (await readText(file)).split("\n").entries()) {
      if (line === "") continue;
      const { data } = unusableSchema.safeParse(parseJson(line, `${file}, line ${i + 1}`, { remedy }));
      if (!data) throw new RocError("CONFIG_INVALID", `${file}, line ${i + 1}: id is missing. ${remedy}`);
      ids.add(data.id);
    }
  }
  return ids;
}
