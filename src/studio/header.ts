/** `studio.json`: the recipe, the tables behind the labels, and one line per picture with its composition. */
import { voteStatistics } from "../data/ava.js";
import { AADB_RULES, COLOUR_RULE, PARA_RULES, SCENE_REPETITION } from "./attributes.js";
import { settingOf, SUBJECTS, subjectOf } from "./facts.js";
import { FACTORS, SCENE_LACKS } from "./factors.js";
import { PATTERN_RULE } from "./patterns.js";
import { drawnForTest, type Picture, type StudioPictures } from "./pictures.js";
import type { StudioRecipe } from "./recipe.js";

const PROVENANCE = "Synthetic photographs, composed and rated by roc4mllm's studio; nobody's picture, nobody's vote.";

/** The header of AVA's format without patterns, in the original format of `writeStudio`. */
export function plainHeader(recipe: StudioRecipe, { pictures, options }: StudioPictures): string {
  const described = pictures.map(({ id, index, composition, votes }) => {
    const { scene, aspect, merits, sides, latent } = composition;
    const { count, mean, std } = voteStatistics(votes);
    const test = drawnForTest(options.seed, index, options.testFraction);
    return { id, scene, aspect, merits, sides, latent, raters: count, mean, std, test };
  });
  return headerText({ provenance: PROVENANCE, recipe, factors: FACTORS, lacks: SCENE_LACKS }, described);
}

/** The header of any other format: also the attribute rules and the path of each image. */
export function formatHeader(recipe: StudioRecipe, studio: StudioPictures, images: readonly string[]): string {
  const described = studio.pictures.map((picture) => describe(picture, images[picture.index] ?? ""));
  const tables = { factors: FACTORS, lacks: SCENE_LACKS, patterns: PATTERN_RULE, subjects: SUBJECTS };
  const rules = { aadb: AADB_RULES, para: PARA_RULES, colour: COLOUR_RULE, sceneRepetition: SCENE_REPETITION };
  return headerText({ provenance: PROVENANCE, recipe, ...tables, rules }, described);
}

function describe({ id, composition, votes, set }: Picture, image: string): object {
  const { scene, aspect, merits, sides, patterns, latent } = composition;
  const facts = { subject: subjectOf(composition), setting: settingOf(composition) };
  const { count, mean, std } = voteStatistics(votes);
  return {
    id,
    image,
    ...(set !== undefined && { set }),
    scene,
    ...facts,
    aspect,
    merits,
    sides,
    patterns,
    latent,
    raters: count,
    mean,
    std,
  };
}

function headerText(head: object, pictures: readonly object[]): string {
  const rows = pictures.map((picture) => JSON.stringify(picture));
  return `${JSON.stringify(head, null, 1).slice(0, -2)},\n "pictures": [\n${rows.join(",\n")}\n]}\n`;
}
