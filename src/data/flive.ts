/**
 * FLIVE, also LIVE-FB or PaQ-2-PiQ (Ying et al., CVPR 2020), in its official files: `labels_image.csv` (name, mos),
 * `labels<=640_padded.csv` (name_image, mos_image, mos_patch_1 to 3, is_valid) and `labels>640.csv`, the test part. Where
 * file names cannot hold < and >, the last two are `labels=640_padded.csv` and `labels640.csv`. Ratings of patches are
 * attributes; the files of single patches are not read.
 */
import { join } from "node:path";
import { RocError } from "../errors.js";
import { assemble, type Rated } from "./assemble.js";
import { firstExisting, slashed } from "./files.js";
import { drawTest } from "./split.js";
import { readTable, type Row, type Table } from "./table.js";
import type { LoadedDataset, ReaderOptions, ScoreScale, Split } from "./types.js";

export const FLIVE_SCALE: ScoreScale = { min: 0, max: 100 };
export const FLIVE_PATCHES = ["mos_patch_1", "mos_patch_2", "mos_patch_3"] as const;
/** The label files, each by its names. */
export const FLIVE_FILES = {
  all: ["labels_image.csv"],
  small: ["labels<=640_padded.csv", "labels=640_padded.csv", "labels<=640.csv"],
  large: ["labels>640.csv", "labels640.csv"],
} as const;
/** Folders of the label files, relative to the data set's. */
export const FLIVE_FOLDERS = [".", "database"] as const;

const IMAGE_FOLDERS = ["database", "images"];
/** Files of the same pictures round to other digits. */
const SAME_SCORE = 0.1;
const REMEDY = "Compare it with FLIVE's official file.";

/** What one of the files says of a picture. */
interface Entry extends Omit<Rated, "split"> {
  readonly split: Split | undefined;
}

/**
 * Reads FLIVE with the authors' split: `is_valid` and `is_test`, and the pictures above 640 pixels as the test part. Where no
 * file says it, a test part is drawn.
 *
 * @throws RocError FILE_NOT_FOUND or DATA_INVALID, naming file, line and column
 */
export async function readFlive(folder: string, options: ReaderOptions = {}): Promise<LoadedDataset> {
  const notes: string[] = [];
  const { nonFinite } = options;
  const read = async (names: readonly string[]): Promise<Table | undefined> => {
    const file = await firstExisting(FLIVE_FOLDERS.flatMap((at) => names.map((name) => join(folder, at, name))));
    return file === undefined
      ? undefined
      : readTable(file, { columns: [], remedy: REMEDY, notes, ...(nonFinite && { nonFinite }) });
  };
  const [all, small, large] = [
    await read(FLIVE_FILES.all),
    await read(FLIVE_FILES.small),
    await read(FLIVE_FILES.large),
  ];
  if (!all && !small) {
    const files = `${FLIVE_FILES.all[0]} nor ${FLIVE_FILES.small[0]}`;
    throw new RocError("FILE_NOT_FOUND", `${folder} holds neither ${files}. FLIVE's official files belong there.`);
  }
  const entries = new Map<string, Entry>();
  for (const entry of entriesOf(all, undefined)) entries.set(entry.id, entry);
  let [others, both] = [0, 0];
  for (const entry of [...entriesOf(small, "train"), ...entriesOf(large, "test")]) {
    const known = entries.get(entry.id);
    if (known && Math.abs(known.score - entry.score) > SAME_SCORE) others++;
    if (known?.split && entry.split && known.split !== entry.split) both++;
    // The score is that of the whole list, which has more digits; what is tested is not trained.
    const split = known?.split === "test" || entry.split === "test" ? "test" : (known?.split ?? entry.split);
    entries.set(entry.id, known ? { ...entry, score: known.score, split } : entry);
  }
  if (others > 0)
    notes.push(`Other scores in another of FLIVE's files: ${others} pictures. That of the first file counts.`);
  if (both > 0)
    notes.push(`In the files of two parts: ${both} pictures. Where one is the test part, they belong to it.`);
  const rated = withSplits([...entries.values()], { hasSmall: small !== undefined }, notes);
  return {
    name: "FLIVE",
    scale: FLIVE_SCALE,
    ...(await assemble(rated, folder, IMAGE_FOLDERS, options, notes)),
    notes,
  };
}

/** @param split of rows that say nothing else */
function entriesOf(table: Table | undefined, split: Split | undefined): Entry[] {
  if (!table) return [];
  const column = (...names: readonly [string, string]): string => {
    const found = names.find((name) => table.indexOf(name) !== undefined);
    if (found !== undefined) return found;
    const header = `no column "${names.join('" or "')}" in the header (${table.columns.join(", ")})`;
    throw new RocError("DATA_INVALID", `${table.file}: ${header}. ${REMEDY}`);
  };
  const [name, mos] = [column("name", "name_image"), column("mos", "mos_image")];
  const scores = new Map<string, number>();
  return table.rows.map((row): Entry => {
    const id = slashed(row.text(name));
    const score = row.number(mos);
    const other = scores.get(id);
    if (other !== undefined && other !== score)
      throw row.invalid(mos, `${score}, and another row rates ${id} with ${other}`);
    scores.set(id, score);
    const attributes: Record<string, number> = {};
    for (const patch of FLIVE_PATCHES) {
      const value = row.optionalNumber(patch);
      if (value !== undefined) attributes[patch] = value;
    }
    const rated = Object.keys(attributes).length > 0 ? { attributes } : {};
    return { id, files: [id], score, ...rated, split: partOf(row) ?? split };
  });
}

/** The part that a row says. */
function partOf(row: Row): Split | undefined {
  const [isTest, isValid] = [flag(row, "is_test"), flag(row, "is_valid")];
  if (isTest === true) return "test";
  if (isValid === true) return "validation";
  return isTest === undefined && isValid === undefined ? undefined : "train";
}

function flag(row: Row, column: string): boolean | undefined {
  const text = (row.find(column) ?? "").toLowerCase();
  if (text === "") return undefined;
  if (["true", "1", "1.0"].includes(text)) return true;
  if (["false", "0", "0.0"].includes(text)) return false;
  throw row.invalid(column, `"${text}" is neither True nor False`);
}

/** A picture that no file puts into a part is above 640 pixels where all others are listed, else one to train on. */
function withSplits(entries: readonly Entry[], { hasSmall }: { readonly hasSmall: boolean }, notes: string[]): Rated[] {
  if (entries.every(({ split }) => split === undefined)) return drawTest(entries, "FLIVE's label files", notes);
  return entries.map((entry) => ({ ...entry, split: entry.split ?? (hasSmall ? "test" : "train") }));
}
