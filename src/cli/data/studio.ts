/** `roc4mllm studio`: synthetic data sets in the official formats, and a page that shows them. */
import { Command, InvalidArgumentError } from "commander";
import { STUDIO_FORMATS, type StudioFormatName } from "../../studio/formats/index.js";
import { writeStudioFormats, writeStudioGallery } from "../../studio/write-on-call.js";
import type { Context } from "../shared/io.js";
import { createProgress } from "../shared/progress.js";
import { number, whole } from "../shared/numbers.js";

interface WriteFlags {
  readonly format: readonly [StudioFormatName, ...StudioFormatName[]];
  readonly count: number;
  readonly size: number;
  readonly seed: string | number;
  readonly test: number;
  readonly patterns?: boolean;
  readonly sets?: true;
  readonly json?: true;
}

interface BurstFlags {
  readonly count: number;
  readonly size: number;
  readonly seed: string | number;
  readonly json?: true;
}

interface GalleryFlags {
  readonly out: string;
  readonly count: number;
  readonly json?: true;
}

const WRITE_HELP = `
Formats: ${STUDIO_FORMATS.join(", ")}; several with commas between them, or all.
With one format the folder itself becomes the data set. With several each is in a folder of its name inside, and all of
them share their pictures as hard links: a synthetic copy costs no disk. The same seed gives the same pictures, raters and test part
in every format.

A stopped command resumes where it stopped; a finished one finds that all is there. Formats can be added later: the same
command with more of them renders nothing again.

Pictures have patterns (repetition, symmetry), except for AVA alone, which stays what the demo weights were trained on.

With --sets pictures come in sets: two to eight of one scene, whose sharpness, depth, exposure and placement differ. Their labels name the
set, and a set is in one part.

Examples:
  roc4mllm studio write STUDIO/ --format tad66k --count 500 --size 256 --seed 3
  roc4mllm studio write STUDIO/ --format all --count 8000
  roc4mllm data check STUDIO/aadb/`;

const BURSTS_HELP = `
A photographer's card: bursts, series, exposure brackets and copies, and what is none of them (another subject before the same
ground, a walk, the same scene an hour later, single pictures). Times are in the EXIF of the pictures; bursts.json holds for every picture
its group and the quality that it was composed with.

Example:
  roc4mllm studio bursts CARD/ --count 200`;

const GALLERY_HELP = `
The page holds everything, runs no script and needs no network.

Example:
  roc4mllm studio gallery STUDIO/ --out gallery.html --count 36`;

/** The group of commands. */
export function studioCommand(context: Context): Command {
  return new Command("studio")
    .description("synthetic photographs of known quality, in every official format")
    .addCommand(writeCommand(context))
    .addCommand(burstsCommand(context))
    .addCommand(galleryCommand(context));
}

function writeCommand(context: Context): Command {
  return new Command("write")
    .description("compose, render and rate pictures; the same command resumes a stopped run")
    .argument("<folder>", "of the data set, or of all data sets where several formats are asked for")
    .option("--format <names>", "which data set's files to write (see below)", formatNames, ["ava"])
    .option("--count <n>", "pictures", whole(1), 500)
    .option("--size <px>", "long edge of a picture, 32 to 1024", whole(32), 160)
    .option("--seed <seed>", "a number or a word", seedOf, 0)
    .option("--test <share>", "chance of a picture to be in the test part", number(0, 1), 0.1)
    .option("--patterns", "compose repetition and symmetry too, also for AVA alone")
    .option("--no-patterns", "compose neither")
    .option("--sets", "pictures in sets of two to eight of one scene, of which one is the best: for --format csv")
    .option("--json", "print {folders, count, rendered, recipe} on standard output")
    .addHelpText("after", WRITE_HELP)
    .action((folder: string, flags: WriteFlags) => write(folder, flags, context));
}

function burstsCommand(context: Context): Command {
  return new Command("bursts")
    .description("compose a card of bursts, to try culling on")
    .argument("<folder>", "of the pictures")
    .option("--count <n>", "pictures", whole(1), 200)
    .option("--size <px>", "long edge of a picture, 32 to 640", whole(32, 640), 160)
    .option("--seed <seed>", "a number or a word", seedOf, 0)
    .option("--json", "print {folder, count} on standard output")
    .addHelpText("after", BURSTS_HELP)
    .action((folder: string, flags: BurstFlags) => bursts(folder, flags, context));
}

function galleryCommand(context: Context): Command {
  return new Command("gallery")
    .description("a page (HTML) of pictures with votes, attributes and comments")
    .argument("<folder>", "that `studio write` wrote")
    .option("--out <file>", "the page", "gallery.html")
    .option("--count <n>", "pictures, spread evenly from the best to the worst", whole(1), 24)
    .option("--json", "print {file, bytes} on standard output")
    .addHelpText("after", GALLERY_HELP)
    .action((folder: string, flags: GalleryFlags) => gallery(folder, flags, context));
}

async function write(folder: string, flags: WriteFlags, { io, signal }: Context): Promise<void> {
  const { format, count, size, seed, test, patterns, sets, json } = flags;
  const progress = createProgress(io.stderr, "rendered", count);
  const written = await writeStudioFormats(folder, {
    ...{ formats: format, seed, count, longEdge: size, testFraction: test, signal },
    ...(patterns !== undefined && { patterns }),
    ...(sets && { sets }),
    onProgress: (done) => progress.update(done),
  }).finally(() => progress.stop());
  const { folders, rendered, recipe } = written;
  if (json) io.stdout.write(`${JSON.stringify({ folders, count, rendered, recipe })}\n`);
  else for (const one of folders) io.stderr.write(`${one.format}: ${one.folder}\n`);
  io.stderr.write(`${count} pictures, ${rendered} rendered now\n`);
}

async function bursts(folder: string, { count, size, seed, json }: BurstFlags, { io, signal }: Context): Promise<void> {
  const { writeCard } = await import("../../studio/bursts.js");
  const progress = createProgress(io.stderr, "rendered", count);
  const onProgress = (done: number): void => progress.update(done);
  await writeCard(folder, { seed, count, longEdge: size, signal, onProgress }).finally(() => progress.stop());
  if (json) io.stdout.write(`${JSON.stringify({ folder, count })}\n`);
  else io.stderr.write(`Wrote ${count} pictures and bursts.json into ${folder}\n`);
}

async function gallery(folder: string, { out, count, json }: GalleryFlags, { io, signal }: Context): Promise<void> {
  const progress = createProgress(io.stderr, "embedded", count);
  const onProgress = (done: number): void => progress.update(done);
  const written = await writeStudioGallery(folder, { out, count, onProgress, signal }).finally(() => progress.stop());
  if (json) io.stdout.write(`${JSON.stringify(written)}\n`);
  else io.stderr.write(`Wrote ${written.file}\n`);
}

function formatNames(text: string): StudioFormatName[] {
  if (text === "all") return [...STUDIO_FORMATS];
  return text.split(",").map((name) => {
    const known = STUDIO_FORMATS.find((format) => format === name.trim().toLowerCase());
    if (known) return known;
    throw new InvalidArgumentError(`"${name}" is no format. Known: ${STUDIO_FORMATS.join(", ")}, all.`);
  });
}

/** A number where it is one, so that --seed 3 is the seed 3 of the API. */
function seedOf(text: string): string | number {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}
