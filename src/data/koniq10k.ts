/**
 * KonIQ-10k (Hosu et al., IEEE TIP 2020) in its official files: `koniq10k_scores_and_distributions.csv` (image_name, c1 to
 * c5, c_total, MOS, SD, MOS_zscore) and the authors' `koniq10k_distributions_sets.csv`, whose `set` is the split. Either may
 * be missing. In the second, c1 to c5 are shares of c_total, and MOS is what the first calls MOS_zscore.
 */
import { join } from "node:path";
import { RocError } from "../errors.js";
import { assemble, type Rated } from "./assemble.js";
import { voteStatistics } from "./ava.js";
import { firstExisting } from "./files.js";
import { drawTest, splitOf } from "./split.js";
import { readTable, type Row, type Table } from "./table.js";
import type { LoadedDataset, ReaderOptions, ScoreScale, Split } from "./types.js";

export const KONIQ_SCALE: ScoreScale = { min: 1, max: 5 };
/** Of `MOS_zscore`: means of scores that were standardised by rater, brought to about 1 to 100. */
export const KONIQ_ZSCORE_SCALE: ScoreScale = { min: 0, max: 100 };
export const KONIQ_FILES = {
  scores: "koniq10k_scores_and_distributions.csv",
  sets: "koniq10k_distributions_sets.csv",
} as const;
/** Folders of the label files, relative to the data set's: as archives and the authors' repository have them. */
export const KONIQ_FOLDERS = [".", "koniq10k_scores_and_distributions", "metadata"] as const;

const VOTES = ["c1", "c2", "c3", "c4", "c5"] as const;
const COLUMNS = ["image_name", ...VOTES, "c_total", "MOS", "SD"];
const IMAGE_FOLDERS = ["1024x768", "512x384", "images"];
const REMEDY = "Compare it with KonIQ-10k's official file.";

export interface KoniqOptions extends ReaderOptions {
  /** The score: `MOS` (default), the mean vote, 1 to 5; or `MOS_zscore`, standardised by rater, 0 to 100. */
  readonly column?: "MOS" | "MOS_zscore";
}

/**
 * Reads KonIQ-10k: votes for 1 to 5 with their deviation, the official split where the file of the sets is there.
 *
 * @throws RocError FILE_NOT_FOUND or DATA_INVALID, naming file, line and column
 */
export async function readKoniq(folder: string, options: KoniqOptions = {}): Promise<LoadedDataset> {
  const { column = "MOS", nonFinite } = options;
  const notes: string[] = [];
  const read = async (name: string, columns: readonly string[]): Promise<Table | undefined> => {
    const file = await firstExisting(KONIQ_FOLDERS.map((at) => join(folder, at, name)));
    return file === undefined
      ? undefined
      : readTable(file, { columns, remedy: REMEDY, notes, ...(nonFinite && { nonFinite }) });
  };
  const scores = await read(KONIQ_FILES.scores, [...COLUMNS, ...(column === "MOS" ? [] : [column])]);
  const sets = await read(KONIQ_FILES.sets, scores ? ["image_name", "set"] : [...COLUMNS, "set"]);
  const rows = (scores ?? sets)?.rows;
  if (!rows) {
    const files = `${KONIQ_FILES.scores} nor ${KONIQ_FILES.sets}`;
    throw new RocError("FILE_NOT_FOUND", `${folder} holds neither ${files}. KonIQ-10k's official files belong there.`);
  }
  const rated = rows.map((row) => ratedKoniq(row, column, scores !== undefined));
  const split = sets ? withSets(rated, sets, notes) : drawTest(rated, "KonIQ-10k", notes);
  return {
    name: "KonIQ-10k",
    scale: column === "MOS" ? KONIQ_SCALE : KONIQ_ZSCORE_SCALE,
    ...(column !== "MOS" && { votesApart: true }),
    ...(await assemble(split, folder, IMAGE_FOLDERS, options, notes)),
    notes,
  };
}

/** @throws RocError DATA_INVALID where the votes are not as many as the row says: one of its numbers is wrong */
function checkTotal(row: Row, counts: readonly number[], total: number): void {
  const sum = counts.reduce((all, count) => all + count, 0);
  if (Math.abs(sum - total) < 0.5 || Number.isNaN(sum) || Number.isNaN(total)) return;
  throw row.invalid("c_total", `is ${total}, but ${VOTES.join(" + ")} are ${sum}`);
}

function ratedKoniq(row: Row, column: "MOS" | "MOS_zscore", hasScores: boolean): Omit<Rated, "split"> {
  const id = row.text("image_name");
  const counts = VOTES.map((name) => row.number(name));
  const isShare = Math.abs(counts.reduce((sum, n) => sum + n, 0) - 1) < 0.01;
  const total = row.number("c_total");
  if (!isShare) checkTotal(row, counts, total);
  const votes = isShare ? counts.map((share) => Math.round(share * total)) : counts;
  const std = row.number("SD");
  if (column === "MOS") {
    const score = hasScores ? row.number("MOS") : voteStatistics(votes).mean;
    return { id, files: [id], score, std, votes };
  }
  const stretch = (KONIQ_ZSCORE_SCALE.max - KONIQ_ZSCORE_SCALE.min) / (KONIQ_SCALE.max - KONIQ_SCALE.min);
  return { id, files: [id], score: row.number(hasScores ? column : "MOS"), std: std * stretch, votes };
}

/** With the official split. */
function withSets(rated: readonly Omit<Rated, "split">[], sets: Table, notes: string[]): Rated[] {
  const parts = new Map<string, Split>();
  for (const row of sets.rows) {
    const [name, set] = [row.text("image_name"), row.text("set")];
    const split = splitOf(set);
    if (!split) throw row.invalid("set", `"${set}" is none of training, validation, test`);
    const other = parts.get(name);
    if (other && other !== split) throw row.invalid("set", `"${set}", and another row puts ${name} into ${other}`);
    parts.set(name, split);
  }
  const known = rated.flatMap((one) => {
    const split = parts.get(one.id);
    return split ? [{ ...one, split }] : [];
  });
  if (known.length < rated.length)
    notes.push(`Left out, in no set of ${KONIQ_FILES.sets}: ${rated.length - known.length}.`);
  return known;
}
