/** `roc4mllm data`: what there is to do with data sets before anything trains on them. */
import { Command } from "commander";
import { checkData } from "../../data/check-data.js";
import { ERROR_CODES } from "../../errors.js";
import { addDataOptions, dataRequest, type DataFlags } from "../shared/data-options.js";
import type { Context } from "../shared/io.js";
import { whole } from "../shared/numbers.js";
import { lazyProgress } from "../shared/progress.js";
import { wantsColors } from "../shared/table.js";
import { reportText } from "./report-text.js";

interface CheckFlags extends DataFlags {
  readonly json?: true;
  readonly report?: string;
  readonly decode: boolean;
  readonly limit?: number;
}

const CHECK_HELP = `
Checks the rows by split, missing and unreadable images, pictures that are in a data set twice (by the SHA-256 of their
bytes) within a split or across splits, pictures of different splits that look alike (copies that were resized, saved again,
mirrored or slightly cropped; not with --no-decode), labels that are out of range or no finite number, constant columns, votes
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
  const command = new Command("check")
    .description("the label doctor: what is wrong with a data set")
    .argument("<folder>", "folder of the official files, or of your own CSV or JSON Lines file; or that file");
  return addDataOptions(command)
    .option("--json", "print the whole report as one JSON object")
    .option("--report <file>", "write a page (HTML) with histograms of every label")
    .option("--no-decode", "do not decode images: much faster, finds no damaged ones")
    .option("--limit <n>", "open this many images at most, spread over the data set", whole(0))
    .addHelpText("after", CHECK_HELP)
    .action((folder: string, flags: CheckFlags) => check(folder, flags, context));
}

async function check(folder: string, flags: CheckFlags, { io, signal, setExitCode }: Context): Promise<void> {
  const { decode, limit, report: page } = flags;
  const progress = lazyProgress(io.stderr, "opened");
  const spec = { data: dataRequest(folder, flags), decode, limit, report: page };
  const report = await checkData(spec, { signal, onProgress: progress.onProgress }).finally(() => progress.stop());
  const colors = wantsColors(io.stdout, io.env);
  io.stdout.write(flags.json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report, colors));
  if (page !== undefined) io.stderr.write(`Wrote ${page}\n`);
  if (report.problems.length > 0) setExitCode(ERROR_CODES.DATA_INVALID);
}
