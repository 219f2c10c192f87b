/** `roc4mllm merge`: adapters and their base model as one checkpoint that needs neither. */
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { RocError } from "../../errors.js";
import { refuseFilled } from "../../files/index.js";
import type { DType } from "../../torch/index.js";
import { BASE_HELP, findModel } from "../shared/find-model.js";
import type { Context } from "../shared/io.js";
import { FLOAT_DTYPES } from "../../torch/dtype.js";

interface Flags {
  readonly out: string;
  readonly base?: string;
  readonly visionTower?: string;
  readonly dtype: DType;
  readonly json?: true;
}

const HELP = `
The adapters are a folder of Python peft's or of ours, a state that was written with --no-lora-merge, or the run folder of
a training, whose best state is taken. score, eval, train and inspect take each of these without merging, too.

Examples:
  roc4mllm merge runs/tad --out tad-checkpoint
  roc4mllm merge my-peft-adapter/ --base my-llava/ --out merged`;

export function mergeCommand(context: Context): Command {
  return new Command("merge")
    .description("adapters and their base model as one checkpoint")
    .argument("<adapters>", "folder of adapters, a state, or a run folder")
    .requiredOption("--out <folder>", "where the checkpoint goes; must be empty or not there")
    .option("--base <folder>", BASE_HELP)
    .option("--vision-tower <folder>", "folder or hub name of the CLIP tower, for the original LLaVA")
    .addOption(new Option("--dtype <dtype>", "of the written weights").choices(FLOAT_DTYPES).default("float32"))
    .option("--json", "print {folder, adapters, base} on standard output")
    .addHelpText("after", HELP)
    .action((adapters: string, flags: Flags) => merge(adapters, flags, context));
}

async function merge(name: string, flags: Flags, context: Context): Promise<void> {
  const { dtype, json } = flags;
  const out = resolve(flags.out);
  const { saveAs } = await import("../../engine/save-as.js");
  await refuseFilled(out);
  const { folder, checkpoint, visionTower } = await findModel(name, flags, context);
  const { adapter } = checkpoint;
  if (!adapter) throw new RocError("USAGE", `${folder} holds no adapters: its weights are whole. Use it as it is.`);
  const { checkBase } = await import("../../engine/identity.js");
  await checkBase(checkpoint, { visionTower, signal: context.signal });
  const { loadMllm } = await import("../../models/registry.js");
  const { model, processor } = await loadMllm(checkpoint, { dtype, visionTower });
  try {
    await saveAs(out, { model, processor }, checkpoint);
  } finally {
    model.dispose();
  }
  if (json)
    context.io.stdout.write(
      `${JSON.stringify({ folder: out, adapters: adapter.folder.path, base: adapter.base.path })}\n`,
    );
  else context.io.stderr.write(`Wrote ${out}: ${adapter.folder.path} on ${adapter.base.path}\n`);
}
