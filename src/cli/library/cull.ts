/** `roc4mllm cull`: keepers of bursts, stars by rank, and sidecars that say so; and back again. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Command, Option } from "commander";
import { ERROR_CODES, RocError } from "../../errors.js";
import { exists } from "../../files/index.js";
import type { LoadOptions } from "../../engine/index.js";
import { worthOf } from "../../engine/worth.js";
import {
  cullFolder,
  scannedPhotos,
  type CulledFolder,
  type FirstSeen,
  type FolderSpec,
} from "../../library/culling/cull.js";
import type { CullOptions } from "../../library/culling/plan.js";
import { shotsOf } from "../../library/culling/shots.js";
import { parseStars, type StarShare } from "../../library/culling/stars.js";
import { checkUndoFile, planUndo, undo } from "../../library/culling/undo.js";
import { undoName, writeSidecars } from "../../library/culling/write.js";
import { pathOfName } from "../../image/index.js";
import type { SidecarNaming } from "../../photos/xmp.js";
import { expandInputs } from "../score/inputs.js";
import { modelOption } from "../shared/default-model.js";
import type { Context } from "../shared/io.js";
import { failureExitCode } from "../shared/json.js";
import { addModelOptions, findNamed, packing, type LoadFound, type ModelFlags } from "../shared/model-options.js";
import { whole } from "../shared/numbers.js";
import { printable } from "../shared/printable.js";
import { createProgress } from "../shared/progress.js";
import { cullJson, cullText, type Culled, type FirstJudge } from "./cull-text.js";
import { addFirstOptions, firstLook, requireFirst, type FirstFlags, type FirstLook } from "./first.js";
import { addLibraryOption, libraryFile, type LibraryFlags } from "./options.js";

interface Flags extends ModelFlags, LibraryFlags, FirstFlags {
  readonly model?: string;
  readonly dryRun?: true;
  readonly undo?: string;
  readonly force?: true;
  readonly stars?: readonly StarShare[];
  readonly among: "folder" | "library";
  readonly keep?: number;
  readonly taste?: string;
  readonly rejectBrackets?: true;
  readonly labels: boolean;
  readonly sidecars: SidecarNaming;
  readonly undoFile?: string;
}

const HELP = `
Photos belong together where they are near in time and alike: bursts, series of one subject, exposure brackets, copies. Of each
group the best is kept ("pick"), found by comparing what the model says of the ratings of all; the others are marked as rejected. The
other exposures of a bracket are left alone, since they may be wanted for merging. Of a RAW and the JPEG beside it both get
the same. No photo is changed, moved or deleted, ever.

What is kept, and what stands alone, gets stars by its rank: with 5:5%,4:15%,3:30% the best twentieth has five stars.

Scores are kept in the library (roc4mllm library), so that a folder that was scanned is not scored again.

With --first a small checkpoint looks at all photos, and --model at the best share by it (--contenders) and at the whole groups of
these. Stars go by --model's scores alone, so that what the small one left out has none; its groups have a keeper by the small one.
No score of one is ever compared with a score of the other.

With --taste keepers and stars go by what you like (roc4mllm taste): by its scores alone, as it has no spread.

Everything is written into XMP sidecars beside the photos, into those that are there or into new ones. What a person has given (stars,
labels, picks) stays; what this program wrote before is replaced. --dry-run writes nothing and prints what would be written.

Before the first sidecar changes, an undo file is written (default: cull-DATE.undo.jsonl in the folder). "roc4mllm cull --undo FILE"
puts every byte back, and takes away sidecars that are new; those that were changed since are named and stay, unless --force is
given. A stopped command can be undone, or simply given again. --undo-file with a file of an earlier cull adds to it: undoing it takes
back both. Any other file that is there is refused. With --dry-run undoing lists what would come back.

--json: {folder, library, model, taste, scale, first, counts, groups: [{kind, photos: [{file, score, first, best, kept}]}], photos: [{file, score, std, first,
rating, pick, label, group, kept}], failures: [{file, error}], sidecars, undo}; with --undo {undo, restored, refused: [{file, error}]}, with
--undo --dry-run also files: [{file, change}].

More: docs/culling.md

Examples:
  roc4mllm cull my-photos/ --dry-run
  roc4mllm cull my-photos/
  roc4mllm cull my-photos/ --stars 5:10%,4:20% --keep 2 --sidecars replaced
  roc4mllm cull my-photos/ --taste mine
  roc4mllm cull my-photos/ --first laion-v2 --contenders 50%
  roc4mllm cull --undo my-photos/cull-2026-05-01-123005.undo.jsonl`;

/** The command. */
export function cullCommand(context: Context): Command {
  const command = new Command("cull")
    .description("find bursts, pick the best of each, and write stars and picks into XMP sidecars")
    .argument("[folder]", "of photos; searched through")
    .option("--dry-run", "print what would be written, or with --undo come back, and write nothing")
    .option("--json", "print the plan, and what was written, as JSON")
    .option("--undo <file>", "put back what stood in the sidecars before; the file is what `cull` named when it wrote")
    .option("--force", "with --undo: also sidecars that were changed since, whose changes are lost")
    .addOption(modelOption(context.io))
    .option("--stars <shares>", "stars for the best, as 5:5%,4:15%,3:30% (the default), or none", parseStars)
    .addOption(
      new Option("--among <photos>", "whose rank the stars go by: of this folder's photos, or of all in the library")
        .choices(["folder", "library"])
        .default("folder"),
    )
    .option("--keep <n>", "photos of a group that are kept (default: 1)", whole(1))
    .option(
      "--taste <name>",
      "choose and give stars by what a taste says (roc4mllm taste learn), which this library holds",
    )
    .option("--reject-brackets", "reject the other exposures of a bracket too")
    .option("--no-labels", "write no colour labels (default: Green for what is kept of a group, Red for the others)")
    .addOption(
      new Option(
        "--sidecars <naming>",
        "what a new sidecar is called: appended is IMG.CR2.xmp (darktable, digiKam, Immich), replaced is IMG.xmp (Lightroom, " +
          "Capture One)",
      )
        .choices(["appended", "replaced"])
        .default("appended"),
    )
    .option("--undo-file <file>", "where to write the undo file, or add to it (default: into the folder)");
  return addModelOptions(addFirstOptions(addLibraryOption(command)))
    .addHelpText("after", HELP)
    .action((folder: string | undefined, flags: Flags) => {
      if (flags.undo !== undefined) return undoAll(flags.undo, folder, command, context);
      return cull(folder, flags, context);
    });
}

async function cull(folder: string | undefined, flags: Flags, context: Context): Promise<void> {
  if (folder === undefined) throw new RocError("USAGE", "Name the folder of the photos, or --undo FILE.");
  if (flags.force) throw new RocError("USAGE", "--force belongs to --undo; what a person gave is never overwritten.");
  requireFirst(flags);
  if (flags.first !== undefined && flags.among === "library")
    throw new RocError("USAGE", "--among library ranks what one judge has seen, and with --first --model sees contenders alone. Leave one of them out."); // prettier-ignore
  if (flags.first !== undefined && flags.taste !== undefined)
    throw new RocError("USAGE", "--taste is learned on what one checkpoint sees of every photo, and with --first --model sees contenders alone. Leave one of them out."); // prettier-ignore
  await requireFolder(folder);
  if (flags.undoFile !== undefined && (await checkUndoFile(flags.undoFile)) !== undefined)
    context.io.stderr.write(
      `note: ${printable(flags.undoFile)} holds what was written before, too: undoing it takes back both\n`,
    );
  if (flags.undoFile !== undefined && flags.dryRun) await noteUnwritable(flags.undoFile, context);
  const culled = await culledFolder(resolve(folder), flags, context);
  if (!flags.dryRun) await write(culled, flags, context);
  const { stdout } = context.io;
  stdout.write(flags.json ? `${JSON.stringify(cullJson(culled))}\n` : cullText(culled, flags.dryRun === true));
  const codes = culled.failures.map(({ error }) => error.code);
  if (codes.length > 0) context.setExitCode(failureExitCode(codes));
  else if (culled.lost > 0) context.setExitCode(ERROR_CODES.FILE_UNREADABLE);
}

/** A dry run writes no undo file, and says where the culling could not. */
async function noteUnwritable(undoFile: string, { io }: Context): Promise<void> {
  let folder = dirname(resolve(undoFile));
  // Folders that are missing are made.
  while (!(await exists(folder))) folder = dirname(folder);
  const isFolder = (await stat(folder)).isDirectory();
  const isWritable = await access(folder, constants.W_OK).then(() => true, () => false); // prettier-ignore
  if (isFolder && isWritable) return;
  const why = isFolder ? "cannot be written to" : "is no folder";
  io.stderr.write(`note: ${printable(undoFile)} could not be written: ${printable(folder)} ${why}. Name another --undo-file.\n`); // prettier-ignore
}

async function requireFolder(folder: string): Promise<void> {
  const found = await stat(pathOfName(folder)).catch(() => undefined);
  if (found?.isDirectory()) return;
  const what = found ? "is no folder" : "is not there";
  throw new RocError(found ? "USAGE" : "FILE_NOT_FOUND", `${printable(folder)} ${what}; name a folder of photos.`);
}

/** Scores, looks and times of all photos, and the plan. */
async function culledFolder(folder: string, flags: Flags, context: Context): Promise<Culled> {
  const { stderr, stdin } = context.io;
  const onNote = (note: string): unknown => stderr.write(`note: ${note}\n`);
  const { files, notes, lost } = await expandInputs([folder], stdin);
  notes.map(printable).forEach(onNote);
  // The same judge whatever the number of photos is.
  const settings = { ...flags, pack: packing(flags, true), batchSize: flags.batch, onNote, worker: true };
  const library = libraryFile(flags, context);
  const { among, taste, sidecars: naming } = flags;
  const steps = progressOf(context);
  try {
    const spec = { folder, files, library, signal: context.signal, onProgress: steps.follow };
    const second = await findNamed(flags.model, settings, context);
    const look = { ...spec, second, settings, flags };
    const first = flags.first === undefined ? undefined : await seenFirst(flags.first, look, context);
    using model = await second();
    const seen: FirstSeen | undefined = first && { photos: first.looked, contenders: first.files };
    const found = await cullFolder({ ...spec, model, naming, among, taste, options: cullOptions(flags), first: seen });
    steps.stop();
    if (first?.worth !== undefined) onNote(first.worth);
    // Models that were made for a test have no folder.
    if (model.folder !== undefined) onNote(worthOf(model).text);
    const { name, scale } = model;
    const both = { ...found, first: first && firstJudge(first, found) };
    return { ...both, folder, library, model: name, taste, scale, lost, written: undefined, undo: undefined };
  } finally {
    steps.stop();
  }
}

interface SeenFirst extends Pick<FolderSpec, "folder" | "files" | "library" | "signal" | "onProgress"> {
  readonly second: LoadFound;
  readonly settings: LoadOptions;
  readonly flags: Flags;
}

/** What the small judge says of all photos. */
function seenFirst(
  name: string,
  { second, settings, flags: { contenders, firstHead }, ...spec }: SeenFirst,
  context: Context,
): Promise<FirstLook<FirstSeen["photos"]>> {
  const shots = shotsOf(spec.files);
  const looked = { library: spec.library, files: shots.map(({ file }) => file), context, second };
  return firstLook(name, { ...settings, contenders, firstHead }, looked, (model) =>
    scannedPhotos({ ...spec, model }, shots),
  );
}

function firstJudge({ judge, scale, share }: FirstLook<unknown>, { plan }: CulledFolder): FirstJudge {
  const { min, max } = scale;
  return { model: judge.name, scale: { min, max }, share, alone: plan.photos.filter(({ first }) => first).length };
}

/** A line of progress for each step. */
function progressOf({ io }: Context): {
  readonly follow: (step: string, done: number, total: number) => void;
  readonly stop: () => void;
} {
  let current: { readonly step: string; readonly line: ReturnType<typeof createProgress> } | undefined;
  return {
    follow: (step, done, total) => {
      if (current?.step !== step) {
        current?.line.stop();
        current = { step, line: createProgress(io.stderr, step, total) };
      }
      current.line.update(done);
    },
    stop: () => current?.line.stop(),
  };
}

function cullOptions({ stars, keep, rejectBrackets, labels }: Flags): CullOptions {
  return {
    ...(stars && { stars }),
    ...(keep !== undefined && { keep }),
    ...(rejectBrackets && { rejectBrackets }),
    ...(!labels && { labels: {} }),
  };
}

async function write(culled: Culled, { undoFile }: Flags, context: Context): Promise<void> {
  const { folder, sidecars } = culled;
  culled.written = 0;
  if (sidecars.writes.length === 0) return;
  culled.undo = undoFile ?? (await undoName(folder, new Date()));
  const { written, failures } = await writeSidecars(sidecars.writes, culled.undo, folder, context.signal);
  culled.written = written;
  culled.failures.push(...failures);
}

/** What goes with --undo: the other options are of culling. */
const OF_UNDO = ["undo", "dryRun", "force", "json"];

async function undoAll(file: string, folder: string | undefined, command: Command, context: Context): Promise<void> {
  const given = (name: string): boolean => command.getOptionValueSource(name) === "cli";
  const wrong = command.options.find((option) => {
    const name = option.attributeName();
    return !OF_UNDO.includes(name) && given(name);
  });
  if (wrong) throw new RocError("USAGE", `${wrong.long ?? wrong.flags} is of culling, not of --undo. Leave it out.`);
  if (folder !== undefined) await requireFolder(folder);
  const { dryRun, force = false, json } = command.opts<Flags>();
  const options = { force, folder, signal: context.signal };
  const { restored, refused, files } = dryRun
    ? { restored: 0, ...(await planUndo(file, options)) }
    : { ...(await undo(file, options)), files: undefined };
  const errors = refused.map(({ file: name, error: { code, message } }) => ({ file: name, error: { code, message } }));
  const { stdout, stderr } = context.io;
  if (json) stdout.write(`${JSON.stringify({ undo: file, restored, ...(files && { files }), refused: errors })}\n`);
  else {
    for (const { file: name, change } of files ?? []) stdout.write(`${change.padEnd(9)}  ${printable(name)}\n`);
    for (const { error } of errors) stderr.write(`stays: ${printable(error.message)}\n`);
    const changed = errors.some(({ error: { code } }) => code === "IN_USE");
    stderr.write(undoneLine(files?.length ?? restored, { refused: errors.length, changed }, dryRun === true));
  }
  const [first] = refused;
  if (first) context.setExitCode(first.error.exitCode);
}

/** @param stay how many are refused, and whether changes of others are why */
function undoneLine(count: number, stay: { refused: number; changed: boolean }, dryRun: boolean): string {
  const what = count === 1 ? "sidecar" : "sidecars";
  const forced = stay.changed ? " (--force takes back what was changed too)" : "";
  const left = stay.refused === 0 ? "" : `, not ${stay.refused} others${forced}`;
  if (dryRun) return `${count} ${what} would be as before${left}; nothing was changed (--dry-run)\n`;
  return `${count} ${what} ${count === 1 ? "is" : "are"} as before${left}\n`;
}
