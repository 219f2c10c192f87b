/**
 * SPAQ (Fang et al., CVPR 2020) in its official files, workbooks or CSV exports of them: `Annotations/MOS and Image attribute
 * scores.xlsx` (Image name, MOS, Brightness, Colorfulness, Contrast, Noisiness, Sharpness), and the probabilities of scenes in
 * `Scene category labels.xlsx`. The EXIF tags are not read.
 */
import { join } from "node:path";
import { assemble, type Rated } from "./assemble.js";
import { firstExisting } from "./files.js";
import { drawTest } from "./split.js";
import { readTable, type Row, type Table } from "./table.js";
import type { LoadedDataset, ReaderOptions, ScoreScale } from "./types.js";

export const SPAQ_SCALE: ScoreScale = { min: 0, max: 100 };
export const SPAQ_ATTRIBUTES = ["Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness"] as const;
export const SPAQ_SCENES = [
  ...["Animal", "Cityscape", "Human", "Indoor scene", "Landscape", "Night scene", "Plant", "Still-life", "Others"],
] as const;
/** Label files without their extension. */
export const SPAQ_FILES = { scores: "MOS and Image attribute scores", scenes: "Scene category labels" } as const;
/** The folder of the label files, relative to the data set's. */
export const SPAQ_LABELS = "Annotations";
/** The column of the pictures' names. */
export const SPAQ_NAME = "Image name";

const IMAGE_FOLDERS = ["TestImage", "images"];
const REMEDY = "Compare it with SPAQ's official file.";

/** Where a label file may be. */
export function spaqPlaces(folder: string, name: string): string[] {
  return [SPAQ_LABELS, SPAQ_LABELS.toLowerCase(), "."].flatMap((at) =>
    ["xlsx", "csv"].map((extension) => join(folder, at, `${name}.${extension}`)),
  );
}

/**
 * Reads SPAQ: five attributes, the likeliest scene as the theme; a test part that is drawn, as no official one is.
 *
 * @throws RocError FILE_NOT_FOUND or DATA_INVALID, naming file, line and column
 */
export async function readSpaq(folder: string, options: ReaderOptions = {}): Promise<LoadedDataset> {
  const notes: string[] = [];
  const { nonFinite } = options;
  const read = async (name: string, columns: readonly string[]): Promise<Table | undefined> => {
    const file = await firstExisting(spaqPlaces(folder, name));
    if (file === undefined && name === SPAQ_FILES.scenes) return undefined;
    const at = file ?? join(folder, SPAQ_LABELS, `${name}.xlsx`);
    return readTable(at, { columns, remedy: REMEDY, notes, ...(nonFinite && { nonFinite }) });
  };
  const scores = await read(SPAQ_FILES.scores, [SPAQ_NAME, "MOS", ...SPAQ_ATTRIBUTES]);
  const scenes = await read(SPAQ_FILES.scenes, [SPAQ_NAME]);
  if (!scenes) notes.push(`No file ${SPAQ_FILES.scenes}: pictures have no theme.`);
  const themes = new Map(scenes?.rows.map((row) => [row.text(SPAQ_NAME), sceneOf(row)]));
  const rated = (scores?.rows ?? []).map((row) => ratedSpaq(row, themes));
  const split = drawTest(rated, "SPAQ", notes);
  return { name: "SPAQ", scale: SPAQ_SCALE, ...(await assemble(split, folder, IMAGE_FOLDERS, options, notes)), notes };
}

function ratedSpaq(row: Row, themes: ReadonlyMap<string, string | undefined>): Omit<Rated, "split"> {
  const id = row.text(SPAQ_NAME);
  const theme = themes.get(id);
  return {
    id,
    files: [id],
    score: row.number("MOS"),
    attributes: Object.fromEntries(SPAQ_ATTRIBUTES.map((name) => [name, row.number(name)])),
    ...(theme !== undefined && { theme }),
  };
}

/** The scene of the highest probability; none where all are 0. */
function sceneOf(row: Row): string | undefined {
  const names = row.table.columns.filter((name) => name !== "" && name.toLowerCase() !== SPAQ_NAME.toLowerCase());
  let [best, highest]: [string | undefined, number] = [undefined, 0];
  for (const name of names) {
    const probability = row.optionalNumber(name) ?? 0;
    if (probability > highest) [best, highest] = [name, probability];
  }
  return best;
}
