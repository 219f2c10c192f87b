/**
 * TAD66K (He et al., IJCAI 2022) in its official files: `merge/{train,test}.csv` with the columns image and score, and
 * the same ratings by theme, `unmerge/{train,test}/<theme>.csv`. Both may be in a folder `labels`.
 */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { assemble, type Rated } from "./assemble.js";
import { exists, readError } from "../files/index.js";
import { firstExisting, slashed } from "./files.js";
import { readTable, type Row } from "./table.js";
import type { LoadedDataset, ReaderOptions, ScoreScale } from "./types.js";

export const TAD66K_SCALE: ScoreScale = { min: 1, max: 10 };
/** The folder of the label files, relative to the data set's folder. */
export const TAD66K_LABELS = [".", "labels"] as const;

const PARTS = ["train", "test"] as const;
const IMAGE_FOLDERS = ["images", "imgs", "TAD66K", "image"];
const REMEDY = "TAD66K's official label files (columns image, score) belong there.";

export interface Tad66kOptions extends ReaderOptions {
  /**
   * `merge` (default): the files of all themes in one, with the themes of the unmerged files where those exist too.
   * `unmerge`: one sample per row of the files by theme.
   */
  readonly labels?: "merge" | "unmerge";
}

/**
 * Reads TAD66K: the official split, and themes where `unmerge` exists.
 *
 * @throws RocError FILE_NOT_FOUND or DATA_INVALID, naming file, line and column
 */
export async function readTad66k(folder: string, options: Tad66kOptions = {}): Promise<LoadedDataset> {
  const { labels = "merge" } = options;
  const base = await labelFolder(folder);
  const notes: string[] = [];
  const unmerged =
    labels === "unmerge" || (await exists(join(base, "unmerge"))) ? await readUnmerged(base, options, notes) : [];
  const rated = labels === "unmerge" ? unmerged : withThemes(await readMerged(base, options, notes), unmerged, notes);
  return {
    name: "TAD66K",
    scale: TAD66K_SCALE,
    ...(await assemble(rated, folder, IMAGE_FOLDERS, options, notes)),
    notes,
  };
}

async function labelFolder(folder: string): Promise<string> {
  const candidates = TAD66K_LABELS.flatMap((at) => ["merge", "unmerge"].map((name) => join(folder, at, name)));
  return join((await firstExisting(candidates)) ?? join(folder, "merge"), "..");
}

async function readMerged(base: string, options: Tad66kOptions, notes: string[]): Promise<Rated[]> {
  const parts = PARTS.map((part) => readRated(join(base, "merge", `${part}.csv`), part, options, notes));
  return (await Promise.all(parts)).flat();
}

async function readUnmerged(base: string, options: Tad66kOptions, notes: string[]): Promise<Rated[]> {
  const rated: Rated[] = [];
  for (const part of PARTS) {
    const names = await readdir(join(base, "unmerge", part)).catch((cause: unknown) => {
      throw readError(join(base, "unmerge", part), cause, REMEDY);
    });
    for (const name of names.filter((file) => /\.csv$/i.test(file)).sort()) {
      const theme = basename(name, name.slice(-4));
      const rows = await readRated(join(base, "unmerge", part, name), part, options, notes);
      rated.push(...rows.map((row) => ({ ...row, theme })));
    }
    if (names.length === 0) await readRated(join(base, "unmerge", part, "<theme>.csv"), part, options, notes);
  }
  return rated;
}

async function readRated(
  file: string,
  split: "train" | "test",
  { nonFinite }: Tad66kOptions,
  notes: string[],
): Promise<Rated[]> {
  const columns = ["image", "score"];
  const { rows } = await readTable(file, { columns, remedy: REMEDY, notes, ...(nonFinite && { nonFinite }) });
  return rows.map((row: Row) => {
    const image = row.text("image");
    return { id: slashed(image), files: [image], score: row.number("score"), split };
  });
}

/** Gives every picture the theme under which the unmerged files have it; one with several themes has none. */
function withThemes(rated: readonly Rated[], unmerged: readonly Rated[], notes: string[]): Rated[] {
  const themes = new Map<string, Set<string>>();
  for (const { id, theme = "" } of unmerged) themes.set(id, (themes.get(id) ?? new Set()).add(theme));
  const several = [...themes.values()].filter(({ size }) => size > 1).length;
  if (several > 0) notes.push(`Pictures under several themes in unmerge/, which have none here: ${several}.`);
  const without = rated.filter(({ id }) => !themes.has(id)).length;
  if (unmerged.length > 0 && without > 0) notes.push(`Pictures of merge/ without a theme in unmerge/: ${without}.`);
  return rated.map((one) => {
    const [theme, ...others] = themes.get(one.id) ?? [];
    return theme === undefined || others.length > 0 ? one : { ...one, theme };
  });
}
