/** `roc4mllm library forget`: leaving photos or a checkpoint's scores out of the library. */
import { Command } from "commander";
import { resolve } from "node:path";
import { RocError } from "../../errors.js";
import { forget } from "../../library/forget.js";
import { realFolder } from "../../library/places.js";
import { pathOfName } from "../../image/index.js";
import type { Context } from "../shared/io.js";
import { addLibraryOption, libraryFile, type LibraryFlags } from "./options.js";

interface ForgetFlags extends LibraryFlags {
  readonly gone?: true;
  readonly judge?: string;
  readonly dryRun?: true;
}

const HELP = `
No photo is changed or deleted: the library forgets what it knows of them, and a scan learns it anew.

Examples:
  roc4mllm library forget --gone
  roc4mllm library forget ~/Pictures/screenshots --dry-run
  roc4mllm library forget --judge demo`;

/** The command. */
export function forgetCommand(context: Context): Command {
  const command = new Command("forget")
    .description("forget photos of a folder, photos that are gone, or a checkpoint's scores")
    .argument("[folder]", "photos in this folder and below; it need not be there any more")
    .option("--gone", "only photos that are not there any more")
    .option("--judge <name>", "all scores of this checkpoint, by name or number; photos stay")
    .option("--dry-run", "only say how many")
    .option("--json", "print the numbers as JSON");
  return addLibraryOption(command)
    .addHelpText("after", HELP)
    .action((folder: string | undefined, flags: ForgetFlags) => forgetSome(folder, flags, context));
}

async function forgetSome(folder: string | undefined, flags: ForgetFlags, context: Context): Promise<void> {
  const { gone, judge, dryRun, json } = flags;
  if (folder === undefined && !gone && judge === undefined)
    throw new RocError("USAGE", "Say what to forget: a folder, --gone, or --judge NAME.");
  if (judge !== undefined && (folder !== undefined || gone))
    throw new RocError("USAGE", "--judge forgets all scores of a checkpoint; give it alone.");
  const library = libraryFile(flags, context);
  const within = folder === undefined ? undefined : Buffer.from(pathOfName(await realFolder(resolve(folder))));
  const forgotten = await forget({ library, folder: within, gone, judge, dryRun });
  if (json) context.io.stdout.write(`${JSON.stringify({ library, ...forgotten, dryRun: dryRun ?? false })}\n`);
  const { files, scores } = forgotten;
  const would = dryRun ? "would be forgotten" : "forgotten";
  context.io.stderr.write(`${files} photos and ${scores} scores ${would}; no photo is touched.\n`);
}
