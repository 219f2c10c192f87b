/** The recipe of a studio folder: what determines every byte of it. It heads `studio.json`. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { RocError } from "../errors.js";
import { ifThere, readJsonAs } from "../files/index.js";
import { STUDIO_FORMATS, type StudioFormatName } from "./formats/index.js";
import { JPEG_QUALITY } from "./render.js";
import type { PictureOptions } from "./pictures.js";

/** Increased whenever a seed gives different pictures or votes than before. */
export const STUDIO_VERSION = 2;
/** Increased whenever a seed gives different labels (ratings, attributes, comments, parts) than before. */
export const LABELS_VERSION = 1;
export const HEADER = "studio.json";

/**
 * What determines every byte of a studio folder: the head of `studio.json`.
 *
 * @category Data sets
 */
export interface StudioRecipe {
  /** Identifies the format of the file. */
  readonly format: "roc4mllm-studio";
  /** Increased whenever a seed gives different pictures or votes than before. */
  readonly version: number;
  /** Of everything that is drawn. */
  readonly seed: string | number;
  /** Number of pictures. */
  readonly count: number;
  /** Pixels of the long edge. */
  readonly longEdge: number;
  /** Probability of a picture to be in the test part, in [0, 1]. */
  readonly testFraction: number;
  /** Of the JPEG files, 1 to 100. */
  readonly jpegQuality: number;
  /** What drew the pictures, with its version. */
  readonly renderer: string;
  /** In whose official files it is; absent in AVA's without patterns. */
  readonly kind?: StudioFormatName | undefined;
  /** Whether repetition and symmetry are composed. */
  readonly patterns?: boolean | undefined;
  /** Raised whenever a seed begins to give other labels. */
  readonly labels?: number | undefined;
  /** Whether pictures come in sets of one scene; absent where they do not. */
  readonly sets?: boolean | undefined;
}

const recipeSchema: z.ZodType<StudioRecipe> = z.object({
  format: z.literal("roc4mllm-studio"),
  version: z.number(),
  seed: z.union([z.string(), z.number()]),
  count: z.number(),
  longEdge: z.number(),
  testFraction: z.number(),
  jpegQuality: z.number(),
  renderer: z.string(),
  kind: z.enum(STUDIO_FORMATS).optional(),
  patterns: z.boolean().optional(),
  labels: z.number().optional(),
  sets: z.boolean().optional(),
});

/** Options of a studio's pictures. */
export interface RecipeOptions {
  /** Default 0. */
  readonly seed?: string | number;
  /** Number of pictures, at least 1. */
  readonly count: number;
  /** Pixels of the long edge, 32..1024. Default 160. */
  readonly longEdge?: number;
  /** Probability of a picture to be in the test part, in [0, 1]. Default 0.1. */
  readonly testFraction?: number;
  /** Compose sets of two to eight pictures of one scene, each with other luck: for the format csv alone. Default false. */
  readonly sets?: boolean;
}

/** The recipe of AVA's format without patterns. @throws RocError USAGE for options out of range */
export function recipeOf({ seed = 0, count, longEdge = 160, testFraction = 0.1 }: RecipeOptions): StudioRecipe {
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

/** The recipe of any format. */
export function formatRecipe(kind: StudioFormatName, patterns: boolean, options: RecipeOptions): StudioRecipe {
  const recipe = { ...recipeOf(options), kind, patterns, labels: LABELS_VERSION };
  if (!options.sets) return recipe;
  if (kind === "csv") return { ...recipe, sets: true };
  throw new RocError("USAGE", `The files of ${kind} have no sets; give the format csv alone.`);
}

/** The options that determine the pictures and labels of a recipe. */
export function pictureOptions({ seed, count, testFraction, patterns = false, sets }: StudioRecipe): PictureOptions {
  return { seed, count, testFraction, patterns, ...(sets && { sets }) };
}

/** The canvas library with its version: versions differ slightly in edges and JPEG encoding. */
function rendererName(): string {
  const file = z.object({ name: z.string(), version: z.string() });
  const { name, version } = file.parse(
    JSON.parse(readFileSync(new URL(import.meta.resolve("@napi-rs/canvas/package.json")), "utf8")),
  );
  return `${name} ${version}`;
}

/**
 * The recipe that a header file states; undefined where there is no such file.
 * @throws RocError FILE_UNREADABLE; DATA_INVALID where it is not a header: the folder's content is then unknown
 */
export async function recipeIn(file: string): Promise<StudioRecipe | undefined> {
  const remedy = "Restore it, or write the studio to another folder.";
  return (await ifThere(readJsonAs(file, z.object({ recipe: recipeSchema }), { remedy, invalid: "DATA_INVALID" })))
    ?.recipe;
}
