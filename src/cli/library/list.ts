/** `roc4mllm library list`: the photos of the library in order. */
import { Command } from "commander";
import type { ErrorCode } from "../../errors.js";
import { Catalog, type Judge, type Photo } from "../../library/catalog.js";
import { plainPhoto } from "../../library/plain-photo.js";
import type { Context } from "../shared/io.js";
import { printable } from "../shared/printable.js";
import { ScoreTable, wantsColors } from "../shared/table.js";
import { tasteLine } from "../shared/taste-line.js";
import {
  addQueryOptions,
  chosenJudge,
  judgeLine,
  libraryFile,
  photosOf,
  WHERE_HELP,
  type QueryFlags,
} from "./options.js";

const HELP = `${WHERE_HELP}

Examples:
  roc4mllm library list --limit 20
  roc4mllm library list --where "percentile >= 90 and taken >= 2026-05" --sort taken
  roc4mllm library list --where "stars = none and score > 7" --json`;

/** The command. */
export function listCommand(context: Context): Command {
  const command = new Command("list")
    .description("the photos of the library, best first")
    .option("--json", "JSON Lines: {id, file, ..., score, std, percentile, ...} per photo");
  return addQueryOptions(command)
    .addHelpText("after", HELP)
    .action((flags: QueryFlags) => list(flags, context));
}

async function list(flags: QueryFlags, context: Context): Promise<void> {
  const { stdout, stderr } = context.io;
  using catalog = await Catalog.open(libraryFile(flags, context));
  const judge = chosenJudge(catalog, flags);
  const photos = await photosOf(catalog, flags, judge, context);
  if (flags.json) for (const photo of photos) stdout.write(`${JSON.stringify(plainPhoto(photo, judge))}\n`);
  else writeTable(photos, judge, context);
  if (flags.taste !== undefined && !flags.json) stderr.write(`${tasteLine(flags.taste)}\n`);
  stderr.write(`${photos.length} ${photos.length === 1 ? "photo" : "photos"}. ${judgeLine(catalog, judge)}`);
}

function writeTable(photos: readonly Photo[], judge: Judge | undefined, { io }: Context): void {
  const { stdout, env } = io;
  const columns = stdout.isTTY === true ? (stdout.columns ?? 80) : undefined;
  const intervals = photos.some(({ score }) => score?.interval);
  const files = photos.map(({ file }) => file);
  const table = new ScoreTable({ files, columns, colors: wantsColors(stdout, env), intervals });
  for (const { file, score, error, seenBy, taste } of photos) {
    if (score && judge)
      stdout.write(
        table.row({
          ...score,
          ...(taste && { taste, percentile: taste.percentile }),
          file,
          scale: judge.scale,
          model: judge.name,
        }),
      );
    else if (error) stdout.write(table.row({ file, error: { ...error, code: error.code as ErrorCode } }));
    else stdout.write(`${printable(file)}  not scored by this checkpoint${seenText(seenBy)}\n`);
  }
}

/** A score of another checkpoint has no place in this one's order. */
function seenText(judges: readonly string[] | undefined): string {
  return judges ? `; seen by ${judges.map(printable).join(", ")} (--judge)` : "";
}
