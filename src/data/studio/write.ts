/**
 * Writes a studio as a folder in AVA's own format:
 *
 *     AVA.txt  aesthetics_image_lists/generic_test.jpgl  images/<id>.jpg  studio.json
 *
 * Pictures are written first, the test list and the labels next, `studio.json` last, each under a temporary name and
 * renamed: a folder with a `studio.json` is whole. A stopped run is taken up where it stopped.
 */
import { readFileSync } from "node:fs";
import { access, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { RocError } from "../../errors.js";
import { AVA_LABELS, AVA_TEST_LIST, formatAvaRow, voteStatistics } from "../ava.js";
import { Random } from "../random.js";
import type { OnProgress } from "../types.js";
import { compose, FACTORS, SCENE_LACKS, type Composition, type SceneName } from "./factors.js";
import { makeRaters, votesOn, type Rater } from "./raters.js";
import { encodePhoto, JPEG_QUALITY } from "./render.js";

/** Raised whenever a seed begins to give other pictures or votes. */
export const STUDIO_VERSION = 2;
const HEADER = "studio.json";
const PENDING = "studio.pending.json";
const FIRST_ID = 100_001;
/** Pictures encoded at a time; the canvas encodes on Node's own threads. */
const AT_ONCE = 4;

/** AVA's own tag ids (its tags.txt). */
const TAGS: Readonly<Record<SceneName, number>> = {
  abstract: 1,
  landscape: 14,
  portrait: 17,
  "still-life": 18,
  architecture: 20,
};

const recipeSchema = z.object({
  format: z.literal("roc4mllm-studio"),
  version: z.number(),
  seed: z.union([z.string(), z.number()]),
  count: z.number(),
  longEdge: z.number(),
  testFraction: z.number(),
  jpegQuality: z.number(),
  renderer: z.string(),
});

/** What determines every byte of a studio folder: the head of `studio.json`. */
export type StudioRecipe = Readonly<z.infer<typeof recipeSchema>>;

export interface WriteStudioOptions {
  /** Default 0. */
  readonly seed?: string | number;
  /** Number of pictures, at least 1. */
  readonly count: number;
  /** Pixels of the long edge, 32..1024. Default 160. */
  readonly longEdge?: number;
  /** Chance of a picture to be in the test part, in [0, 1]. Default 0.1. */
  readonly testFraction?: number;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

export interface WrittenStudio {
  readonly folder: string;
  readonly recipe: StudioRecipe;
  /** Pictures rendered in this call: 0 where the folder held the same recipe, less than `count` after a resume. */
  readonly rendered: number;
}

/**
 * Writes a studio, resumes a stopped one, or finds that the folder already holds it.
 *
 * @throws RocError USAGE for options out of range or a folder with somebody else's labels, ABORTED on the signal
 */
export async function writeStudio(folder: string, options: WriteStudioOptions): Promise<WrittenStudio> {
  const recipe = recipeOf(options);
  const { onProgress, signal } = options;
  if (isDeepStrictEqual(await recipeIn(join(folder, HEADER)), recipe)) {
    onProgress?.(recipe.count, recipe.count);
    return { folder, recipe, rendered: 0 };
  }
  await prepare(folder, recipe);
  const pictures = picturesOf(recipe);
  const rendered = await writeImages(folder, recipe, pictures, onProgress, signal);
  await writeLabels(folder, recipe, pictures);
  return { folder, recipe, rendered };
}

interface Picture {
  readonly id: string;
  readonly composition: Composition;
  readonly votes: readonly number[];
  readonly test: boolean;
}

function recipeOf({ seed = 0, count, longEdge = 160, testFraction = 0.1 }: WriteStudioOptions): StudioRecipe {
  const refuse = (what: string): never => {
    throw new RocError("USAGE", `A studio cannot be made: ${what}.`);
  };
  if (!Number.isInteger(count) || count < 1) refuse(`count is ${count}, give a whole number from 1`);
  if (!Number.isInteger(longEdge) || longEdge < 32 || longEdge > 1024)
    refuse(`longEdge is ${longEdge}, give 32 to 1024`);
  if (!(testFraction >= 0 && testFraction <= 1)) refuse(`testFraction is ${testFraction}, give 0 to 1`);
  const version = STUDIO_VERSION;
  const made = { jpegQuality: JPEG_QUALITY, renderer: rendererName() };
  return { format: "roc4mllm-studio", version, seed, count, longEdge, testFraction, ...made };
}

/** The canvas library with its version: another version draws edges and codes JPEG a little differently. */
function rendererName(): string {
  const file = z.object({ name: z.string(), version: z.string() });
  const { name, version } = file.parse(
    JSON.parse(readFileSync(new URL(import.meta.resolve("@napi-rs/canvas/package.json")), "utf8")),
  );
  return `${name} ${version}`;
}

/** The recipe that a header file states, if there is one. */
async function recipeIn(file: string): Promise<StudioRecipe | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return z.object({ recipe: recipeSchema }).parse(JSON.parse(text)).recipe;
  } catch {
    return undefined;
  }
}

/** Leaves a folder with `studio.pending.json` and, unless it holds a part of this very recipe, without pictures. */
async function prepare(folder: string, recipe: StudioRecipe): Promise<void> {
  const ours = (await exists(join(folder, HEADER))) || (await exists(join(folder, PENDING)));
  if (!ours && ((await exists(join(folder, AVA_LABELS))) || (await exists(join(folder, "images"))))) {
    throw new RocError("USAGE", `${folder} holds a data set that no studio wrote; choose another folder.`);
  }
  const resumes = isDeepStrictEqual(await recipeIn(join(folder, PENDING)), recipe);
  if (!resumes) {
    await mkdir(folder, { recursive: true });
    await writeAtomically(join(folder, PENDING), JSON.stringify({ recipe }));
    for (const old of [HEADER, AVA_LABELS, AVA_TEST_LIST, "images"]) {
      await rm(join(folder, old), { recursive: true, force: true });
    }
  }
  await mkdir(join(folder, "images"), { recursive: true });
}

function picturesOf({ seed, count, testFraction }: StudioRecipe): Picture[] {
  const raters = makeRaters(seed);
  return Array.from({ length: count }, (_, index) => pictureOf(seed, index, testFraction, raters));
}

function pictureOf(seed: string | number, index: number, testFraction: number, raters: readonly Rater[]): Picture {
  const composition = compose(seed, index);
  return {
    id: String(FIRST_ID + index),
    composition,
    votes: votesOn(seed, index, composition.latent, raters),
    test: new Random(seed, index, "test").chance(testFraction),
  };
}

async function writeImages(
  folder: string,
  recipe: StudioRecipe,
  pictures: readonly Picture[],
  onProgress: OnProgress | undefined,
  signal: AbortSignal | undefined,
): Promise<number> {
  let [next, done, rendered] = [0, 0, 0];
  const work = async (): Promise<void> => {
    for (let picture = pictures[next++]; picture; picture = pictures[next++]) {
      if (signal?.aborted) throw new RocError("ABORTED", `Stopped after ${done} of ${pictures.length} pictures.`);
      const file = join(folder, "images", `${picture.id}.jpg`);
      if (!(await exists(file))) {
        await writeAtomically(file, await encodePhoto(picture.composition, recipe.longEdge));
        rendered++;
      }
      onProgress?.(++done, pictures.length);
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  for (const worker of workers) if (worker.status === "rejected") throw worker.reason;
  return rendered;
}

async function writeLabels(folder: string, recipe: StudioRecipe, pictures: readonly Picture[]): Promise<void> {
  const rows = pictures.map(({ id, votes, composition }, i) =>
    formatAvaRow({ index: i + 1, id, votes, tags: [TAGS[composition.scene], 0], challenge: 1 }),
  );
  const testIds = pictures.filter((picture) => picture.test).map(({ id }) => id);
  await mkdir(dirname(join(folder, AVA_TEST_LIST)), { recursive: true });
  await writeAtomically(join(folder, AVA_TEST_LIST), lines(testIds));
  await writeAtomically(join(folder, AVA_LABELS), lines(rows));
  await writeAtomically(join(folder, HEADER), headerText(recipe, pictures));
  await rm(join(folder, PENDING), { force: true });
}

/** `studio.json`: the recipe, the tables behind the latent quality, and one line a picture. */
function headerText(recipe: StudioRecipe, pictures: readonly Picture[]): string {
  const provenance = "Synthetic photographs, composed and rated by roc4mllm's studio; nobody's picture, nobody's vote.";
  const described = pictures.map(({ id, composition, votes, test }) => {
    const { scene, aspect, merits, sides, latent } = composition;
    const { count, mean, std } = voteStatistics(votes);
    return JSON.stringify({ id, scene, aspect, merits, sides, latent, raters: count, mean, std, test });
  });
  const head = { provenance, recipe, factors: FACTORS, lacks: SCENE_LACKS };
  return `${JSON.stringify(head, null, 1).slice(0, -2)},\n "pictures": [\n${described.join(",\n")}\n]}\n`;
}

function lines(items: readonly string[]): string {
  return items.map((item) => `${item}\n`).join("");
}

async function writeAtomically(file: string, content: string | Buffer): Promise<void> {
  await writeFile(`${file}.tmp`, content);
  await rename(`${file}.tmp`, file);
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
