/**
 * KADID-10k (Lin et al., QoMEX 2019) in its official file `dmos.csv`: dist_img, ref_img, dmos, var. Higher is better. The
 * column `var` holds standard deviations: 4.57 and 4.33 are means of 30 ratings with the deviations 0.496 and 0.869 of the
 * first two rows, and of no ratings with these variances.
 */
import { join } from "node:path";
import { assemble, type Rated } from "./assemble.js";
import { firstExisting, slashed } from "./files.js";
import { drawTest } from "./split.js";
import { readTable } from "./table.js";
import type { LoadedDataset, ReaderOptions, ScoreScale } from "./types.js";

export const KADID_SCALE: ScoreScale = { min: 1, max: 5 };
export const KADID_LABELS = "dmos.csv";
export const KADID_COLUMNS = ["dist_img", "ref_img", "dmos", "var"] as const;
/** Where the file may be, as in the archive. */
export const KADID_PLACES = [KADID_LABELS, join("kadid10k", KADID_LABELS)] as const;

const IMAGE_FOLDERS = ["images", join("kadid10k", "images")];
const REMEDY = "Compare it with KADID-10k's official file.";

/**
 * Reads KADID-10k. No official split is published: the test part is drawn, and so is the validation part, by reference
 * pictures, so that no picture's versions are in two parts.
 *
 * @throws RocError FILE_NOT_FOUND or DATA_INVALID, naming file, line and column
 */
export async function readKadid(folder: string, options: ReaderOptions = {}): Promise<LoadedDataset> {
  const notes: string[] = [];
  const { nonFinite } = options;
  const file = (await firstExisting(KADID_PLACES.map((at) => join(folder, at)))) ?? join(folder, KADID_LABELS);
  const { rows } = await readTable(file, {
    columns: KADID_COLUMNS,
    remedy: REMEDY,
    notes,
    ...(nonFinite && { nonFinite }),
  });
  const rated = rows.map((row): Omit<Rated, "split"> => {
    const id = slashed(row.text("dist_img"));
    return { id, files: [id], score: row.number("dmos"), std: row.number("var"), group: row.text("ref_img") };
  });
  const split = drawTest(rated, "KADID-10k", notes);
  return {
    name: "KADID-10k",
    scale: KADID_SCALE,
    ...(await assemble(split, folder, IMAGE_FOLDERS, options, notes)),
    notes,
  };
}
