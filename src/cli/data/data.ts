/** `roc4mllm data`: what there is to do with data sets before anything trains on them. */
import { Command, Option } from "commander";
import {
  checkDataset,
  DATASET_KINDS,
  readDataset,
  reportPage,
  type DatasetKind,
  type DataReport,
} from "../../data/index.js";
import { ERROR_CODES } from "../../errors.js";
import { atomicWriteFile } from "../../files/index.js";
import { decodeImage } from "../../image/index.js";
import { reportText } from "./text.js";
import type { Context } from "../shared/io.js";
import { createProgress } from "../shared/progress.js";
import { wantsColors } from "../shared/table.js";
import { whole } from "../shared/numbers.js";

interface CheckFlags {
  readonly kind?: DatasetKind;
  readonly images?: string;
  readonly json?: true;
  readonly report?: string;
  readonly decode: boolean;
  readonly limit?: number;
  readonly ava?: string;
  readonly column?: "color" | "MOS";
}

const CHECK_HELP = `
Checks the rows by split, missing and unreadable images, pictures that stand in a data set twice (by the SHA-256 of their
bytes) within a split or across splits, pictures of different splits that look alike (copies that were resized, saved again,
mirrored or slightly cropped; not with --no-decode), labels that are out of range or no finite number, columns that never change, votes
that disagree with their mean, and standard deviations that the scale does not allow.

Nothing is changed. Exit code: 0 where nothing was found, ${ERROR_CODES.DATA_INVALID} where something was (or where a label
file is not as its format says), ${ERROR_CODES.FILE_NOT_FOUND} where a label file is not there.

Examples:
  roc4mllm data check TAD66K/ --report tad66k.html
  roc4mllm data check AVA/ --images /photos/ava --limit 5000
  roc4mllm data check my-ratings.csv --json | jq .problems`;

/** The group of commands. */
export function dataCommand(context: Context): Command {
  return new Command("data").description("look at data sets before training").addCommand(checkCommand(context));
}

function checkCommand(context: Context): Command {
  return new Command("check")
    .description("the label doctor: what is wrong with a data set")
    .argument("<folder>", "folder of the official files, or of your own CSV or JSON Lines file; or that file")
    .addOption(new Option("--kind <kind>", "default: by the files that lie there").choices(DATASET_KINDS))
    .option(
      "--images <folder>",
      "folder of the pictures, seen from the data set's (default: where it usually has them)",
    )
    .option("--ava <folder>", "ava-captions: folder of AVA's files, seen from the data set's")
    .addOption(new Option("--column <name>", "icaa17k: the score").choices(["color", "MOS"]).default("color"))
    .option("--json", "print the whole report as one JSON object")
    .option("--report <file>", "write a page (HTML) with histograms of every label")
    .option("--no-decode", "do not decode images: much faster, finds no damaged ones")
    .option("--limit <n>", "open this many images at most, spread over the data set", whole(0))
    .addHelpText("after", CHECK_HELP)
    .action((folder: string, flags: CheckFlags) => check(folder, flags, context));
}

async function check(folder: string, flags: CheckFlags, context: Context): Promise<void> {
  const { io, setExitCode } = context;
  const { kind, images, ava, column } = flags;
  const data = await readDataset({
    folder,
    nonFinite: "keep",
    ...(kind && { kind }),
    ...(images !== undefined && { images }),
    ...(ava !== undefined && { ava }),
    ...(column && { column }),
  });
  const report = await examine(data, flags, context);
  if (flags.report !== undefined) await writePage(flags.report, report);
  const colors = wantsColors(io.stdout, io.env);
  io.stdout.write(flags.json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report, colors));
  if (flags.report !== undefined) io.stderr.write(`Wrote ${flags.report}\n`);
  if (report.problems.length > 0) setExitCode(ERROR_CODES.DATA_INVALID);
}

/** Checks with a bar of the images opened. */
async function examine(
  data: Awaited<ReturnType<typeof readDataset>>,
  { decode, limit }: CheckFlags,
  { io, signal }: Context,
): Promise<DataReport> {
  const progress = createProgress(io.stderr, "opened", Math.min(data.samples.length, limit ?? Infinity));
  try {
    const told = { ...data, notes: [...data.notes, ...trainedNotes(data)] };
    return await checkDataset(told, {
      ...(decode && { decode: (file, stopped) => decodeImage(file, stopped ? { signal: stopped } : {}) }),
      ...(limit !== undefined && { limit }),
      onProgress: (done) => progress.update(done),
      signal,
    });
  } finally {
    progress.stop();
  }
}

/** What is only trained on where a text says so. */
function trainedNotes({ samples, missing }: Awaited<ReturnType<typeof readDataset>>): string[] {
  const all = [...samples, ...missing];
  const attributes = [...new Set(all.flatMap(({ attributes: own = {} }) => Object.keys(own)))];
  const commented = all.filter(({ comments }) => comments !== undefined).length;
  const parts = [
    ...(attributes.length > 0 ? [`attributes (${attributes.map((name) => `{${name}}`).join(", ")})`] : []),
    ...(commented > 0 ? [`comments of ${commented} pictures ({comment})`] : []),
  ];
  if (parts.length === 0) return [];
  return [`Ignored in training unless an answer template names them (see docs/data.md): ${parts.join("; ")}.`];
}

async function writePage(file: string, report: DataReport): Promise<void> {
  await atomicWriteFile(file, reportPage(report));
}
