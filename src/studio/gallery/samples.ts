/** The samples of the gallery: pictures of a written studio with all labels of all formats. */
import { join } from "node:path";
import { RocError } from "../../errors.js";
import { exists } from "../../files/index.js";
import { voteStatistics } from "../../data/ava.js";
import { commentsOn } from "../comments/index.js";
import { settingOf, SUBJECTS, subjectOf } from "../facts.js";
import { FORMATS, STUDIO_FORMATS } from "../formats/index.js";
import { plainImages } from "../formats/types.js";
import { makePictures, type Picture, type StudioPictures } from "../pictures.js";
import { rateAadb, rateColour, ratePara, type AadbRatings, type ParaRatings, type Ratings } from "../ratings.js";
import { HEADER, LABELS_VERSION, pictureOptions, recipeIn, STUDIO_VERSION, type StudioRecipe } from "../recipe.js";

/** A picture with all its labels. */
export interface GallerySample {
  readonly picture: Picture;
  /** Path of the image. */
  readonly image: string;
  readonly score: { readonly mean: number; readonly std: number; readonly count: number };
  readonly colour: Ratings;
  readonly aadb: AadbRatings;
  readonly para: ParaRatings;
  readonly comments: readonly string[];
  /** "landscape: a lone tree". */
  readonly title: string;
  readonly theme: string;
}

/** A studio on disk. */
export interface FoundStudio {
  readonly folder: string;
  readonly recipe: StudioRecipe;
  readonly studio: StudioPictures;
  /** Image of each picture, relative to the folder. */
  readonly images: readonly string[];
}

/**
 * The studio in a folder, or in the first of its formats' folders. Its labels follow from the recipe.
 *
 * @throws RocError FILE_NOT_FOUND where there is no complete studio, DATA_INVALID where another version wrote it
 */
export async function findStudio(folder: string): Promise<FoundStudio> {
  for (const at of [folder, ...STUDIO_FORMATS.map((name) => join(folder, name))]) {
    const recipe = await recipeIn(join(at, HEADER));
    if (recipe !== undefined) return studioOf(at, recipe);
  }
  const remedy = "Write one: roc4mllm studio write FOLDER --format ava --count 500.";
  throw new RocError("FILE_NOT_FOUND", `${folder} holds no finished studio (no ${HEADER}). ${remedy}`);
}

function studioOf(folder: string, recipe: StudioRecipe): FoundStudio {
  const { version, labels = LABELS_VERSION, kind } = recipe;
  if (version !== STUDIO_VERSION || labels !== LABELS_VERSION) {
    const message = `${join(folder, HEADER)} was written by another version of the studio; write the folder again.`;
    throw new RocError("DATA_INVALID", message);
  }
  const studio = makePictures(pictureOptions(recipe));
  const images = kind === undefined ? plainImages(studio) : FORMATS[kind].imagesOf(studio);
  return { folder, recipe, studio, images };
}

/** `count` pictures spread evenly over the ranking by score, the best first. @throws RocError FILE_NOT_FOUND for an image */
export async function gallerySamples({ folder, studio, images }: FoundStudio, count: number): Promise<GallerySample[]> {
  const ranked = studio.pictures
    .map((picture) => ({ picture, score: voteStatistics(picture.votes) }))
    .sort((a, b) => b.score.mean - a.score.mean);
  const most = Math.min(count, ranked.length);
  const samples: GallerySample[] = [];
  for (let i = 0; i < most; i++) {
    const chosen = ranked[most === 1 ? 0 : Math.round((i * (ranked.length - 1)) / (most - 1))];
    if (chosen === undefined) continue;
    const image = join(folder, images[chosen.picture.index] ?? "");
    if (!(await exists(image))) {
      throw new RocError("FILE_NOT_FOUND", `${image} is missing; write the studio again into an empty folder.`);
    }
    samples.push(sampleOf(chosen.picture, image, studio));
  }
  return samples;
}

function sampleOf(picture: Picture, image: string, { raters }: StudioPictures): GallerySample {
  const { composition, votes } = picture;
  const { indefinite, theme } = SUBJECTS[subjectOf(composition)];
  const setting = settingOf(composition);
  return {
    picture,
    image,
    score: voteStatistics(votes),
    colour: rateColour(composition, raters),
    aadb: rateAadb(composition, raters),
    para: ratePara(composition, raters),
    comments: commentsOn(composition, raters),
    title: `${composition.scene.replace("-", " ")}: ${indefinite}${setting === undefined ? "" : `, ${setting}`}`,
    theme,
  };
}
