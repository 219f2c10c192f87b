/** `roc4mllm score`: scores of photos, as a table or as JSON Lines. */
import { Command, Option } from "commander";
import { ERROR_CODES, RocError, beginning } from "../../errors.js";
import type { Model, ScoreResult } from "../../engine/index.js";
import { EXPLAIN_METHODS } from "../../engine/explain/types.js";
import { PACKING_PAYS } from "../../models/packing.js";
import { checkExplainFlags, explainAll, type ExplainFlags } from "./explanations.js";
import { expandInputs, picturesOf, type Inputs } from "./inputs.js";
import { problemOf, type Question } from "../../roc/question.js";
import { COMMENT } from "../../roc/template.js";
import { calibrationText } from "../../engine/calibration.js";
import { worthOf } from "../../engine/worth.js";
import { printable } from "../shared/printable.js";
import { modelOption } from "../shared/default-model.js";
import type { Context } from "../shared/io.js";
import { failureExitCode, isFailure, resultLine } from "../shared/json.js";
import {
  addIntervalOptions,
  addModelOptions,
  intervalFlags,
  loadNamed,
  packing,
  type IntervalFlags,
  type ModelFlags,
} from "../shared/model-options.js";
import { checkOutputs, writeOutputs, type OutputFlags } from "./outputs.js";
import { SavedScores } from "./saved-scores.js";
import { isForAll, parseTop, passes, select, type Ranked, type SelectionFlags } from "./selection.js";
import { number, parseScale, whole } from "../shared/numbers.js";
import { createProgress, type Progress } from "../shared/progress.js";
import { tasteLine } from "../shared/taste-line.js";
import { summaryLine } from "../shared/summary-line.js";

/** So many photos are scored on this thread: a worker would take longer to start than it gains. */
const FEW = 3;

interface ScoreOptions extends ModelFlags, IntervalFlags, SelectionFlags, OutputFlags, ExplainFlags {
  readonly model?: string;
  readonly json?: true;
  readonly maxPixels?: number;
  readonly comments?: true;
  readonly allowDamaged?: true;
  readonly ask?: readonly string[];
  readonly answer?: readonly string[];
  readonly taste?: string;
}

type Outcome = Ranked;

/** How an outcome is written. */
async function createWriter(
  files: readonly string[],
  { json, percentile }: ScoreOptions,
  { calibration }: Model,
  { io }: Context,
): Promise<(outcome: Ranked) => string> {
  if (json) return resultLine;
  // JSON needs none of what measures texts, which takes a while to load.
  const { ScoreTable, wantsColors } = await import("../shared/table.js");
  const { stdout, env } = io;
  const columns = stdout.isTTY === true ? (stdout.columns ?? 80) : undefined;
  const shown = { percentile: percentile === true, intervals: calibration !== undefined };
  const table = new ScoreTable({ files, columns, colors: wantsColors(stdout, env), ...shown });
  return (outcome) => table.row(outcome);
}

/** Everything that the model says about the files, given to `take` one by one in the order of the input. */
async function scoreAll(
  model: Model,
  inputs: Inputs,
  options: ScoreOptions,
  context: Context,
  progress: Progress,
  take: (outcome: Outcome) => void,
): Promise<void> {
  const { maxPixels, comments, allowDamaged, taste } = options;
  const questions = questionsOf(options);
  const settings = {
    ...(questions.length > 0 && { questions }),
    ...(comments && { comments }),
    ...(allowDamaged && { allowDamaged }),
    ...(taste !== undefined && { embedding: true }),
    signal: context.signal,
    onProgress: (done: number) => progress.update(done),
    ...(maxPixels === undefined ? {} : { maxPixels }),
  };
  const saved = options.resume === undefined ? undefined : await SavedScores.open(options.resume, model, settings);
  let count = 0;
  try {
    for await (const outcome of (saved ?? model).score(picturesOf(inputs), settings)) {
      take(outcome);
      progress.update(++count);
    }
  } finally {
    await saved?.close();
  }
  if (saved && saved.reused > 0)
    context.io.stderr.write(`${saved.reused} of ${inputs.files.length} scores were taken from ${options.resume}\n`);
}

/** Templates first: with the canonical prompt, which is in the cache then. */
function questionsOf({ answer = [], ask = [] }: ScoreOptions): Question[] {
  return [...answer.map((template) => ({ answer: template })), ...ask.map((prompt) => ({ prompt }))];
}

async function score(args: readonly string[], options: ScoreOptions, context: Context): Promise<void> {
  const { stdin, stdout, stderr } = context.io;
  // Loaded while the inputs are looked for; what is wrong is told when the model is loaded.
  context.engine().catch(() => undefined);
  checkLibraryFlags(options);
  checkExplainFlags(options);
  const inputs = await checkOutputs(options, await expandInputs(args, stdin));
  const { files, notes } = inputs;
  let around = (print: () => void): void => print();
  const onNote = (note: string): void => around(() => stderr.write(`note: ${note}\n`));
  notes.map(printable).forEach(onNote);
  // A job that is resumed must not differ by how many photos there are by then.
  const pack = packing(options, options.resume !== undefined || files.length >= PACKING_PAYS);
  using model = await loadNamed(
    options.model,
    { ...options, ...intervalFlags(options), pack, batchSize: options.batch, onNote, worker: files.length > FEW },
    context,
  );
  noteComments(options, model, onNote);
  const taste = await tasting(options, model);
  const place = await placing(options, model);
  const write = await createWriter(files, options, model, context);
  const outcomes: Outcome[] = [];
  const started = Date.now();
  const progress = createProgress(stderr, "scored", files.length);
  around = progress.around.bind(progress);
  try {
    await scoreAll(model, inputs, options, context, progress, (scored) => {
      const outcome = taste(scored);
      outcomes.push(outcome);
      if (!isForAll(options) && passes(outcome, options)) progress.around(() => stdout.write(write(outcome)));
    });
  } finally {
    progress.stop();
  }
  const milliseconds = Date.now() - started;
  const all = await place(outcomes);
  const chosen = await explainAll(select(all, options), options, { model, given: inputs.given }, context);
  if (isForAll(options)) for (const outcome of chosen) stdout.write(write(outcome));
  if (inputs.lost > 0) context.setExitCode(ERROR_CODES.FILE_UNREADABLE);
  finish(outcomes, milliseconds, context);
  // Models that were made for a test have no folder.
  if (model.folder !== undefined) stderr.write(`${worthOf(model).text}\n`);
  if (model.calibration) stderr.write(`${calibrationText(model.calibration)}.\n`);
  tellChosen(chosen, outcomes, options, context);
  await writeOutputs(options, { chosen, all, model, given: inputs.given }, context);
}

function noteComments({ comments }: ScoreOptions, { name, method }: Model, onNote: (note: string) => void): void {
  if (comments && method && !method.comments && !method.answer.includes(`{${COMMENT}}`))
    onNote(`--comments: the answers of ${name} hold no comment, so none is written`);
}

/** @throws RocError USAGE */
function checkLibraryFlags({ library, percentile, taste, resume }: ScoreOptions): void {
  if (library !== undefined && !percentile && taste === undefined)
    throw new RocError("USAGE", "--library goes with --percentile or --taste. Add one, or leave --library out.");
  if (taste !== undefined && resume !== undefined)
    throw new RocError("USAGE", "--taste needs more of each photo than --resume keeps. Leave one of them out; a library (library scan) keeps all of it."); // prettier-ignore
}

/** What adds the scores of a taste, where that is asked for. */
async function tasting({ taste, library }: ScoreOptions, model: Model): Promise<(outcome: Outcome) => Outcome> {
  if (taste === undefined) return (outcome) => outcome;
  return (await import("./taste.js")).tasterFor(taste, library, model);
}

/** What gives the results their places, where these are asked for. */
async function placing(
  { percentile, library, taste }: ScoreOptions,
  model: Model,
): Promise<(outcomes: readonly Outcome[]) => readonly Ranked[] | Promise<readonly Ranked[]>> {
  if (percentile !== true) return (outcomes) => outcomes;
  const { amongLibrary, amongThese } = await import("./percentiles.js");
  // A taste's scores are ordered among themselves.
  return library === undefined || taste !== undefined ? amongThese : amongLibrary(library, model);
}

/** How many of the photos were asked for. */
function tellChosen(
  chosen: readonly Ranked[],
  outcomes: readonly Outcome[],
  { top, min, percentile, library, taste, json }: ScoreOptions,
  { io }: Context,
): void {
  const [shown, scored] = [chosen, outcomes].map((some) => some.filter((one) => !isFailure(one)).length);
  if (top !== undefined || min !== undefined) io.stderr.write(`${shown} of ${scored} scored photos chosen\n`);
  if (taste !== undefined && !json) io.stderr.write(`${tasteLine(taste)}\n`);
  const of = library === undefined || taste !== undefined ? "these photos" : "the library's photos";
  if (percentile && !json)
    io.stderr.write(`Behind the bar: the percentile, that is the share of ${of} with a lower score
`);
}

function finish(outcomes: readonly Outcome[], milliseconds: number, { io, setExitCode }: Context): void {
  const scored = outcomes.filter((outcome): outcome is ScoreResult => !isFailure(outcome));
  const failures = outcomes.filter(isFailure);
  const { scale, model, dtype, quantization } = scored.at(-1) ?? {};
  const beyond = scored.filter(({ score, scale: { min, max } }) => score < min || score > max).length;
  const end = { milliseconds, scale, beyond, model, dtype, quantization };
  io.stderr.write(summaryLine({ scored: scored.length, failed: failures.length, ...end }));
  if (failures.length > 0) setExitCode(failureExitCode(failures.map(({ error }) => error.code)));
}

const HELP = `
Data goes to standard output, progress to standard error. A photo that cannot be scored is a row (with --json an object
{file, error: {code, message}}) of its own; the others are scored, and the exit code is then ${ERROR_CODES.FILE_UNREADABLE}, as it is where a folder
cannot be looked into, or ${ERROR_CODES.SCORE_NOT_FINITE} where the model gave NaN or infinite numbers for one (SCORE_NOT_FINITE: its message says
why). Hidden files and folders are skipped.

With --resume the same command resumes a stopped one, however it ended, also with --sort or as JSON. Scores are taken
from the file for pictures of the same path, size and time; those that failed are tried again. Its scores have to be
of the same checkpoint, scorer, aspect, prompt, dtype, --quantize, --comments and the like: what differs is named. One process at a time uses the file.

--top and --min choose the photos that are printed, written and copied; with both, those of the best that have the score. A share is
one of all photos that have a score, rounded up. Photos that failed are always reported, in the CSV file with the error's code.

--copy-to keeps names, times and permissions; of two photos with one name the second becomes name-2. The same command again copies
nothing twice. --html embeds thumbnails of 480 pixels (of more than 1,000 photos smaller ones) and links to the photos where they are.

--ask and --answer are answered from one pass of each photo through the vision tower, and from what the model has computed
of the same prompt already. Their answers are below the photo's row, with --json in "answers": [{prompt, answer, scores}].

A checkpoint of a published scorer (Q-ReAlign, ArtiMuse, UniPercept, HPSv3, Q-SiT, Q-Insight, VisualQuality-R1, Aes-R1, Q-Align) is
recognised by its files and scored as its authors do; --scorer names it where they do not say it. Which aspects, prompts and
scales they have: docs/published-scorers.md.

--explain writes NAME.explain.png (blue lifts the score, orange lowers it) and NAME.explain.json of every photo that is printed; with
--json its result names both under "explained". A photo then costs so many as --explain-evaluations says: docs/explain.md.

Examples:
  roc4mllm score my-photos/
  roc4mllm score my-photos/ --ask "What could be better?" --answer "Light {light}, colour {colour}."
  roc4mllm score my-photos/ --json > scores.jsonl
  roc4mllm score my-photos/ --top 10% --copy-to best/
  roc4mllm score my-photos/ --percentile --csv scores.csv --html scores.html
  roc4mllm score my-photos/ --sort --resume scores.saved
  roc4mllm score my-photos/ --top 5 --explain maps/
  roc4mllm score my-photos/ --model q-future/Q-ReAlign-Mini-0.8B --aspect aesthetics
  curl -s https://example.org/photo.jpg | roc4mllm score -
  find . -name "*.jpg" -newer last.jpg | roc4mllm score --sort -`;

/** The values of an option that may be there several times. @throws RocError USAGE, which repeats no long text */
function questions(flag: string, field: "prompt" | "answer") {
  return (value: string, before: readonly string[] = []): readonly string[] => {
    const problem = problemOf({ [field]: value });
    if (problem) {
      const text = JSON.stringify(beginning(value));
      throw new RocError("USAGE", `${flag} ${text}: ${problem.message}. Correct it.`);
    }
    return [...before, value];
  };
}

/** The command. */
export function scoreCommand(context: Context): Command {
  const command = new Command("score")
    .description("score photos: how good, and how sure")
    .argument(
      "<inputs...>",
      "image files, folders (searched through), globs, or - for stdin: a list of paths, or one photo",
    )
    .addOption(modelOption(context.io))
    .option("--allow-damaged", "score what is left of damaged files too, marked in the result")
    .option(
      "--json",
      "JSON Lines: {file, score, scale, std, distribution, answer, model} per image, dtype if not float32, quantization and " +
        "scorer (name, aspect, prompt, its source) if any",
    )
    .option(
      "--scale <min,max>",
      "lowest and highest score of the results (default: of the ratings that the checkpoint was trained on)",
      parseScale,
    )
    .option("--sort", "best first (default: the order of the inputs)")
    .option("--top <n>", "the best n photos alone, or a share as 10%; best first", parseTop)
    .option("--min <score>", "photos with at least this score alone", number())
    .option("--percentile", "say which share of these photos has a lower score, in percent; equal ones count half")
    .option(
      "--library <file>",
      "with --percentile: among all photos of a library that were scored so, instead of these; with --taste: where that is",
    )
    .option("--taste <name>", "also what a taste says (roc4mllm taste learn), by which --sort, --top and --min then go")
    .option("--csv <file>", "write a table for spreadsheets: one row per photo, a column per attribute")
    .option("--html <file>", "write a gallery, best first: one page that needs no network")
    .option("--copy-to <folder>", "copy the photos, with their XMP sidecars; nothing is overwritten, moved or deleted")
    .option("--explain <folder>", "write for each photo a picture of which parts move its score, and the map as JSON")
    .addOption(
      new Option(
        "--explain-by <method>",
        "with --explain: gradient (default where the score has one), which was truer and is faster; or occlusion, which scores again without a part",
      ).choices(EXPLAIN_METHODS),
    )
    .option("--of <name>", "with --explain: of this attribute (default: of the overall score)")
    .option(
      "--explain-evaluations <n>",
      "with --explain: pictures that are scored for each photo at most (default: 96)",
      whole(8, 4096),
    )
    .option(
      "--resume <file>",
      "save scores in a file, one line each as they come, and skip pictures that it has; other settings are refused",
    )
    .option("--comments", "have comments written, by checkpoints whose answers hold one behind the scores")
    .option(
      "--ask <question>",
      "a further question about every photo, answered in words; again for more",
      questions("--ask", "prompt"),
    )
    .option(
      "--answer <template>",
      'have further scores read in one answer, as "Light {light}, colour {colour}."; again for more',
      questions("--answer", "answer"),
    )
    .option("--max-pixels <n>", "refuse larger images, decompression bombs (default: 268 million)", whole(1));
  return addIntervalOptions(addModelOptions(command))
    .addHelpText("after", HELP)
    .action((inputs: string[], options: ScoreOptions) => score(inputs, options, context));
}
