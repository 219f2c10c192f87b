/** `roc4mllm advise`: what of a photo's frame, light and colour a model would score higher, if anything. */
import { buffer } from "node:stream/consumers";
import { Command, InvalidArgumentError } from "commander";
import { ADVICE_KINDS, DEFAULT_KINDS, type Advice } from "../../advice/types.js";
import { DEFAULT_BUDGET, LEAST_BUDGET } from "../../advice/budget.js";
import { gainText, preferredText } from "../../advice/text.js";
import { ERROR_CODES } from "../../errors.js";
import type { Model, ScoreFailure } from "../../engine/index.js";
import { failure } from "../../engine/failures.js";
import { worthOf } from "../../engine/worth.js";
import type { EditKind } from "../../image/edits/index.js";
import { modelOption } from "../shared/default-model.js";
import type { Context } from "../shared/io.js";
import { failureExitCode } from "../shared/json.js";
import { addModelOptions, loadNamed, packing, type ModelFlags } from "../shared/model-options.js";
import { number, whole } from "../shared/numbers.js";
import { printable } from "../shared/printable.js";
import { createProgress } from "../shared/progress.js";
import { expandInputs, type Inputs } from "./inputs.js";
import { checkOutputs } from "./outputs.js";

interface Flags extends ModelFlags {
  readonly model?: string;
  readonly json?: true;
  readonly html?: string;
  readonly out?: string;
  readonly budget: number;
  readonly edits: readonly EditKind[];
  readonly side: number;
  readonly leastPreferred?: number;
  readonly seed: number;
  readonly maxPixels?: number;
}

type Outcome = Advice | ScoreFailure;
/** A photo's path, or its bytes where it came on standard input. */
type Data = string | Buffer;

async function advise(args: readonly string[], flags: Flags, context: Context): Promise<void> {
  const { stdin, stdout, stderr } = context.io;
  context.engine().catch(() => undefined);
  const inputs = await checked(flags, await expandInputs(args, stdin));
  const onNote = (note: string): void => void stderr.write(`note: ${note}\n`);
  inputs.notes.map(printable).forEach(onNote);
  using model = await loadNamed(
    flags.model,
    { ...flags, pack: packing(flags, true), batchSize: flags.batch, onNote, worker: true },
    context,
  );
  const data = await dataOf(inputs);
  const outcomes = await adviseAll(model, inputs.files, data, flags, context, (outcome) =>
    stdout.write(flags.json ? `${JSON.stringify(outcome)}\n` : textOf(outcome)),
  );
  if (inputs.lost > 0) context.setExitCode(ERROR_CODES.FILE_UNREADABLE);
  const failures = outcomes.filter((outcome): outcome is ScoreFailure => "error" in outcome);
  if (failures.length > 0) context.setExitCode(failureExitCode(failures.map(({ error }) => error.code)));
  stderr.write(`${worthOf(model).text}\n`);
  await writeFiles(outcomes, data, model, flags, context);
}

/** Standard input is read once, and used up to three times. */
async function dataOf({ files, given }: Inputs): Promise<ReadonlyMap<string, Data>> {
  const data = new Map<string, Data>(files.map((file) => [file, file]));
  for (const [name, stream] of given) data.set(name, await buffer(stream));
  return data;
}

async function adviseAll(
  model: Model,
  files: readonly string[],
  data: ReadonlyMap<string, Data>,
  flags: Flags,
  { io, signal }: Context,
  print: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const { advise: adviseOn } = await import("../../advice/advise.js");
  const { budget, edits, side, seed, leastPreferred, maxPixels } = flags;
  const limits = {
    ...(leastPreferred !== undefined && { leastPreferred }),
    ...(maxPixels !== undefined && { maxPixels }),
  };
  const progress = createProgress(io.stderr, "scored", files.length * budget);
  const outcomes: Outcome[] = [];
  try {
    for (const [at, name] of files.entries()) {
      const onProgress = (done: number): void => progress.update(at * budget + done);
      const settings = { budget, edits, side, seed, signal, onProgress, ...limits };
      const outcome = await adviseOn(model, { name, data: data.get(name) ?? name }, settings).catch((error: unknown) =>
        failure(name, error),
      );
      outcomes.push(outcome);
      progress.around(() => print(outcome));
      progress.update((at + 1) * budget);
    }
  } finally {
    progress.stop();
  }
  return outcomes;
}

/** A photo's block of lines. */
function textOf(outcome: Outcome): string {
  const name = printable(outcome.file);
  if ("error" in outcome) return `${name}: ${printable(outcome.error.message)}\n`;
  const { score, scale, suggestions, helps, cause } = outcome;
  const head = `${name}: ${score.toFixed(2)} of ${scale.min} to ${scale.max}`;
  if (!helps) return `${head}; nothing helps${refused(outcome)}\n`;
  const rows = suggestions.filter((one) => one.helps).map(({ words, gain, preferred }) => `  ${gainText(gain)}  ${words.join(", ")}; ${preferredText(preferred)}\n`); // prettier-ignore
  return `${head}; ${cause === null ? "no edit alone helps, only these together" : `above all: ${cause}`}\n${rows.join("")}`;
}

function refused({ suggestions: [best] }: Advice): string {
  return best ? ` (the best found: ${best.words.join(", ")}, ${gainText(best.gain)})` : "";
}

/** Refuses what could not be written, before minutes of scoring. @returns the photos that are no copies of an earlier call */
async function checked({ html, out }: Flags, inputs: Inputs): Promise<Inputs> {
  const outputs = { ...(html !== undefined && { html }), ...(out !== undefined && { copyTo: out }) };
  if (html === undefined) return checkOutputs(outputs, inputs, { folderFlag: "--out" });
  const { ADVICE_PAGE } = await import("../../advice/page.js");
  return checkOutputs(outputs, inputs, { folderFlag: "--out", pageKind: ADVICE_PAGE });
}

async function writeFiles(
  outcomes: readonly Outcome[],
  data: ReadonlyMap<string, Data>,
  model: Model,
  { html, out, maxPixels }: Flags,
  context: Context,
): Promise<void> {
  const { stderr } = context.io;
  const photos = outcomes.flatMap((advice) => ("error" in advice ? [] : [{ advice, data: data.get(advice.file) ?? advice.file }])); // prettier-ignore
  if (html !== undefined) {
    const { writeAdvicePage } = await import("../../advice/page.js");
    const failures = outcomes.filter((outcome): outcome is ScoreFailure => "error" in outcome);
    const bytes = await writeAdvicePage(html, { photos, failures, worth: worthOf(model), maxPixels });
    stderr.write(
      `${html}: ${photos.length} ${photos.length === 1 ? "photo" : "photos"}, ${(bytes / 1e6).toFixed(1)} MB\n`,
    );
  }
  if (out !== undefined) await writeCopies(photos, out, maxPixels, context);
}

async function writeCopies(
  photos: readonly { readonly advice: Advice; readonly data: Data }[],
  folder: string,
  maxPixels: number | undefined,
  { io }: Context,
): Promise<void> {
  const { writeEdited } = await import("../../advice/copies.js");
  const helped = photos.filter(({ advice }) => advice.helps);
  for (const { advice, data } of helped) {
    const edits = advice.suggestions[0]?.edits ?? {};
    const path = await writeEdited({ file: advice.file, data, edits }, folder, maxPixels);
    io.stderr.write(`${printable(path)}: the best edit of ${printable(advice.file)}\n`);
  }
  if (helped.length === 0) io.stderr.write(`${folder}: no copy, since nothing helps\n`);
}

/** `exposure,crop`. @throws InvalidArgumentError */
function parseKinds(text: string): readonly EditKind[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !(ADVICE_KINDS as readonly string[]).includes(name));
  if (unknown === undefined) return names as EditKind[];
  throw new InvalidArgumentError(`"${unknown}" is no edit; give some of ${ADVICE_KINDS.join(", ")}, with commas.`);
}

const HELP = `
Edits are tried on a copy in memory: crops (the photo's proportions, 1:1, 5:4, 3:2, 16:9), turns up to 10 degrees, exposure in linear
light, contrast, saturation and, where asked, warmth; each kind by itself, then several together. A turn leaves at least half of the
photo's area, a crop or all edits together a quarter. What is found is scored anew on
small variations that the search has not seen. It helps where 95% of such gains are above 0 and the gain is large enough to
matter; else the answer is that nothing helps. The photos are only read.

--out writes the best edit of each photo that has one, in full size, as NAME-advised.jpg; no file is written over.

Examples:
  roc4mllm advise photo.jpg
  roc4mllm advise photo.jpg --html advice.html --out advised/
  roc4mllm advise my-photos/ --edits exposure,contrast --budget 60 --json > advice.jsonl`;

/** The command. */
export function adviseCommand(context: Context): Command {
  const command = new Command("advise")
    .description("which crop, turn, light or colour would raise a photo's score, and by how much")
    .argument("<photos...>", "image files, folders (searched through), globs, or - for stdin")
    .addOption(modelOption(context.io))
    .option("--json", "JSON Lines: {file, score, scale, helps, cause, suggestions, scorings, size, model} per photo")
    .option("--html <file>", "write a page with each photo before and after; it needs no network")
    .option("--out <folder>", "write the best edit of each photo as a new file; nothing is overwritten")
    .option(
      "--edits <names>",
      `which edits may be made, with commas: ${ADVICE_KINDS.join(", ")}`,
      parseKinds,
      DEFAULT_KINDS,
    )
    .option("--budget <n>", "scorings of a photo, the final check included", whole(LEAST_BUDGET), DEFAULT_BUDGET)
    .option("--least-preferred <share>", "least chance that a rater prefers the edit (default: 0.6)", number(0.5, 1))
    .option("--side <pixels>", "long edge at which edits are tried (of a long photo more)", whole(32), 1024)
    .option("--seed <n>", "of the small variations by which gains are checked", whole(0), 0)
    .option("--max-pixels <n>", "refuse larger images, decompression bombs (default: 268 million)", whole(1));
  return addModelOptions(command)
    .addHelpText("after", HELP)
    .action((photos: string[], flags: Flags) => advise(photos, flags, context));
}
