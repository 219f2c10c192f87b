/** What `score` leaves beside its output: a CSV file, a gallery, copies of the photos. */
import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import type { Model } from "../../engine/index.js";
import { calibrationText } from "../../engine/calibration.js";
import { worthOf } from "../../engine/worth.js";
import type { PhotoFacts } from "../../report/gallery/write.js";
import { ERROR_CODES, RocError } from "../../errors.js";
import { checkOutput, makeFolder, writeOutput, writing, type OutputKind } from "../../files/index.js";
import { pathOfName } from "../../image/file-names.js";
import type { Context } from "../shared/io.js";
import { isFailure } from "../shared/json.js";
import { createProgress } from "../shared/progress.js";
import { SCORE_TABLE } from "../shared/csv.js";
import { csvOf } from "./csv.js";
import type { Inputs } from "./inputs.js";
import { checkExplainFolder } from "./explanations.js";
import { byScore, type Ranked, type RankedResult } from "./selection.js";

export interface OutputFlags {
  /** Of a photo at most. */
  readonly maxPixels?: number;
  readonly csv?: string;
  readonly html?: string;
  readonly copyTo?: string;
  readonly resume?: string;
  readonly explain?: string;
}

/** What another command calls its outputs. */
export interface OutputNames {
  /** What `html` may take the place of; default: a gallery. */
  readonly pageKind?: OutputKind;
  /** Of the folder for copies; default "--copy-to". */
  readonly folderFlag?: string;
}

/**
 * Refuses what could not be written, or would take the place of a photo, before hours of scoring.
 *
 * @returns the inputs without what is in the folder for copies already
 * @throws RocError USAGE, FILE_UNWRITABLE
 */
export async function checkOutputs(flags: OutputFlags, inputs: Inputs, names: OutputNames = {}): Promise<Inputs> {
  const { folderFlag = "--copy-to" } = names;
  const { csv, html, copyTo, resume, explain } = flags;
  const folders = { [folderFlag]: copyTo, "--explain": explain };
  const given = Object.entries({ "--csv": csv, "--html": html, "--resume": resume, ...folders });
  const named = given.flatMap(([flag, path]) => (path === undefined ? [] : [{ flag, path }]));
  const seen = new Map<string, string>();
  for (const { flag, path } of named) {
    const other = seen.get(resolve(path));
    if (other !== undefined) throw new RocError("USAGE", `${other} and ${flag} are both ${path}. Give each its own.`);
    seen.set(resolve(path), flag);
  }
  const files = named.filter(({ flag }) => flag === "--csv" || flag === "--html");
  if (explain !== undefined) await checkExplainFolder(explain, inputs.files);
  if (files.length === 0 && copyTo === undefined) return inputs;
  const places = await Promise.all(inputs.files.map((file) => placeOf(file)));
  const photos = new Set(places);
  for (const { flag, path } of files) await checkFile(flag, path, photos, names.pageKind);
  return copyTo === undefined ? inputs : checkFolder(folderFlag, copyTo, inputs, places);
}

/** A path without links; as it is where it is not there. */
async function placeOf(path: string): Promise<string> {
  return realpath(pathOfName(path)).catch(() => resolve(path));
}

async function checkFile(
  flag: string,
  path: string,
  photos: ReadonlySet<string>,
  pageKind: OutputKind | undefined,
): Promise<void> {
  if (path === "-") throw new RocError("USAGE", `${flag}: give the name of a file; standard output has the table, or --json.`); // prettier-ignore
  if (photos.has(await placeOf(path)))
    throw new RocError("USAGE", `${flag} ${path} is one of the photos. Name another file.`);
  if ((await stat(path).catch(() => undefined))?.isDirectory())
    throw new RocError("USAGE", `${flag} ${path} is a folder. Name a file in it: ${join(path, `scores.${flag.slice(2)}`)}`); // prettier-ignore
  await checkWritable(dirname(path));
  const ofPage = async (): Promise<OutputKind> => pageKind ?? (await import("../../report/gallery/page.js")).GALLERY;
  await checkOutput(path, flag === "--csv" ? SCORE_TABLE : await ofPage());
}

async function checkWritable(folder: string): Promise<void> {
  await makeFolder(folder);
  await writing(folder, () => access(folder, constants.W_OK));
}

/** Copies of an earlier call are no photos of this one. */
async function checkFolder(flag: string, copyTo: string, inputs: Inputs, places: readonly string[]): Promise<Inputs> {
  const found = await stat(copyTo).catch(() => undefined);
  if (found && !found.isDirectory()) throw new RocError("USAGE", `${flag} ${copyTo} is a file. Name a folder.`);
  await checkWritable(copyTo);
  const within = `${await placeOf(copyTo)}${sep}`;
  const files = inputs.files.filter((_, i) => !places[i]?.startsWith(within));
  const out = inputs.files.length - files.length;
  if (out === 0) return inputs;
  if (files.length === 0)
    throw new RocError("USAGE", `All of the photos are in ${flag} ${copyTo} already. Name another folder.`);
  return { ...inputs, files, notes: [...inputs.notes, `left out what is in ${flag} ${copyTo} already: ${out}`] };
}

/** What was scored. */
export interface Scored {
  /** Those that were asked for, in the order in which they were printed. */
  readonly chosen: readonly Ranked[];
  /** All of them. */
  readonly all: readonly Ranked[];
  readonly model: Model;
  /** Pictures that came as bytes: they are no files. */
  readonly given: Inputs["given"];
}

/**
 * Writes what the flags ask for; says on standard error what.
 *
 * @throws RocError FILE_UNWRITABLE, ABORTED
 */
export async function writeOutputs(flags: OutputFlags, scored: Scored, context: Context): Promise<void> {
  const { csv, html, copyTo, maxPixels } = flags;
  const { stderr } = context.io;
  if (csv !== undefined) {
    await writeOutput(csv, SCORE_TABLE, csvOf(scored.chosen));
    stderr.write(`${csv}: ${scored.chosen.length} ${scored.chosen.length === 1 ? "row" : "rows"}\n`);
  }
  if (html !== undefined) await writeGallery(html, scored, maxPixels, context);
  if (copyTo !== undefined) await copyInto(copyTo, scored, context);
}

async function writeGallery(
  file: string,
  { chosen, all, model, given }: Scored,
  maxPixels: number | undefined,
  context: Context,
): Promise<void> {
  const { stderr } = context.io;
  const { writeGallery: write } = await import("../../report/gallery/write.js");
  const scored = chosen.filter((result) => !isFailure(result)).toSorted(byScore) as RankedResult[];
  const progress = createProgress(stderr, "thumbnails", scored.length);
  try {
    const { bytes, photos } = await write(file, {
      results: scored,
      failures: chosen.filter(isFailure),
      scores: all.flatMap((result) => (isFailure(result) ? [] : [result.score])),
      worth: worthOf(model),
      calibration: model.calibration && calibrationText(model.calibration),
      pathOf: (name) => (given.has(name) ? undefined : name),
      heatOf: (result) => (result as RankedResult).explained?.picture,
      factsOf: photoFacts,
      maxPixels,
      signal: context.signal,
      onProgress: (done) => progress.update(done),
    });
    progress.stop();
    const left = photos < scored.length ? ` (the best ${photos} of ${scored.length})` : "";
    stderr.write(`${file}: a gallery of ${photos} ${photos === 1 ? "photo" : "photos"}${left}, ${(bytes / 1e6).toFixed(1)} MB\n`); // prettier-ignore
  } finally {
    progress.stop();
  }
}

/** What a photo's file says of itself, in a line. */
async function photoFacts(file: string): Promise<PhotoFacts> {
  const { readMetadata } = await import("../../photos/metadata.js");
  const { taken, camera, lens, aperture, exposureTime, iso } = await readMetadata(file);
  const exposure = exposureTime === undefined ? undefined : exposureText(exposureTime);
  const parts = [camera, lens, aperture && `f/${Number(aperture.toFixed(1))}`, exposure, iso && `ISO ${iso}`];
  const exif = parts.filter((part) => part !== undefined && part !== 0).join(" \u00b7 ");
  return { exif, taken };
}

/** Seconds as cameras show them: 1/250 s. */
function exposureText(seconds: number): string {
  return seconds > 0 && seconds < 0.3 ? `1/${Math.round(1 / seconds)} s` : `${Number(seconds.toFixed(1))} s`;
}

async function copyInto(folder: string, { chosen, given }: Scored, context: Context): Promise<void> {
  const { stderr } = context.io;
  const { copyPhotos } = await import("../../photos/copy.js");
  const files = chosen.flatMap((result) => (isFailure(result) || given.has(result.file) ? [] : [result.file]));
  if (chosen.some(({ file }) => given.has(file)))
    stderr.write("note: the photo on standard input is no file and is not copied\n");
  const progress = createProgress(stderr, "copied", files.length);
  try {
    const { copied, there, failed, notes } = await copyPhotos(files, folder, {
      signal: context.signal,
      onProgress: (done) => progress.update(done),
    });
    progress.stop();
    for (const note of notes) stderr.write(`note: ${note}\n`);
    const before = there > 0 ? `, ${there} there already` : "";
    const lost = failed > 0 ? `, ${failed} not` : "";
    stderr.write(`${folder}: ${copied} ${copied === 1 ? "photo" : "photos"} copied${before}${lost}\n`);
    if (failed > 0) context.setExitCode(ERROR_CODES.FILE_UNREADABLE);
  } finally {
    progress.stop();
  }
}
