import { AVA_LABELS, AVA_TEST_LIST, formatAvaRow } from "../../data/ava.js";
import type { SceneName } from "../factors.js";
import { drawParts, type StudioPictures } from "../pictures.js";
import { lines, plainImages, type LabelFiles, type StudioFormat } from "./types.js";

/** AVA's own tag ids (its tags.txt). */
const TAGS: Readonly<Record<SceneName, number>> = {
  abstract: 1,
  landscape: 14,
  portrait: 17,
  "still-life": 18,
  architecture: 20,
};

/** AVA: `AVA.txt`, the test list, `images/<id>.jpg`. */
export const avaFormat: StudioFormat = {
  owns: [AVA_LABELS, AVA_TEST_LIST, "images"],
  imagesOf: plainImages,
  labels: (studio) => {
    const parts = drawParts(studio.options);
    return avaLabels(studio, (index) => parts[index] === "test");
  },
};

/** AVA's two label files. */
export function avaLabels({ pictures }: StudioPictures, inTest: (index: number) => boolean): LabelFiles {
  const rows = pictures.map(({ id, votes, composition, index }) =>
    formatAvaRow({ index: index + 1, id, votes, tags: [TAGS[composition.scene], 0], challenge: 1 }),
  );
  const testIds = pictures.filter(({ index }) => inTest(index)).map(({ id }) => id);
  return { [AVA_TEST_LIST]: lines(testIds), [AVA_LABELS]: lines(rows) };
}
