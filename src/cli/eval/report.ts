/** `roc4mllm report`: the page of an evaluation. */
import { join } from "node:path";
import { Command } from "commander";
import { readRunFolder, reportPage } from "../../report/index.js";
import { atomicWriteFile } from "../../files/index.js";
import type { Context } from "../shared/io.js";

/** In the run folder. */
export const REPORT_FILE = "report.html";

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
      const file = out ?? join(folder, REPORT_FILE);
      const bytes = await writeReport(folder, file, context.signal, training);
      if (json) context.io.stdout.write(`${JSON.stringify({ file, bytes })}\n`);
      else context.io.stderr.write(`Wrote ${file}\n`);
    });
}

/** Writes the page of a run folder; its size in bytes. */
export async function writeReport(
  folder: string,
  file: string,
  signal: AbortSignal,
  training?: string,
): Promise<number> {
  const page = Buffer.from(await reportPage(await readRunFolder(folder, training), signal));
  await atomicWriteFile(file, page);
  return page.length;
}
