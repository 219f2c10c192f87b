/** Records of pictures: those that a checkpoint was trained on, or calibrated on, so that an evaluation on them is noticed. */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { atomicWriteJson, ifThere, readJsonAs } from "../files/index.js";
import type { Sample } from "./types.js";

const TRAINED_ON = "training_data.json";
const DIGITS = 8;
/** Files inspected concurrently. */
const AT_ONCE = 64;

const trainedSchema = z.object({
  /** Hexadecimal digests of name and size of the pictures, eight digits each, concatenated. */
  pictures: z.string(),
});

/** Records in a checkpoint the pictures it was trained on. @param sizes of their files, null where unknown */
export async function writeTrainedOn(
  checkpoint: string,
  pictures: readonly Sample[],
  sizes: readonly { readonly bytes: number | null }[],
): Promise<void> {
  const digests = pictures.map(({ image }, i) => nameDigest(image, sizes[i]?.bytes ?? null));
  await atomicWriteJson(join(checkpoint, TRAINED_ON), { pictures: joined(digests) });
}

/** A record of pictures, as {@link recordedIn} reads it. */
export async function recordOf(images: readonly string[]): Promise<string> {
  const digests: string[] = [];
  for await (const [, digest] of digestsOf(images)) digests.push(digest);
  return joined(digests);
}

function joined(digests: readonly string[]): string {
  return digests.toSorted().join("");
}

/** Those of the given pictures that a checkpoint was trained on; none where it has no record. @throws RocError CONFIG_INVALID */
export async function trainedOn(checkpoint: string, images: readonly string[]): Promise<Set<string>> {
  const found = await ifThere(readJsonAs(join(checkpoint, TRAINED_ON), trainedSchema));
  return found ? recordedIn(found.pictures, images) : new Set();
}

/** Those of the given pictures that a record has. */
export async function recordedIn(record: string, images: readonly string[]): Promise<Set<string>> {
  const known = new Set(record.match(new RegExp(`.{${DIGITS}}`, "g")));
  const seen = new Set<string>();
  for await (const [image, digest] of digestsOf(images)) if (known.has(digest)) seen.add(image);
  return seen;
}

async function* digestsOf(images: readonly string[]): AsyncGenerator<readonly [image: string, digest: string]> {
  for (let start = 0; start < images.length; start += AT_ONCE) {
    const some = images.slice(start, start + AT_ONCE);
    const sizes = await Promise.all(some.map(sizeOf));
    for (const [i, image] of some.entries()) yield [image, nameDigest(image, sizes[i] ?? null)];
  }
}

/** Number of the given pictures that {@link trainedOn} finds. @throws RocError CONFIG_INVALID */
export async function countTrainedOn(checkpoint: string, images: readonly string[]): Promise<number> {
  const seen = await trainedOn(checkpoint, images);
  return images.filter((image) => seen.has(image)).length;
}

/** Equal for the same picture in another copy of the data set. */
function nameDigest(image: string, bytes: number | null): string {
  return createHash("sha256")
    .update(`${basename(image)} ${bytes}`)
    .digest("hex")
    .slice(0, DIGITS);
}

/** Size of a file in bytes; null where it cannot be read. */
export async function sizeOf(file: string): Promise<number | null> {
  return stat(file).then(
    ({ size }) => size,
    () => null,
  );
}
