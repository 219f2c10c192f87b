import { SPAQ_ATTRIBUTES, SPAQ_FILES, SPAQ_LABELS, SPAQ_NAME, SPAQ_SCENES } from "../../data/spaq.js";
import type { SceneName } from "../factors.js";
import type { Picture, StudioPictures } from "../pictures.js";
import { rateSpaq } from "../ratings.js";
import type { LabelFiles, StudioFormat } from "./types.js";
import { workbook } from "./xlsx.js";

const DECIMALS = 4;
/** SPAQ's scene of each of the studio's. */
const SCENES: Readonly<Record<SceneName, (typeof SPAQ_SCENES)[number]>> = {
  landscape: "Landscape",
  "still-life": "Still-life",
  portrait: "Human",
  architecture: "Cityscape",
  abstract: "Others",
};

/** SPAQ: two workbooks in `Annotations/`, `TestImage/<id>.jpg`. It has no split, as officially; the adapter draws one. */
export const spaqFormat: StudioFormat = {
  owns: [SPAQ_LABELS, "TestImage"],
  imagesOf: ({ pictures }) => pictures.map((picture) => `TestImage/${nameOf(picture)}`),
  labels,
};

function nameOf({ id }: Picture): string {
  return `${id}.jpg`;
}

function labels({ pictures, raters }: StudioPictures): LabelFiles {
  const rounded = (value: number): number => Number(value.toFixed(DECIMALS));
  const scores = pictures.map((picture) => {
    const { score, attributes } = rateSpaq(picture.composition, raters);
    const values = [score, ...SPAQ_ATTRIBUTES.map((name) => attributes[name])];
    return [nameOf(picture), ...values.map(({ mean }) => rounded(mean))];
  });
  const scenes = pictures.map((picture) => {
    const own = SCENES[picture.composition.scene];
    return [nameOf(picture), ...SPAQ_SCENES.map((name) => Number(name === own))];
  });
  return {
    [`${SPAQ_LABELS}/${SPAQ_FILES.scores}.xlsx`]: workbook([[SPAQ_NAME, "MOS", ...SPAQ_ATTRIBUTES], ...scores]),
    [`${SPAQ_LABELS}/${SPAQ_FILES.scenes}.xlsx`]: workbook([[SPAQ_NAME, ...SPAQ_SCENES], ...scenes]),
  };
}
