/** The studio's pictures as an experiment uses them: scores, AADB's attributes and all comments; one held-out part. */
import { join } from "node:path";
import { commentsOn, makePictures, writeStudioFormats } from "../../studio/index.js";
import { readDataset } from "../../data/index.js";
import type { LoadedDataset, OnProgress, Sample } from "../../data/index.js";
import { RocError } from "../../errors.js";
import type { ExperimentConfig } from "./config.js";

export interface ExperimentData extends Omit<LoadedDataset, "samples"> {
  readonly train: readonly Sample[];
  /** Held out of pre-training, too. */
  readonly test: readonly Sample[];
}

type Options = Pick<ExperimentConfig, "work" | "studio">;

function folderOf({ work }: Options): string {
  return join(work, "studio");
}

/** Composes the pictures where they are not there yet. */
export async function composeData(
  config: Options,
  { onProgress, signal }: { onProgress?: OnProgress; signal?: AbortSignal } = {},
): Promise<void> {
  const { seed, pictures: count, longEdge, testFraction } = config.studio;
  const callbacks = { ...(onProgress && { onProgress }), ...(signal && { signal }) };
  await writeStudioFormats(folderOf(config), { formats: ["csv"], patterns: true, seed, count, longEdge, testFraction, ...callbacks }); // prettier-ignore
}

/** Reads what {@link composeData} wrote. @throws RocError USAGE where a part is empty */
export async function readData(config: Options): Promise<ExperimentData> {
  const { samples, ...dataset } = await readDataset({ folder: folderOf(config), kind: "csv" });
  const comments = allComments(config);
  const commented = samples.map((sample) => ({
    ...sample,
    comments: comments.get(sample.id) ?? sample.comments ?? [],
  }));
  const test = commented.filter(({ split }) => split === "test").slice(0, config.studio.mostTest);
  // Nothing is chosen by a validation.
  const train = commented.filter(({ split }) => split !== "test");
  if (train.length > 0 && test.length > 0) return { ...dataset, train, test };
  const remedy = "Raise studio.pictures, or change studio.testFraction.";
  throw new RocError("USAGE", `Of the pictures, ${train.length} are to train on and ${test.length} to test. ${remedy}`);
}

/** What several people say of each picture; the file holds one of their comments. */
function allComments({ studio: { seed, pictures: count, testFraction } }: Options): Map<string, readonly string[]> {
  const { pictures, raters } = makePictures({ seed, count, testFraction, patterns: true });
  return new Map(pictures.map(({ id, composition }) => [id, commentsOn(composition, raters)]));
}
