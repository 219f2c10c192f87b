/** `roc4mllm report`: the page of an evaluation. */
import { Command } from "commander";
import { REPORT_FILE } from "../../eval/folder.js";
import { writeReport } from "../../report/write-report.js";
import { RocError } from "../../errors.js";
import { modelOption } from "../shared/default-model.js";
import type { Context } from "../shared/io.js";
import { loadNamed } from "../shared/model-options.js";
import { whole } from "../shared/numbers.js";
import { createProgress } from "../shared/progress.js";

interface Flags {
  readonly out?: string;
  readonly training?: string;
  readonly json?: true;
  readonly explain?: number;
  readonly model?: string;
}

const HELP = `
The page holds everything: charts, pictures and figures. It needs no network and runs no script; the pictures are small
copies of the originals, so pass it on as you may pass on those.

Example:
  roc4mllm report runs/tad --training runs/tad-training --out tad.html
  roc4mllm report runs/tad --explain 8 --model my-checkpoint/`;

export function reportCommand(context: Context): Command {
  return new Command("report")
    .description("one HTML page about an evaluation, with charts and pictures")
    .argument("<folder>", "that roc4mllm eval wrote")
    .option("--out <file>", `the page (default: ${REPORT_FILE} in the folder)`)
    .option(
      "--training <folder>",
      "training run whose curves are drawn (default: the folder itself, where it has them)",
    )
    .option(
      "--explain <n>",
      "show what moved the scores of the n pictures with the largest errors; asks the model again",
      whole(1, 100),
    )
    .addOption(modelOption(context.io))
    .option("--json", "print {file, bytes} on standard output")
    .addHelpText("after", HELP)
    .action(async (folder: string, { out, training, json, explain, model: name }: Flags) => {
      if (name !== undefined && explain === undefined)
        throw new RocError("USAGE", "--model goes with --explain. Add that, or leave --model out.");
      using model = explain === undefined ? undefined : await loadNamed(name, {}, context);
      const progress = createProgress(context.io.stderr, "explained", explain ?? 0);
      const onProgress = (done: number): void => progress.update(done);
      const options = { out, training, explain, model, onProgress, signal: context.signal };
      const { file, bytes } = await writeReport(folder, options).finally(() => progress.stop());
      if (json) context.io.stdout.write(`${JSON.stringify({ file, bytes })}\n`);
      else context.io.stderr.write(`Wrote ${file}\n`);
    });
}
