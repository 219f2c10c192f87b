/** Reads a studio back: AVA's files, and from `studio.json` the composed factors as attribute ratings. */
import { join } from "node:path";
import { z } from "zod";
import { readJsonAs } from "../files/index.js";
import type { Sample } from "./types.js";
import { AVA_SCALE, readAva, type AvaDataset, type AvaOptions } from "./ava.js";

const headerSchema = z.object({
  pictures: z.array(
    z.object({ id: z.string(), scene: z.string().optional(), merits: z.record(z.string(), z.number().min(0).max(1)) }),
  ),
});

/**
 * A studio as {@link readAva} reads it, with `attributes` for every sample: the merits of its scene's factors, on the
 * scale 1..10 of the votes; the scene is its theme.
 *
 * @throws RocError DATA_INVALID naming `studio.json`, FILE_NOT_FOUND, and those of {@link readAva}
 */
export async function readStudio(folder: string, options: AvaOptions = {}): Promise<AvaDataset> {
  const data = await readAva(folder, options);
  const facts = await readFacts(join(folder, "studio.json"));
  const lost = new Set(data.missing);
  const [samples, missing]: [Sample[], Sample[]] = [[], []];
  const rated = (data.rated ?? []).map((sample) => {
    const found = facts.get(sample.id);
    const known = found === undefined ? sample : { ...sample, ...found };
    (lost.has(sample) ? missing : samples).push(known);
    return known;
  });
  return { ...data, name: "studio", samples, missing, rated };
}

async function readFacts(file: string): Promise<Map<string, Pick<Sample, "attributes" | "theme">>> {
  const remedy = "Write the folder with the studio again.";
  const header = await readJsonAs(file, headerSchema, { invalid: "DATA_INVALID", remedy });
  const { min, max } = AVA_SCALE;
  const rating = ([name, merit]: [string, number]): [string, number] => [name, min + merit * (max - min)];
  return new Map(
    header.pictures.map(({ id, scene, merits }) => {
      const attributes = Object.fromEntries(Object.entries(merits).map(rating));
      return [id, { attributes, ...(scene !== undefined && { theme: scene }) }];
    }),
  );
}
