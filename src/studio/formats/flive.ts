import { FLIVE_FILES, FLIVE_PATCHES } from "../../data/flive.js";
import { drawParts, type Picture, type StudioPictures } from "../pictures.js";
import { rateFlive } from "../ratings.js";
import { fixed, lines, type LabelFiles, type StudioFormat } from "./types.js";

/** Decimals of the official files. */
const DECIMALS = 8;
/** Officially 20 % of the pictures up to 640 pixels. */
const VALIDATION = 0.2;
/** Named without < and >, which some file systems refuse, as the authors' repository has them. */
const [ALL, SMALL, LARGE] = [FLIVE_FILES.all[0], FLIVE_FILES.small[1], FLIVE_FILES.large[1]];

/** FLIVE: the list of all pictures, that of the training and validation parts with `is_valid`, that of the test part. */
export const fliveFormat: StudioFormat = {
  owns: [ALL, SMALL, LARGE, "database"],
  imagesOf: ({ pictures }) => pictures.map((picture) => `database/${nameOf(picture)}`),
  labels,
};

function nameOf({ id }: Picture): string {
  return `voc_emotic_ava/AVA__${id}.jpg`;
}

function labels({ options, pictures, raters }: StudioPictures): LabelFiles {
  const parts = drawParts(options, VALIDATION);
  const rated = pictures.map((picture) => {
    const { score, patches } = rateFlive(picture.composition, raters);
    return { name: nameOf(picture), mos: fixed(score.mean, DECIMALS), patches: patches.map(({ mean }) => fixed(mean, DECIMALS)), part: parts[picture.index] }; // prettier-ignore
  });
  const columns = [...FLIVE_PATCHES, "mos_image", "name_image"];
  const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
    lines([header, ...rows].map((cells) => cells.join(",")));
  const tested = rated.filter(({ part }) => part === "test");
  const others = rated.filter(({ part }) => part !== "test");
  return {
    [ALL]: table(["name", "mos"], rated.map(({ name, mos }) => [name, mos])), // prettier-ignore
    [SMALL]: table(
      [...columns, "is_valid"],
      others.map(({ name, mos, patches, part }) => [...patches, mos, name, part === "validation" ? "True" : "False"]),
    ),
    [LARGE]: table(columns, tested.map(({ name, mos, patches }) => [...patches, mos, name])), // prettier-ignore
  };
}
