/** `roc4mllm taste`: what a person likes, learned of their own ratings. */
import { Command, Option } from "commander";
import { ERROR_CODES } from "../../errors.js";
import { Catalog } from "../../library/catalog.js";
import { gainText } from "../../library/taste/learn-in.js";
import { forgetInFile, learnInFile } from "../../library/taste/on-call.js";
import { TASTE_SOURCES, type TasteSource } from "../../library/taste/ratings.js";
import type { Taste } from "../../library/taste/tastes.js";
import type { Context } from "../shared/io.js";
import { printable } from "../shared/printable.js";
import { lazyProgress } from "../shared/progress.js";
import { addLibraryOption, libraryFile, type LibraryFlags } from "./options.js";

/** What a taste is called where nobody names it. */
const USUAL = "mine";

interface LearnFlags extends LibraryFlags {
  readonly from: TasteSource;
  readonly judge?: string;
}

const LEARN_HELP = `
Learned are the stars, rejects and picks that a person gave; what this program wrote (cull) is left out. stars: what the library knows;
xmp: the sidecars of all its photos as they are now; pairs: what was answered on the page. At least 10 are needed, 50 tell something, 200
a good deal.

The taste is kept only where it ranks photos that it has not seen surely better than the checkpoint alone does: the 95% interval of its
gain is above 0. Else nothing changes, the figures are told, and the exit code is ${ERROR_CODES.TRAINING}.

Examples:
  roc4mllm taste learn
  roc4mllm taste learn weddings --from xmp
  roc4mllm library list --taste mine --limit 20
  roc4mllm score new-photos/ --taste mine --sort`;

function learnCommand(context: Context): Command {
  const command = new Command("learn")
    .description("learn what a person likes from stars, rejects or answered pairs")
    .argument("[name]", "what to call it; one of this name is replaced", USUAL)
    .addOption(new Option("--from <ratings>", "which ratings").choices(TASTE_SOURCES).default("stars"))
    .option("--judge <name>", "on whose vectors, by name or number (default: the checkpoint of the latest scan)")
    .option("--json", "{kept, why, ratings, gain} as JSON");
  return addLibraryOption(command)
    .addHelpText("after", LEARN_HELP)
    .action((name: string, flags: LearnFlags) => learn(name, flags, context));
}

async function learn(name: string, flags: LearnFlags, context: Context): Promise<void> {
  const { stdout, stderr } = context.io;
  const { from, judge, json } = flags;
  const progress = lazyProgress(stderr, "read");
  const learned = await learnInFile(libraryFile(flags, context), name, {
    ...{ from, judge, signal: context.signal },
    onProgress: progress.onProgress,
    onNote: (note) => stderr.write(`note: ${printable(note)}\n`),
  }).finally(() => progress.stop());
  if (!learned.kept) context.setExitCode(ERROR_CODES.TRAINING);
  if (json) stdout.write(`${JSON.stringify({ name, from, ...learned })}\n`);
  else if (learned.kept) stdout.write(`${printable(name)}: learned of ${learned.ratings} ratings. ${learned.why}\n`);
  if (!learned.kept) stderr.write(`error: ${learned.why}\n`);
}

function listCommand(context: Context): Command {
  const command = new Command("list").description("the tastes of the library").option("--json", "a taste per line");
  return addLibraryOption(command).action(async (flags: LibraryFlags) => {
    using catalog = await Catalog.open(libraryFile(flags, context));
    const tastes = catalog.tastes();
    for (const taste of tastes) context.io.stdout.write(flags.json ? `${JSON.stringify(taste)}\n` : `${line(taste)}\n`);
    if (tastes.length === 0) context.io.stderr.write("There are no tastes. Learn one: roc4mllm taste learn\n");
  });
}

function line({ name, source, ratings, gain, judgeName, added }: Taste): string {
  const { base, taste } = gain.srcc ?? gain.accuracy;
  const figure = `${gain.srcc ? "SRCC" : "pairs"} ${base.toFixed(2)} to ${taste.toFixed(2)}`;
  return `${printable(name)}  ${ratings} from ${source}, ${figure}, ${added.slice(0, 10)}, on ${printable(judgeName)}`;
}

function showCommand(context: Context): Command {
  const command = new Command("show")
    .description("what a taste was learned of, and what it gained")
    .argument("<name>", "the taste")
    .option("--json", "the same as JSON");
  return addLibraryOption(command).action(async (name: string, flags: LibraryFlags) => {
    using catalog = await Catalog.open(libraryFile(flags, context));
    const { head, ...taste } = catalog.tasteNamed(name);
    const text = flags.json ? JSON.stringify({ ...taste, numbers: head.weights.length }) : shown(taste);
    context.io.stdout.write(`${text}\n`);
  });
}

function shown(taste: Taste): string {
  const { gain, name, source, ratings, added, judgeName } = taste;
  const { value, low, high } = gain.accuracy.gain;
  const pairs = `Right order of two photos: ${gain.accuracy.base.toFixed(2)} by the base, ${gain.accuracy.taste.toFixed(2)} by the taste; a gain of ${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}, 95%).`; // prettier-ignore
  return [
    `${printable(name)}: learned of ${ratings} ${source === "pairs" ? "answered pairs" : `ratings (${source})`} of ${gain.groups} moments, ${added}`,
    `on vectors of ${printable(judgeName)}.`,
    ...(gain.srcc ? [gainText(gain, source)] : []),
    pairs,
  ].join("\n");
}

function forgetCommand(context: Context): Command {
  const command = new Command("forget")
    .description("forget a taste; ratings and answers stay")
    .argument("<name>", "the taste")
    .option("--json", "{library, forgotten} as JSON");
  return addLibraryOption(command).action(async (name: string, flags: LibraryFlags) => {
    const library = libraryFile(flags, context);
    await forgetInFile(library, name);
    if (flags.json) context.io.stdout.write(`${JSON.stringify({ library, forgotten: name })}\n`);
    context.io.stderr.write(`The taste ${printable(name)} is forgotten; ratings and answers stay.\n`);
  });
}

/** The group of commands. */
export function tasteCommand(context: Context): Command {
  const group = new Command("taste").description("learn what you like from your own stars, and order photos by it");
  for (const create of [learnCommand, listCommand, showCommand, forgetCommand]) group.addCommand(create(context));
  return group;
}
