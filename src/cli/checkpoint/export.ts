/** `roc4mllm export`: a checkpoint in the form of another program, and the page that scores in a browser. */
import { Command } from "commander";
import { BASE_HELP, findModel } from "../shared/find-model.js";
import type { Context } from "../shared/io.js";
import { modelOption, modelOrDefault } from "../shared/default-model.js";
import { parseScale } from "../shared/numbers.js";

interface Flags {
  readonly model?: string;
  readonly out: string;
  readonly page?: true;
  readonly scale?: { readonly min: number; readonly max: number };
  readonly base?: string;
  readonly visionTower?: string;
  readonly json?: true;
}

const HELP = `
The file holds vision tower, projector, one forward of the checkpoint's fixed prompt and the score head: bytes of a prepared picture
in, scores with spread and distribution out, in float32. It is for small checkpoints of the family llava with score tokens, up to
1.9 GB. manifest.json says how a picture is prepared, on which scale scores are, and of what checkpoint they are.

With --page the folder is a web page too: photos that are dropped on it are scored in the browser, and go nowhere. Any server of
files serves it (docs/in-the-browser.md).

Examples:
  roc4mllm export onnx --model demo --out demo-onnx/
  roc4mllm export onnx --model runs/mine --out my-page/ --page`;

export function exportCommand(context: Context): Command {
  return new Command("export")
    .description("a checkpoint for other programs, and a page that scores in the browser")
    .addCommand(onnxCommand(context));
}

function onnxCommand(context: Context): Command {
  return new Command("onnx")
    .description("a small checkpoint as an ONNX file")
    .addOption(modelOption(context.io))
    .requiredOption("--out <folder>", "where it goes; must be empty or not there")
    .option("--page", "with the page that scores photos in a browser, without any server")
    .option("--scale <min,max>", "of the scores (default: of the ratings that it was trained on)", parseScale)
    .option("--base <folder>", BASE_HELP)
    .option("--vision-tower <folder>", "folder or hub name of the CLIP tower, for the original LLaVA")
    .option("--json", "print {folder, files, manifest} on standard output")
    .addHelpText("after", HELP)
    .action((flags: Flags) => exportTo(flags, context));
}

async function exportTo({ out, page, scale, json, ...flags }: Flags, context: Context): Promise<void> {
  const { io, signal } = context;
  const { checkpoint, visionTower } = await findModel(await modelOrDefault(flags.model, io.env), flags, context);
  const { exportOnnx } = await import("../../onnx/export.js");
  const made = await exportOnnx(checkpoint, out, { page, scale, visionTower, signal });
  if (json) return void io.stdout.write(`${JSON.stringify(made)}\n`);
  const { files, manifest, folder } = made;
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const all = Object.values(files).reduce((sum, bytes) => sum + bytes, 0);
  io.stderr.write(
    `Wrote ${folder}: ${manifest.checkpoint.name}, ${megabytes(manifest.model.bytes)} as ONNX, ${megabytes(all)} in all\n`,
  );
  io.stderr.write(`${manifest.checkpoint.worth}\n`);
}
