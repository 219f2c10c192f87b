/** `roc4mllm quantize`: a checkpoint in 8 bits as a checkpoint of its own. */
import { Command, Option } from "commander";
import { FLOAT_DTYPES } from "../../torch/dtype.js";
import type { DType } from "../../torch/index.js";
import { BASE_HELP, findModel } from "../shared/find-model.js";
import type { Context } from "../shared/io.js";

interface Flags {
  readonly out: string;
  readonly base?: string;
  readonly visionTower?: string;
  readonly dtype?: DType;
  readonly json?: true;
}

const HELP = `
The weights of the linear maps (vision tower, projector, language model) are rounded to int8 with a scale per output;
embeddings, head, norms and biases stay in --dtype. Scores are those of score --quantize int8 on the same checkpoint, to
the last digit. config.json names the source; no other program reads the folder, and it cannot be trained.

Example:
  roc4mllm quantize q-future/one-align --out one-align-int8 && roc4mllm score my-photos/ --model one-align-int8`;

export function quantizeCommand(context: Context): Command {
  return new Command("quantize")
    .description("a checkpoint in 8 bits, half as large as in 16")
    .argument("<checkpoint>", "checkpoint folder, run folder, folder of adapters, or a name on the hub")
    .requiredOption("--out <folder>", "where it goes; must be empty or not there")
    .option("--base <folder>", BASE_HELP)
    .option("--vision-tower <folder>", "folder or hub name of the CLIP tower, for the original LLaVA")
    .addOption(new Option("--dtype <dtype>", "of what is not in 8 bits (default: bfloat16)").choices(FLOAT_DTYPES))
    .option("--json", "print {folder, source, digest} on standard output")
    .addHelpText("after", HELP)
    .action((name: string, flags: Flags) => quantize(name, flags, context));
}

async function quantize(name: string, { out, dtype, json, ...parts }: Flags, context: Context): Promise<void> {
  const { io, signal } = context;
  const { checkpoint, visionTower } = await findModel(name, parts, context);
  const { quantizeCheckpoint } = await import("../../engine/quantize.js");
  const made = await quantizeCheckpoint(checkpoint, out, { dtype, visionTower, signal });
  if (json) io.stdout.write(`${JSON.stringify(made)}\n`);
  else io.stderr.write(`Wrote ${made.folder}: ${made.source} in int8\n`);
}
