/** Sets of the studio as files, with what is true of their pictures. */
import { groupBy } from "../src/data/group-by.js";
import { readDataset, voteStatistics } from "../src/data/index.js";
import { makePictures, writeStudioFormats } from "../src/studio/index.js";

/** The pictures of one scene, two or more. */
export interface StudioSet {
  readonly files: readonly string[];
  /** The quality that was composed: the truth. */
  readonly latents: readonly number[];
  /** The mean of the studio's raters. */
  readonly ratings: readonly number[];
}

/** Writes the pictures of a seed into a folder, where they are not yet, as labels of the format csv; their sets in order. */
export async function writeSets(folder: string, seed: string, count: number): Promise<StudioSet[]> {
  const options = { seed, count, testFraction: 0.1, sets: true };
  await writeStudioFormats(folder, { ...options, formats: ["csv"] });
  const { samples } = await readDataset({ folder, kind: "csv" });
  const files = new Map(samples.map(({ id, image }) => [id, image]));
  const { pictures } = makePictures({ ...options, patterns: true });
  const sets = [...groupBy(pictures, ({ set }) => set).values()].filter(({ length }) => length > 1);
  return sets.map((own) => ({
    files: own.map(({ id }) => files.get(id) ?? ""),
    latents: own.map(({ composition }) => composition.latent),
    ratings: own.map(({ votes }) => voteStatistics(votes).mean),
  }));
}
