/** `roc4mllm library scan`: folders of photos into the library. */
import { Command } from "commander";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { ERROR_CODES, RocError } from "../../errors.js";
import type { Model } from "../../engine/index.js";
import { worthOf } from "../../engine/worth.js";
import { pathOfName, readableName } from "../../image/index.js";
import { placesOf } from "../../library/places.js";
import { scan, type ScanSummary } from "../../library/scan/scan.js";
import { searchInputs, type Inputs } from "../score/inputs.js";
import { QueuedModel } from "../../queue/client.js";
import { modelOption } from "../shared/default-model.js";
import type { Context } from "../shared/io.js";
import { addModelOptions, findNamed, packing, type LoadFound, type ModelFlags } from "../shared/model-options.js";
import { openQueued } from "../shared/queue.js";
import { parseScale, whole } from "../shared/numbers.js";
import { printable } from "../shared/printable.js";
import { createProgress } from "../shared/progress.js";
import { addFirstOptions, firstLook, requireFirst, type FirstFlags, type FirstLook } from "./first.js";
import { addLibraryOption, libraryFile, type LibraryFlags } from "./options.js";

interface ScanFlags extends ModelFlags, LibraryFlags, FirstFlags {
  readonly model?: string;
  readonly retry?: true;
  readonly maxPixels?: number;
  readonly comments?: true;
  readonly vectors: boolean;
  readonly addVectors?: true;
  readonly queue?: string;
  readonly byPath?: true;
}

const HELP = `
A file is known by its content: moved, renamed and copied files keep their score, edited ones are scored anew. A further scan
looks at size and times of what it knows, and opens nothing. Every score is kept as it comes: whatever stops a scan, the same
command continues. Files that are gone are marked, not forgotten, as their drive may not be mounted (library forget).
--comments also asks about photos that have a score and no comment yet; --no-vectors keeps what vectors there are,
and --add-vectors scores again what has none.
Links to folders are followed, and a photo is in the library once, under the real path of its folder.
Files that cannot be read or scored are kept with the reason, and tried again when they change, or with --retry.

With --first two checkpoints look: the small one at all photos, --model at the best share by it (--contenders), and at all photos that
score as high as the last of these. Their scores stay apart: lists are of --model as soon as it has begun, and photos that the small one
alone has seen are behind them without a score, or in an order of their own with --judge.

With --queue workers on other machines score (roc4mllm worker), of whose checkpoints --model chooses one. Photos travel through Redis, up to
64 MiB each; with --by-path workers read them themselves, which have the folders at the same place and were started with --root.

One process at a time scans into a library; others may read it meanwhile. Scores of several checkpoints stay apart. Photos are
only read.

Exit code ${ERROR_CODES.FILE_UNREADABLE}: some could not be read or scored; ${ERROR_CODES.IN_USE}: another process scans into the library.

Examples:
  roc4mllm library scan ~/Pictures
  roc4mllm library scan ~/Pictures --comments
  roc4mllm library scan ~/Pictures /media/card --model q-future/Q-ReAlign-Mini-0.8B
  roc4mllm library scan ~/Pictures --first laion-v2 --contenders 20%
  roc4mllm library list --limit 20`;

/** The command. */
export function scanCommand(context: Context): Command {
  const command = new Command("scan")
    .description("score the photos of folders, and keep the scores; again: what is new")
    .argument("<folders...>", "folders, which are searched through; image files, globs, or - for a list of paths")
    .addOption(modelOption(context.io))
    .option("--retry", "try again what has failed before")
    .option("--comments", "have comments written, too, by checkpoints that write any; takes a step per token")
    .option("--no-vectors", "keep no vectors (for similarity and taste), which take 4 bytes a number")
    .option("--add-vectors", "also of photos that were scanned without: each of them is scored again")
    .option("--queue <url>", "redis://HOST:PORT: let its workers score")
    .option("--by-path", "with --queue: workers read the photos themselves, at the same paths (worker --root)")
    .option("--json", "print the summary as JSON")
    .option("--max-pixels <n>", "refuse larger images, decompression bombs (default: 268 million)", whole(1))
    .option(
      "--scale <min,max>",
      "lowest and highest score (default: of the ratings that it was trained on)",
      parseScale,
    );
  return addModelOptions(addFirstOptions(addLibraryOption(command)))
    .addHelpText("after", HELP)
    .action((folders: string[], flags: ScanFlags) => scanFolders(folders, flags, context));
}

async function scanFolders(args: readonly string[], flags: ScanFlags, context: Context): Promise<void> {
  requireFirst(flags);
  if (flags.byPath && flags.queue === undefined)
    throw new RocError("USAGE", "--by-path is about workers; give their --queue.");
  if (flags.addVectors && !flags.vectors)
    throw new RocError("USAGE", "--add-vectors and --no-vectors contradict each other. Leave one of them out.");
  const { stderr, stdout } = context.io;
  context.engine().catch(() => undefined);
  const folders = await foldersOf(args);
  const inputs = await searchInputs(args, context.io.stdin);
  const files = await filesOf(inputs);
  let around = (print: () => void): void => print();
  const say = (text: string): void => around(() => stderr.write(text));
  const onNote = (note: string): void => say(`note: ${note}\n`);
  inputs.notes.map(printable).forEach(onNote);
  // The same judge whatever the number of photos is.
  const settings = { ...flags, pack: packing(flags, true), batchSize: flags.batch, onNote, worker: true };
  const library = libraryFile(flags, context);
  const started = Date.now();
  const scanBy = async (model: Model, files: readonly string[], folders: readonly string[], label: string) => {
    const progress = createProgress(stderr, label, files.length);
    around = progress.around.bind(progress);
    const { retry, maxPixels, comments, addVectors } = flags;
    const vectors = addVectors ? "all" : flags.vectors;
    return scan({
      ...{ library, files, folders, model, retry, maxPixels, comments, vectors, signal: context.signal },
      ...(model instanceof QueuedModel && { hashOf: (outcome) => model.hashOf(outcome) }),
      onProgress: (done) => progress.update(done),
      onNote,
      onFailure: ({ error }) => say(`failed: ${printable(error.message)} (${error.code})\n`),
    }).finally(() => {
      progress.stop();
      around = (print) => print();
    });
  };
  try {
    const { queue, byPath } = flags;
    const queued = (at: string): LoadFound => (others) => openQueued(flags, at, context, { looks: true, byPath, onNote, ...others }); // prettier-ignore
    const second = queue === undefined ? await findNamed(flags.model, settings, context) : queued(queue);
    const first =
      flags.first === undefined
        ? undefined
        : await firstLook(flags.first, settings, { library, files, context, second }, (model) =>
            scanBy(model, files, folders, "looked at first"),
          );
    if (first) stderr.write(firstText(first, (Date.now() - started) / 1000, library));
    using model = await second();
    const wanted = first ? files.filter((file) => first.files.has(file)) : files;
    const summary = await scanBy(model, wanted, first ? [] : folders, "looked at");
    const seconds = (Date.now() - started) / 1000;
    const beside = first && { first: { model: first.judge.name, ...first.looked }, contenders: first.files.size };
    if (flags.json) stdout.write(`${JSON.stringify({ library, model: model.name, ...summary, ...beside, seconds })}\n`);
    stderr.write(summaryText(summary, seconds, library));
    if (model.folder !== undefined) stderr.write(`${worthOf(model).text}\n`);
    const failed = summary.failed + (first?.looked.failed ?? 0);
    if (failed > 0 || inputs.lost > 0) context.setExitCode(ERROR_CODES.FILE_UNREADABLE);
  } catch (error) {
    if (!context.signal.aborted) throw error;
    const message = `Stopped. What has been scored is in ${library}; the same command continues.`;
    throw new RocError("ABORTED", message, { cause: error });
  }
}

/** What the first judge came to. */
function firstText(first: FirstLook<ScanSummary>, seconds: number, library: string): string {
  const { judge, scored, files, worth } = first;
  const left = scored.size - files.size;
  const lines = [
    `${summaryText(first.looked, seconds, library).trimEnd()} by ${printable(judge.name)}`,
    `${files.size} of ${scored.size} go on to --model; ${left} are seen by ${printable(judge.name)} alone`,
    ...(worth === undefined ? [] : [worth]),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/**
 * Those of the arguments that are folders, from the root.
 *
 * @throws RocError FILE_NOT_FOUND for what is not there
 */
async function foldersOf(args: readonly string[]): Promise<string[]> {
  const folders: string[] = [];
  for (const arg of args) {
    const found = await stat(pathOfName(arg)).catch(() => undefined);
    if (found?.isDirectory()) folders.push(resolve(arg));
    if (!found && arg !== "-" && !/[*?[{]/.test(arg)) {
      const remedy = "Check the path, or mount its drive. Nothing in the library has been changed.";
      throw new RocError("FILE_NOT_FOUND", `${readableName(arg)} is not there. ${remedy}`);
    }
  }
  return folders;
}

/** Places of the files, each once. @throws RocError USAGE for a picture that has no path */
async function filesOf({ files, given }: Inputs): Promise<string[]> {
  if (given.size > 0)
    throw new RocError("USAGE", "A photo on standard input has no path to keep. Give folders, or a list of paths.");
  return [...new Set(await placesOf(files.map((file) => resolve(file))))];
}

/** A line of what was found, one of what was done. */
function summaryText(summary: ScanSummary, seconds: number, library: string): string {
  const { files, unchanged, added, changed, moved, copies, missing, gone, scored, failed, failedBefore, unsettled } =
    summary;
  const { commented = 0 } = summary;
  const counts = { unchanged, new: added, edited: changed, moved, "copies of others": copies };
  const found = Object.entries(counts).flatMap(([name, count]) => (count > 0 ? [`${count} ${name}`] : []));
  const rest = [
    missing > 0 ? `${missing} could not be found: links to nothing, or moved meanwhile` : "",
    gone > 0 ? `${gone} ${gone === 1 ? "file is" : "files are"} not there any more; kept as gone` : "",
    unsettled > 0 ? `${unsettled} changed meanwhile: the next scan takes them` : "",
    failedBefore > 0 ? `${failedBefore} failed before and have not changed (--retry)` : "",
  ].filter((text) => text !== "");
  const failures = failed > 0 ? `, ${failed} failed` : "";
  const rate = Math.round(files / Math.max(seconds, 1e-3));
  const first = `${files} ${files === 1 ? "photo" : "photos"} (${found.join(", ") || "none"}) in ${seconds.toFixed(1)} s (${rate} files/s)`;
  return `${first}; ${scored} scored${commented > 0 ? `, ${commented} asked for a comment` : ""}${failures}, in ${readableName(library)}\n${rest.map((text) => `${text}\n`).join("")}`;
}
