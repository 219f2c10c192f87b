/** The studio's pictures as an experiment uses them: scores, AADB's attributes and all comments; one held-out part. */
import { join } from "node:path";
import { commentsOn, makePictures, writeStudioFormats, type Picture } from "../../studio/index.js";
import { readDataset } from "../../data/index.js";
import type { LoadedDataset, OnProgress, Sample } from "../../data/index.js";
import { RocError } from "../../errors.js";
import type { ExperimentConfig } from "./config.js";

/** What a picture is composed of: merits and patterns, each in [0, 1]; of those that its scene has. */
export type Factors = Readonly<Record<string, number>>;

/** Pictures that base models learn from. */
export interface BaseData {
  readonly samples: readonly Sample[];
  /** By the sample's id. */
  readonly factors: ReadonlyMap<string, Factors>;
}

export interface ExperimentData extends Omit<LoadedDataset, "samples"> {
  readonly train: readonly Sample[];
  /** Held out of pre-training, too. */
  readonly test: readonly Sample[];
  /** Reads the base models' own pictures, which runs have no need of; without them the training part. */
  readonly base: () => Promise<BaseData>;
}

type Options = Pick<ExperimentConfig, "work" | "studio" | "pretrain">;

/** The studios of an experiment: that of the runs, and that of the base models where they have one of their own. */
interface Recipe {
  readonly folder: string;
  readonly seed: number;
  readonly count: number;
  readonly longEdge: number;
  readonly testFraction: number;
  readonly patterns: true;
  readonly sets?: boolean;
}

/** The least share of a held-out part that a studio has: nothing reads that of the base models' pictures. */
const HARDLY_ANY = 0.001;

function runRecipe({ work, studio }: Options): Recipe {
  const { seed, pictures: count, longEdge, testFraction, sets } = studio;
  return { folder: join(work, "studio"), seed, count, longEdge, testFraction, patterns: true, ...(sets && { sets }) };
}

function baseRecipe({ work, studio: { longEdge }, pretrain: { seed, pictures: count } }: Options): Recipe | undefined {
  if (count === undefined) return undefined;
  return { folder: join(work, "base-studio"), seed, count, longEdge, testFraction: HARDLY_ANY, patterns: true };
}

/** Composes the pictures where they are not there yet. @throws RocError USAGE where both studios would be the same */
export async function composeData(
  config: Options,
  { onProgress, signal }: { onProgress?: OnProgress; signal?: AbortSignal } = {},
): Promise<void> {
  const [runs, base] = [runRecipe(config), baseRecipe(config)];
  if (base && base.seed === runs.seed) {
    const remedy = "Change pretrain.seed, or the base models are shown the held-out pictures.";
    throw new RocError("USAGE", `pretrain.seed and studio.seed are both ${base.seed}. ${remedy}`);
  }
  const total = runs.count + (base?.count ?? 0);
  let before = 0;
  for (const { folder, ...recipe } of base ? [runs, base] : [runs]) {
    const start = before;
    await writeStudioFormats(folder, {
      ...{ formats: ["csv"], ...recipe },
      ...(onProgress && { onProgress: (done: number) => onProgress(start + done, total) }),
      ...(signal && { signal }),
    });
    before += recipe.count;
  }
}

/** Reads what {@link composeData} wrote. @throws RocError USAGE where a part is empty */
export async function readData(config: Options): Promise<ExperimentData> {
  const [runs, own] = [runRecipe(config), baseRecipe(config)];
  const { dataset, samples, factors } = await readStudioFolder(runs);
  const test = samples.filter(({ split }) => split === "test").slice(0, config.studio.mostTest);
  // Nothing is chosen by a validation.
  const train = samples.filter(({ split }) => split !== "test");
  if (train.length === 0 || test.length === 0) {
    const remedy = "Raise studio.pictures, or change studio.testFraction.";
    throw new RocError(
      "USAGE",
      `Of the pictures, ${train.length} are to train on and ${test.length} to test. ${remedy}`,
    );
  }
  const base = async (): Promise<BaseData> => (own ? readStudioFolder(own) : { samples: train, factors });
  return { ...dataset, train, test, base };
}

async function readStudioFolder(recipe: Recipe): Promise<BaseData & { dataset: Omit<LoadedDataset, "samples"> }> {
  const { samples, ...dataset } = await readDataset({ folder: recipe.folder, kind: "csv" });
  const { pictures, raters } = makePictures(recipe);
  // What several people say of each picture; the file holds one of their comments.
  const comments = new Map(pictures.map(({ id, composition }) => [id, commentsOn(composition, raters)]));
  const factors = new Map(pictures.map((picture) => [picture.id, factorsOf(picture)]));
  const commented = samples.map((sample) => ({
    ...sample,
    comments: comments.get(sample.id) ?? sample.comments ?? [],
  }));
  return { dataset, samples: commented, factors };
}

function factorsOf({ composition: { merits, patterns } }: Picture): Factors {
  return { ...merits, ...patterns };
}
