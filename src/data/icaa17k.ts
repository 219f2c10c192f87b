/**
 * ICAA17K (He et al., ICCV 2023) in its official files: `train.csv` and `test.csv` (in the authors' repository
 * `1train.csv` and `1test.csv`) with the columns ID, color, MOS and probability. ID is the image's path.
 */
import { join } from "node:path";
import { assemble, type Rated } from "./assemble.js";
import { firstExisting, slashed } from "./files.js";
import { readTable, type Row } from "./table.js";
import type { LoadedDataset, ReaderOptions, ScoreScale } from "./types.js";

/** The released MOS starts at 0.83, below 1; the authors' own loader divides both scores by 10. */
export const ICAA17K_SCALE: ScoreScale = { min: 0, max: 10 };
/** The names of the two files. */
export const ICAA17K_FILES = { train: ["train.csv", "1train.csv"], test: ["test.csv", "1test.csv"] } as const;
/** The columns that identify an ICAA17K file. */
export const ICAA17K_COLUMNS = ["ID", "color", "MOS"] as const;

const IMAGE_FOLDERS = ["images", "imgs", "ICAA17K", "image"];
const REMEDY = "Compare it with ICAA17K's official file (columns ID, color, MOS, probability).";

export interface Icaa17kOptions extends ReaderOptions {
  /** Which column is the score: `color` (default; the authors' validation reports it) or `MOS`. The other is an attribute. */
  readonly column?: "color" | "MOS";
}

export interface Icaa17kDataset extends LoadedDataset {
  /**
   * The `probability` of each picture by id, in [0, 1], where the column is present; it is not a rating, so not an
   * attribute.
   */
  readonly probabilities: ReadonlyMap<string, number>;
}

/**
 * Reads ICAA17K: the official split.
 *
 * @throws RocError FILE_NOT_FOUND or DATA_INVALID, naming file, line and column
 */
export async function readIcaa17k(folder: string, options: Icaa17kOptions = {}): Promise<Icaa17kDataset> {
  const probabilities = new Map<string, number>();
  const notes: string[] = [];
  const parts = (["train", "test"] as const).map(async (split) => {
    const rows = await readPart(folder, split, options, notes);
    return rows.map((row) => ratedIcaa(row, split, options, probabilities));
  });
  const rated = (await Promise.all(parts)).flat();
  const found = await assemble(rated, folder, IMAGE_FOLDERS, options, notes);
  return { name: "ICAA17K", scale: ICAA17K_SCALE, ...found, notes, probabilities };
}

async function readPart(
  folder: string,
  split: "train" | "test",
  options: Icaa17kOptions,
  notes: string[],
): Promise<readonly Row[]> {
  const candidates = ICAA17K_FILES[split].map((name) => join(folder, name));
  const file = (await firstExisting(candidates)) ?? join(folder, `${split}.csv`);
  const { nonFinite } = options;
  return (await readTable(file, { columns: ICAA17K_COLUMNS, remedy: REMEDY, notes, ...(nonFinite && { nonFinite }) }))
    .rows;
}

function ratedIcaa(
  row: Row,
  split: "train" | "test",
  { column = "color" }: Icaa17kOptions,
  probabilities: Map<string, number>,
): Rated {
  const id = slashed(row.text("ID"));
  const other = column === "color" ? "MOS" : "color";
  const probability = row.optionalNumber("probability");
  if (probability !== undefined) probabilities.set(id, probability);
  return { id, files: [id], score: row.number(column), attributes: { [other]: row.number(other) }, split };
}
