/** Reads a studio back: AVA's files, and from `studio.json` the composed factors as attribute ratings. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { RocError } from "../../errors.js";
import { AVA_SCALE, readAva, type AvaDataset, type AvaOptions } from "../ava.js";

const headerSchema = z.object({
  pictures: z.array(z.object({ id: z.string(), merits: z.record(z.string(), z.number().min(0).max(1)) })),
});

/**
 * A studio as {@link readAva} reads it, every sample with `attributes`: the merits of the factors that its scene has, on
 * the scale 1..10 of the votes.
 *
 * @throws RocError DATA_INVALID naming `studio.json`, FILE_NOT_FOUND, and those of {@link readAva}
 */
export async function readStudio(folder: string, options: AvaOptions = {}): Promise<AvaDataset> {
  const data = await readAva(folder, options);
  const merits = await readMerits(join(folder, "studio.json"));
  const samples = data.samples.map((sample) => {
    const found = merits.get(sample.id);
    return found === undefined ? sample : { ...sample, attributes: found };
  });
  return { ...data, name: "studio", samples };
}

async function readMerits(file: string): Promise<Map<string, Record<string, number>>> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new RocError("FILE_NOT_FOUND", `${file} cannot be read; write the folder with the studio.`, { cause });
  });
  let header: z.infer<typeof headerSchema>;
  try {
    header = headerSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new RocError("DATA_INVALID", `${file} is no studio header; write the folder with the studio again.`, {
      cause,
    });
  }
  const { min, max } = AVA_SCALE;
  const rating = ([name, merit]: [string, number]): [string, number] => [name, min + merit * (max - min)];
  return new Map(header.pictures.map(({ id, merits }) => [id, Object.fromEntries(Object.entries(merits).map(rating))]));
}
