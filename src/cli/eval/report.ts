/** `roc4mllm report`: the page of an evaluation. */
import { Command } from "commander";
import { REPORT_FILE } from "../../eval/folder.js";
import { writeReport } from "../../report/write-report.js";
import type { Context } from "../shared/io.js";

interface Flags {
  readonly out?: string;
  readonly training?: string;
  readonly json?: true;
}

const HELP = `
The page holds everything: charts, pictures and figures. It needs no network and runs no script; the pictures are small
copies of the originals, so pass it on as you may pass on those.

Example:
  roc4mllm report runs/tad --training runs/tad-training --out tad.html`;

export function reportCommand(context: Context): Command {
  return new Command("report")
    .description("one HTML page about an evaluation, with charts and pictures")
    .argument("<folder>", "that roc4mllm eval wrote")
    .option("--out <file>", `the page (default: ${REPORT_FILE} in the folder)`)
    .option(
      "--training <folder>",
      "training run whose curves are drawn (default: the folder itself, where it has them)",
    )
    .option("--json", "print {file, bytes} on standard output")
    .addHelpText("after", HELP)
    .action(async (folder: string, { out, training, json }: Flags) => {
      const { file, bytes } = await writeReport(folder, { out, training, signal: context.signal });
      if (json) context.io.stdout.write(`${JSON.stringify({ file, bytes })}\n`);
      else context.io.stderr.write(`Wrote ${file}\n`);
    });
}
