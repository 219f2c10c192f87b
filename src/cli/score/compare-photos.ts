/** `roc4mllm compare` of photos: their order, and the chance of each to be the best, the worst, and preferred to each other one. */
import {
  checkCompared,
  compare,
  FEWEST_COMPARED,
  plainComparison,
  SO_MANY,
  type PictureComparison,
} from "../../engine/compare.js";
import type { Model, ScoreResult } from "../../engine/index.js";
import { worthOf } from "../../engine/worth.js";
import type { Context } from "../shared/io.js";
import { loadNamed, packing, type ModelFlags } from "../shared/model-options.js";
import { printable } from "../shared/printable.js";
import { createProgress } from "../shared/progress.js";
import { expandInputs, picturesOf, type Inputs } from "./inputs.js";
import { checkOutputs } from "./outputs.js";

export interface ComparePhotosFlags extends ModelFlags {
  readonly model?: string;
  readonly json?: true;
  readonly html?: string;
  readonly ask?: string;
  readonly allowDamaged?: true;
}

export const COMPARE_PHOTOS_HELP = `the model predicts a distribution of ratings for each. One rating is drawn of each: the table says how likely each
photo has the highest and the lowest, and is above each other one (Thurstone 1927). Where a checkpoint gives no distribution, a normal
one of its spread is taken, and where it gives none either, the order is by the score alone, without chances (null in JSON); a note says so. A checkpoint that was
trained by the strategy set is shown all of them in one prompt, several times, each time in another order.

--ask puts a question about the photos together, to models whose prompts hold several: in every order (of more than three photos,
every pair in both orders). What the order adds is taken out of the chances, and told.
`;

/** Chances that are said of a comparison; "distributions" is what is usual. */
const BY_NOTES: Readonly<Partial<Record<PictureComparison["by"], string>>> = {
  spreads: "the checkpoint gives no distribution for each of these: normal ones of its spreads were compared",
  scores: "the checkpoint gives neither distributions nor spreads: the order is by the score alone, and has no chances",
};

/** @throws RocError USAGE for fewer than two photos or more than eight; as scoring, for a photo that has no score */
export async function comparePhotos(
  args: readonly string[],
  flags: ComparePhotosFlags,
  context: Context,
): Promise<void> {
  const { stdin, stdout, stderr } = context.io;
  const inputs = await checkOutputs(
    flags.html === undefined ? {} : { html: flags.html },
    await expandInputs(args, stdin),
  );
  const onNote = (note: string): void => void stderr.write(`note: ${printable(note)}\n`);
  inputs.notes.forEach(onNote);
  checkCompared(inputs.files.length, remedyFor(args, inputs));
  const options = { ...flags, pack: packing(flags, false), batchSize: flags.batch, onNote, worker: false };
  using model = await loadNamed(flags.model, options, context);
  const compared = await comparison(model, inputs, flags, context);
  const note = BY_NOTES[compared.by] ?? placesNote(compared);
  if (note !== undefined) onNote(note);
  for (const { file, damaged } of compared.results) if (damaged !== undefined) onNote(`${file}: damaged: ${damaged}`);
  stdout.write(flags.json ? `${JSON.stringify(plainComparison(compared))}\n` : await comparisonText(compared));
  if (model.folder !== undefined) stderr.write(`${worthOf(model).text}\n`);
  if (flags.html !== undefined) await writeGallery(flags.html, compared, model, inputs, context);
}

/** What to do where too few photos were found in several folders and files: one of them may be a folder without any. */
function remedyFor(args: readonly string[], { files }: Inputs): string | undefined {
  if (args.length < FEWEST_COMPARED || files.length >= FEWEST_COMPARED) return undefined;
  return `give ${SO_MANY} photos, in one folder or file by file, or two folders that roc4mllm eval wrote`;
}

async function comparison(
  model: Model,
  inputs: Inputs,
  { ask, allowDamaged }: ComparePhotosFlags,
  { io, signal }: Context,
): Promise<PictureComparison> {
  const progress = createProgress(io.stderr, "scored", inputs.files.length);
  try {
    return await compare(model, picturesOf(inputs), {
      signal,
      ask,
      ...(allowDamaged && { allowDamaged }),
      onProgress: (done) => progress.update(done),
    });
  } finally {
    progress.stop();
  }
}

/** What the order of the photos in a prompt adds. */
function placesNote({ by, places, results }: PictureComparison): string | undefined {
  if (!places) return undefined;
  const { orders, favour } = places;
  const taken = "this is taken out of the chances";
  if (by === "set") {
    const { scale } = results[0] as ScoreResult;
    const added = favour.map(
      (shift) => `${shift < 0 ? "-" : "+"}${Math.abs(shift).toFixed(scale.max - scale.min > 20 ? 1 : 2)}`,
    );
    return `shown together in ${orders} orders; the places add ${added.join(", ")} to a score, and ${taken}`;
  }
  const chances = favour.map((chance) => `${(100 * chance).toFixed(0)}%`).join(", ");
  const none = `${(100 / favour.length).toFixed(0)}%`;
  return `asked in ${orders} orders; of photos that are alike, the places would be chosen with ${chances} (without an effect ${none} each), and ${taken}`;
}

const NO_CHANCE = "-".padStart(5);
const percent = (chance: number | undefined): string =>
  chance === undefined ? NO_CHANCE : `${(100 * chance).toFixed(0)}%`.padStart(5);

/** A row per photo, best first; behind its chances, that against each other one. */
async function comparisonText(compared: PictureComparison): Promise<string> {
  const [{ padEnd, textWidth }, { formatValue }] = await Promise.all([import("../shared/width.js"), import("../shared/table.js")]); // prettier-ignore
  const { order, best, worst, wins } = plainComparison(compared);
  const names = compared.results.map(({ file }) => printable(file));
  const wide = Math.max(...names.map(textWidth), "photo".length);
  const head = order.map((_, rank) => `>${rank + 1}`.padStart(5)).join(" ");
  const rows = order.map((a, rank) => {
    const { score, std, scale } = compared.results[a] as ScoreResult;
    const spread = std === null ? "" : `± ${formatValue(std, scale)}`;
    const against = order.map((b) => (a === b ? NO_CHANCE : percent(wins?.[a]?.[b]))).join(" ");
    const chances = `${percent(best?.[a])} ${percent(worst?.[a])}`;
    return `${rank + 1}  ${padEnd(names[a] ?? "", wide)}  ${formatValue(score, scale).padStart(5)} ${spread.padEnd(7)} ${chances}  ${against}\n`;
  });
  return `   ${padEnd("photo", wide)}  ${"score".padEnd(13)} ${" best"} ${"worst"}  ${head}\n${rows.join("")}`;
}

/** The photos in their order, with their chances. */
async function writeGallery(
  file: string,
  { order, best, worst, by, results }: PictureComparison,
  model: Model,
  { given }: Inputs,
  { io, signal }: Context,
): Promise<void> {
  const { writeGallery: write } = await import("../../report/gallery/write.js");
  const chances = (i: number): string => `best of these ${percent(best[i]).trim()}, worst ${percent(worst[i]).trim()}`;
  const said = new Map(results.map(({ file: name }, i) => [name, by === "scores" ? "by the score alone" : chances(i)]));
  const { photos } = await write(file, {
    results: order.map((index) => results[index] as ScoreResult),
    failures: [],
    scores: results.map(({ score }) => score),
    worth: worthOf(model),
    pathOf: (name) => (given.has(name) ? undefined : name),
    factsOf: async (name) => ({ exif: said.get(name), taken: undefined }),
    signal,
  });
  io.stderr.write(`${file}: a gallery of ${photos} photos\n`);
}
