/**
 * AADB (Kong et al., ECCV 2016) in its official files: `imgListFiles_label/imgList<part>Regression_<name>.txt`, with one
 * line `filename value` per picture; one file for the score and one per attribute, of which there are 11.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { assemble, type Rated } from "./assemble.js";
import { exists, readError } from "../files/index.js";
import { readValues } from "./name-values.js";
import type { LoadedDataset, ReaderOptions, ScoreScale, Split } from "./types.js";

export const AADB_SCALE: ScoreScale = { min: 0, max: 1 };
export const AADB_ATTRIBUTE_SCALE: ScoreScale = { min: -1, max: 1 };
/** The attributes as the official files spell them. */
export const AADB_ATTRIBUTES = [
  ...["BalacingElements", "ColorHarmony", "Content", "DoF", "Light", "MotionBlur", "Object", "Repetition"],
  ...["RuleOfThirds", "Symmetry", "VividColor"],
] as const;
/** The folder of the label files, relative to the data set's. */
export const AADB_LABELS = "imgListFiles_label";
/** The official names of the splits. The older `Test` shares pictures with the others and is not read. */
const AADB_PARTS: Readonly<Record<Split, string>> = {
  train: "Train",
  validation: "Validation",
  test: "TestNew",
};

const IMAGE_FOLDERS = [
  ...["datasetImages_originalSize", "AADB_newtest_originalSize", "datasetImages_warp256", "AADB_newtest", "images"],
];
const REMEDY = `AADB's official label files belong there, lines "filename value".`;

/** The official name of a label file. @param name "score" or an attribute */
export function aadbLabelFile(split: Split, name: string): string {
  return `imgList${AADB_PARTS[split]}Regression_${name}.txt`;
}

/**
 * Reads AADB: the official three parts, the score in 0..1 and the attributes in -1..1. A missing attribute file is a note;
 * the three score files are required.
 *
 * @throws RocError FILE_NOT_FOUND or DATA_INVALID, naming file and line
 */
export async function readAadb(folder: string, options: ReaderOptions = {}): Promise<LoadedDataset> {
  const inside = join(folder, AADB_LABELS);
  const labels = (await exists(inside)) ? inside : folder;
  const notes: string[] = [];
  const rated: Rated[] = [];
  for (const split of ["train", "validation", "test"] as const) {
    rated.push(...(await readPart(labels, split, options, notes)));
  }
  return {
    name: "AADB",
    scale: AADB_SCALE,
    attributeScales: Object.fromEntries(AADB_ATTRIBUTES.map((name) => [name, AADB_ATTRIBUTE_SCALE])),
    ...(await assemble(rated, folder, IMAGE_FOLDERS, options, notes)),
    notes,
  };
}

async function readPart(labels: string, split: Split, options: ReaderOptions, notes: string[]): Promise<Rated[]> {
  const names = await readdir(labels).catch((cause: unknown) => {
    throw readError(labels, cause, REMEDY);
  });
  const present = new Map(names.map((name) => [name.toLowerCase(), name]));
  const scoreName = aadbLabelFile(split, "score");
  const scores = await readValues(
    join(labels, present.get(scoreName.toLowerCase()) ?? scoreName),
    options,
    notes,
    REMEDY,
  );
  const columns: [string, Map<string, number>][] = [];
  for (const attribute of AADB_ATTRIBUTES) {
    const file = present.get(aadbLabelFile(split, attribute).toLowerCase());
    if (file === undefined)
      notes.push(`No file ${aadbLabelFile(split, attribute)}: the ${split} part lacks ${attribute}.`);
    else columns.push([attribute, new Map(await readValues(join(labels, file), options, notes, REMEDY))]);
  }
  noteUnmatched(split, scores, columns, notes);
  return scores.map(([id, score]) => {
    const own = columns.map(([attribute, values]) => [attribute, values.get(id)] as const);
    const attributes: Record<string, number> = {};
    for (const [attribute, value] of own) if (value !== undefined) attributes[attribute] = value;
    const rated = Object.keys(attributes).length > 0 ? { attributes } : {};
    // File names in the folder of the new test part start with the score.
    return { id, files: [id, `${score.toFixed(3)}_${id}`], score, ...rated, split };
  });
}

/** Notes on pictures that only one of the score file and an attribute's file has. */
function noteUnmatched(
  split: Split,
  scores: readonly (readonly [string, number])[],
  columns: readonly (readonly [string, ReadonlyMap<string, number>])[],
  notes: string[],
): void {
  const scored = new Set(scores.map(([id]) => id));
  for (const [attribute, values] of columns) {
    const unscored = [...values.keys()].filter((id) => !scored.has(id)).length;
    const unrated = [...scored].filter((id) => !values.has(id)).length;
    const file = aadbLabelFile(split, attribute);
    if (unscored > 0) notes.push(`Left out, rated in ${file} but without a score: ${unscored}.`);
    if (unrated > 0) notes.push(`Pictures of the ${split} part that ${file} does not rate: ${unrated}.`);
  }
}
