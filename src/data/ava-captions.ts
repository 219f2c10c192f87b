/**
 * AVA-Captions (Ghosal, Rana and Smolic, ICCV workshops 2019) in its official file, joined with AVA's scores: the pictures
 * in both, with people's comments.
 *
 * Its split is independent of AVA's, so that each training part holds pictures of the other's test part. Neither test list
 * is trained on here: `test` is the official test part of AVA-Captions, and pictures of AVA's test part are left out of
 * the rest. To train on AVA too, use {@link keepOut} with `testIds`.
 */
import { basename, join, relative, resolve } from "node:path";
import { z } from "zod";
import { AVA_LABELS, AVA_SCALE, ratedAva, readAvaLabels, type AvaRow } from "./ava.js";
import { assemble, type Rated } from "./assemble.js";
import { firstExisting, invalid, slashed } from "./files.js";
import { jsonItems } from "./json-items.js";
import { splitOf } from "./split.js";
import type { LoadedDataset, ReaderOptions, Sample, Split } from "./types.js";

export const AVA_CAPTIONS_FILE = "CLEAN_AVA_FULL_AFTER_SUBJECTIVE_CLEANING.json";

const IMAGE_FOLDERS = ["images", "image"];
const REMEDY = "Compare it with the official file of AVA-Captions.";

const pictureSchema = z.object({
  filename: z.union([z.string(), z.number()]).transform(String),
  split: z.string(),
  sentences: z.array(z.object({ clean: z.string(), raw: z.string().optional() })),
});

type Picture = z.infer<typeof pictureSchema>;

export interface AvaCaptionsOptions extends ReaderOptions {
  /** Folder of AVA's official files, relative to this one's. Default: this one, or `AVA`, `ava`, `../AVA`, `../ava`. */
  readonly ava?: string;
  /** `one` (default): an image's first comment, as in the paper, which uses one comment per image; `all`: every comment. */
  readonly comments?: "one" | "all";
  /** `clean` (default): comments as cleaned by the data set's authors; `raw`: as written, where the file has that. */
  readonly text?: "clean" | "raw";
}

export interface AvaCaptionsDataset extends LoadedDataset {
  /** Ids of the two test lists, AVA's and AVA-Captions'. */
  readonly testIds: ReadonlySet<string>;
  /** Ids of pictures left out: in AVA's test part, but not in that of AVA-Captions. */
  readonly keptOut: readonly string[];
  /** Ids of pictures with comments that AVA does not rate. */
  readonly unrated: readonly string[];
}

/**
 * Reads AVA-Captions with AVA's scores.
 *
 * @throws RocError FILE_NOT_FOUND or DATA_INVALID, naming the file and the picture
 */
export async function readAvaCaptions(folder: string, options: AvaCaptionsOptions = {}): Promise<AvaCaptionsDataset> {
  const pictures = await readPictures(join(folder, AVA_CAPTIONS_FILE));
  const avaFolder = await findAva(folder, options.ava);
  const besideAva = IMAGE_FOLDERS.map((name) => join(relative(folder, avaFolder), name));
  const ava = await readAvaLabels(avaFolder);
  const captionTest = [...pictures].filter(([, { split }]) => split === "test").map(([id]) => id);
  const rows = new Map(ava.rows.map((row) => [row.id, row]));
  const keptOut: string[] = [];
  const unrated: string[] = [];
  const counts = { rawless: 0, uncommented: 0, unread: 0 };
  const rated = [...pictures].flatMap(([id, picture]): Rated[] => {
    const row = rows.get(id);
    if (row === undefined) return (unrated.push(id), []);
    if (picture.split !== "test" && ava.testIds.has(id)) return (keptOut.push(id), []);
    return [ratedCaptions(row, picture, options, counts)];
  });
  const notes = notesOn({ keptOut: keptOut.length, unrated: unrated.length, ...counts });
  return {
    name: "AVA-Captions",
    scale: AVA_SCALE,
    ...(await assemble(rated, folder, [...IMAGE_FOLDERS, ...besideAva], options, notes)),
    notes,
    testIds: new Set([...ava.testIds, ...captionTest]),
    keptOut,
    unrated,
  };
}

/**
 * The samples that are safe to train on together with a data set of the test list `ids`: the whole test part, and the
 * others except those in the list.
 */
export function keepOut(samples: readonly Sample[], ids: ReadonlySet<string>): Sample[] {
  return samples.filter(({ id, split }) => split === "test" || !ids.has(id));
}

async function findAva(folder: string, ava: string | undefined): Promise<string> {
  if (ava !== undefined) return resolve(folder, ava);
  const candidates = [".", "AVA", "ava", "../AVA", "../ava"].map((at) => join(folder, at, AVA_LABELS));
  return join((await firstExisting(candidates)) ?? join(folder, AVA_LABELS), "..");
}

/** The pictures by AVA's id: the file name without its extension. */
async function readPictures(file: string): Promise<Map<string, Picture>> {
  const pictures = new Map<string, Picture>();
  for await (const { value, position } of jsonItems(file, "images", { item: "picture", remedy: REMEDY })) {
    const where = `${file}, picture ${position}`;
    const picture = checkPicture(value, where);
    const id = basename(slashed(picture.filename)).replace(/\.[a-z]+$/i, "");
    if (pictures.has(id)) throw invalid(where, `filename "${picture.filename}" occurs for the second time`, REMEDY);
    if (splitOf(picture.split) === undefined) {
      throw invalid(where, `split is "${picture.split}", not train, val or test`, REMEDY);
    }
    pictures.set(id, picture);
  }
  if (pictures.size === 0) throw invalid(file, "no picture in it", REMEDY);
  return pictures;
}

function checkPicture(value: unknown, where: string): Picture {
  const { data, error } = pictureSchema.safeParse(value);
  if (data) return data;
  const [issue] = error.issues;
  throw invalid(where, `${issue?.path.join(".") || "the picture"}: ${issue?.message ?? "not as expected"}`, REMEDY);
}

function ratedCaptions(
  row: AvaRow,
  { split, sentences }: Picture,
  options: AvaCaptionsOptions,
  counts: { rawless: number; uncommented: number; unread: number },
): Rated {
  const part: Split = splitOf(split) ?? "train";
  const texts = sentences.map(({ clean, raw }) => {
    if (options.text === "raw" && raw === undefined) counts.rawless++;
    return (options.text === "raw" ? (raw ?? clean) : clean).trim();
  });
  const spoken = texts.filter((text) => text !== "");
  if (spoken.length === 0) counts.uncommented++;
  const comments = options.comments === "all" ? spoken : spoken.slice(0, 1);
  counts.unread += spoken.length - comments.length;
  return { ...ratedAva(row, part), ...(comments.length > 0 && { comments }) };
}

function notesOn(counts: {
  keptOut: number;
  unrated: number;
  rawless: number;
  uncommented: number;
  unread: number;
}): string[] {
  const { keptOut, unrated, rawless, uncommented, unread } = counts;
  return [
    ...(keptOut > 0 ? [`Left out, being in AVA's test part but not in that of AVA-Captions: ${keptOut}.`] : []),
    ...(unrated > 0 ? [`Left out, having comments but no row in AVA.txt: ${unrated}.`] : []),
    ...(uncommented > 0 ? [`Pictures without a comment: ${uncommented}.`] : []),
    ...(unread > 0 ? [`Comments that are not read, not being a picture's first: ${unread}.`] : []),
    ...(rawless > 0 ? [`Comments without raw text, whose cleaned text is used instead: ${rawless}.`] : []),
  ];
}
