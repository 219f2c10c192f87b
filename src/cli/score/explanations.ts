/** `score --explain FOLDER`: for each photo a picture of what moves its score, and the map itself as JSON. */
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import type { Explanation, ExplainMethod, Model } from "../../engine/index.js";
import { ERROR_CODES, isRocError, RocError } from "../../errors.js";
import { checkOutput, makeFolder, readJsonAs, writeOutput, type OutputKind } from "../../files/index.js";
import { readableName } from "../../image/file-names.js";
import type { Context } from "../shared/io.js";
import { isFailure } from "../shared/json.js";
import { createProgress } from "../shared/progress.js";
import type { Inputs } from "./inputs.js";
import type { Explained, Ranked, RankedResult } from "./selection.js";

export interface ExplainFlags {
  readonly explain?: string;
  readonly explainBy?: ExplainMethod;
  readonly explainEvaluations?: number;
  readonly of?: string;
  readonly maxPixels?: number;
  readonly allowDamaged?: true;
}

/** The map's file says what it is first. */
const MAP = "roc4mllm explanation";
const MAP_FILE: OutputKind = {
  name: "map that roc4mllm wrote",
  isOurs: (start) => start.startsWith(`{"kind":"${MAP}"`),
};

const MAP_END = ".explain.json";

/** Pixels of a map's picture on its longer side. */
const PICTURE_SIDE = 1024;

/** @throws RocError USAGE for flags that say nothing without `--explain` */
export function checkExplainFlags(flags: ExplainFlags): void {
  if (flags.explain !== undefined) return;
  const alone = Object.entries({
    "--of": flags.of,
    "--explain-by": flags.explainBy,
    "--explain-evaluations": flags.explainEvaluations,
  }).find(([, value]) => value !== undefined);
  if (alone) throw new RocError("USAGE", `${alone[0]} goes with --explain. Add that, or leave ${alone[0]} out.`);
}

/** @throws RocError USAGE where a file of another kind has a map's name; FILE_UNWRITABLE */
export async function checkExplainFolder(folder: string, files: readonly string[]): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found && !found.isDirectory()) throw new RocError("USAGE", `--explain ${folder} is a file. Name a folder.`);
  await makeFolder(folder);
  if (!found) return;
  const { HEAT_PICTURE } = await import("../../report/heat/overlay.js");
  for (const { picture, map } of namesIn(folder, files).values()) {
    await checkOutput(picture, HEAT_PICTURE);
    await checkOutput(map, MAP_FILE);
  }
}

/** Of two photos with one name the second's files are called `name-2`. */
function namesIn(folder: string, files: readonly string[]): Map<string, Explained> {
  const taken = new Set<string>();
  return new Map(
    files.map((file) => {
      const name = readableName(basename(file));
      let stem = name;
      for (let count = 2; taken.has(stem.toLowerCase()); count++) stem = `${name}-${count}`;
      taken.add(stem.toLowerCase());
      return [file, { picture: join(folder, `${stem}.explain.png`), map: join(folder, `${stem}${MAP_END}`) }];
    }),
  );
}

/**
 * Explains what is going to be printed; says on standard error where the maps are.
 *
 * @returns the results with the names of their files
 * @throws RocError USAGE for an attribute or a gradient that the model has not; FILE_UNWRITABLE; ABORTED
 */
export async function explainAll(
  chosen: readonly Ranked[],
  flags: ExplainFlags,
  { model, given }: { readonly model: Model; readonly given: Inputs["given"] },
  context: Context,
): Promise<readonly Ranked[]> {
  const { explain: folder } = flags;
  if (folder === undefined) return chosen;
  const { stderr } = context.io;
  if (!model.explain) throw new RocError("USAGE", `--explain: ${model.name} cannot be explained. Leave it out.`);
  if (chosen.some(({ file }) => given.has(file)))
    stderr.write("note: the photo on standard input is no file and is not explained\n");
  const names = namesIn(folder, chosen.map(({ file }) => file)); // prettier-ignore
  const wanted = chosen.filter((result) => !isFailure(result) && !given.has(result.file)).length;
  const progress = createProgress(stderr, "explained", wanted);
  const explained: Ranked[] = [];
  let done = 0;
  try {
    for (const result of chosen) {
      const files = names.get(result.file);
      if (isFailure(result) || given.has(result.file) || !files) explained.push(result);
      else {
        explained.push(await explainOne(result, files, flags, model, context));
        progress.update(++done);
      }
    }
  } finally {
    progress.stop();
  }
  await noteOthers(folder, explained, stderr);
  stderr.write(`${folder}: ${done} ${done === 1 ? "map" : "maps"} of what moves the score: blue lifts it, orange lowers it\n`); // prettier-ignore
  return explained;
}

const mapSchema = z.looseObject({ method: z.string(), model: z.string(), of: z.string().nullable() });

/** How a map was made, as words in brackets; undefined for a file that is no map. */
async function makingOf(file: string): Promise<string | undefined> {
  const map = await readJsonAs(file, mapSchema).catch(() => undefined);
  return map && `${map.method} of ${map.of ?? "the score"} by ${map.model}`;
}

/** Maps that were made in another way are not to be compared: says where earlier calls have left such beside those of this call. */
async function noteOthers(
  folder: string,
  explained: readonly Ranked[],
  stderr: Context["io"]["stderr"],
): Promise<void> {
  const own = new Set(explained.flatMap((result) => (result as RankedResult).explained?.map ?? []));
  const [first] = own;
  const making = first === undefined ? undefined : await makingOf(first);
  if (making === undefined) return;
  const others: string[] = [];
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    const its = name.endsWith(MAP_END) && !own.has(file) ? await makingOf(file) : undefined;
    if (its !== undefined && its !== making) others.push(its);
  }
  if (others.length === 0) return;
  const kinds = [...new Set(others)].sort().join(", ");
  const count = `${others.length} ${others.length === 1 ? "map" : "maps"}`;
  const why = `those of this call (${making}) are not to be compared with`;
  stderr.write(
    `note: ${folder} holds ${count} of earlier calls (${kinds}) that ${why}: give each its own --explain folder\n`,
  );
}

/** A photo that has changed or is gone since it was scored keeps its score, without a map. */
async function explainOne(
  result: RankedResult,
  files: Explained,
  { explainBy: method, explainEvaluations: evaluations, of, maxPixels, allowDamaged }: ExplainFlags,
  model: Model,
  { io, signal, setExitCode }: Context,
): Promise<RankedResult> {
  const reading = { signal, ...(maxPixels !== undefined && { maxPixels }), ...(allowDamaged && { allowDamaged }) };
  const { HEAT_PICTURE, heatPicture } = await import("../../report/heat/overlay.js");
  const { smallPicture } = await import("../../report/thumbnails.js");
  try {
    const map = (await model.explain?.(result.file, { method, evaluations, of, ...reading })) as Explanation;
    const photo = await smallPicture(result.file, { side: PICTURE_SIDE, maxPixels });
    await writeOutput(files.picture, HEAT_PICTURE, await heatPicture(photo, map));
    await writeOutput(files.map, MAP_FILE, mapText(map));
    return { ...result, explained: files };
  } catch (error) {
    if (!isRocError(error) || !/^(FILE_NOT_FOUND|FILE_UNREADABLE|IMAGE_|SCORE_NOT_FINITE)/.test(error.code))
      throw error;
    io.stderr.write(`note: no map: ${error.message}\n`);
    setExitCode(ERROR_CODES.FILE_UNREADABLE);
    return result;
  }
}

/** Cells that the model does not see are null. */
function mapText({ values, ...facts }: Explanation): string {
  const rows = Array.from(
    { length: facts.rows },
    (_, row) =>
    [...values.subarray(row * facts.columns, (row + 1) * facts.columns)].map((value) => Number.isNaN(value) ? null : value), // prettier-ignore
  );
  return `${JSON.stringify({ kind: MAP, ...facts, values: rows })}\n`;
}
