/**
 * PARA (Yang et al., CVPR 2022) in its official files: `annotation/PARA-GiaaTrain.csv` and `PARA-GiaaTest.csv`, one row
 * per picture with means, standard deviations and vote counts; images are `imgs/{sessionId}/{imageName}`.
 */
import { join } from "node:path";
import { assemble, type Rated } from "./assemble.js";
import { firstExisting, slashed } from "./files.js";
import { readTable, type Row, type Table } from "./table.js";
import type { LoadedDataset, ReaderOptions, ScoreScale } from "./types.js";

export const PARA_SCALE: ScoreScale = { min: 1, max: 5 };
export const PARA_SCORE = "aestheticScore";
/** The attributes, named as in the columns `<name>_mean` and `<name>_std`. */
export const PARA_ATTRIBUTES = ["compositionScore", "colorScore", "dofScore", "lightScore", "contentScore"] as const;
export const PARA_FILES = { train: "PARA-GiaaTrain.csv", test: "PARA-GiaaTest.csv" } as const;
/** The folder of the label files, relative to the data set's. */
export const PARA_LABELS = "annotation";

const IMAGE_FOLDERS = ["imgs", "images"];
const REMEDY = "Compare it with PARA's official file.";
const COLUMNS = ["sessionId", "imageName", `${PARA_SCORE}_mean`, ...PARA_ATTRIBUTES.map((name) => `${name}_mean`)];

/**
 * Reads PARA: the official split, means as scores, the votes for 1.0, 1.5, ... 5.0 where the file has them, scenes as
 * themes. An id is `sessionId/imageName` without the image's extension, which some copies of the files omit.
 *
 * @throws RocError FILE_NOT_FOUND or DATA_INVALID, naming file, line and column
 */
export async function readPara(folder: string, options: ReaderOptions = {}): Promise<LoadedDataset> {
  const rated: Rated[] = [];
  const notes: string[] = [];
  for (const split of ["train", "test"] as const) {
    const candidates = [join(folder, PARA_LABELS, PARA_FILES[split]), join(folder, PARA_FILES[split])];
    const file = (await firstExisting(candidates)) ?? join(folder, PARA_LABELS, PARA_FILES[split]);
    const { nonFinite } = options;
    const table = await readTable(file, { columns: COLUMNS, remedy: REMEDY, notes, ...(nonFinite && { nonFinite }) });
    const voteColumns = voteColumnsOf(table);
    rated.push(...table.rows.map((row) => ratedPara(row, split, voteColumns)));
  }
  return { name: "PARA", scale: PARA_SCALE, ...(await assemble(rated, folder, IMAGE_FOLDERS, options, notes)), notes };
}

/** The columns of the vote counts in ascending order, if they are evenly spaced over the scale; otherwise none. */
function voteColumnsOf({ columns }: Table): string[] {
  const found = columns.flatMap((column) => {
    const [, rating] = /^aestheticScore_(\d+(?:\.\d+)?)$/i.exec(column) ?? [];
    return rating === undefined ? [] : [{ column, rating: Number(rating) }];
  });
  found.sort((a, b) => a.rating - b.rating);
  const { min, max } = PARA_SCALE;
  const step = (max - min) / (found.length - 1);
  const even = found.length > 1 && found.every(({ rating }, i) => Math.abs(rating - (min + i * step)) < 1e-9);
  return even ? found.map(({ column }) => column) : [];
}

function ratedPara(row: Row, split: "train" | "test", voteColumns: readonly string[]): Rated {
  const session = slashed(row.text("sessionId"));
  const name = slashed(row.text("imageName"));
  const stem = name.replace(/\.jpe?g$/i, "");
  const std = row.optionalNumber(`${PARA_SCORE}_std`);
  const votes = voteColumns.map((column) => row.number(column));
  const theme = row.find("semantic") ?? "";
  const attributeStds = columnsOf(row, "std");
  return {
    id: `${session}/${stem}`,
    files: [...new Set([name, `${stem}.jpg`])].map((file) => `${session}/${file}`),
    score: row.number(`${PARA_SCORE}_mean`),
    ...(std !== undefined && { std }),
    ...(votes.length > 0 && { votes }),
    attributes: columnsOf(row, "mean"),
    ...(Object.keys(attributeStds).length > 0 && { attributeStds }),
    ...(theme !== "" && { theme }),
    split,
  };
}

function columnsOf(row: Row, ending: "mean" | "std"): Record<string, number> {
  const values: Record<string, number> = {};
  for (const name of PARA_ATTRIBUTES) {
    const column = `${name}_${ending}`;
    const value = ending === "mean" ? row.number(column) : row.optionalNumber(column);
    if (value !== undefined) values[name] = value;
  }
  return values;
}
