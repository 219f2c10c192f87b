/** The options that say how a checkpoint computes. */
import { Option, type Command } from "commander";
import type { ScoreScale } from "../../data/types.js";
import type { BatchSize, LoadOptions, Model, ScoringDtype } from "../../engine/index.js";
import { MOST_TOGETHER } from "../../engine/batch-size.js";
import type { Quantization } from "../../models/types.js";
import { PACKING_PAYS, type Packing } from "../../models/packing.js";
import { RESIZE_MODES, type ResizeMode } from "../../image/processor-config.js";
import { FLOAT_DTYPES } from "../../torch/dtype.js";
import { BASE_HELP, findModel } from "./find-model.js";
import type { Context } from "./io.js";
import { whole } from "./numbers.js";
import { threadsOption } from "./train-options.js";

export interface ModelFlags {
  readonly resize?: ResizeMode;
  readonly visionTower?: string;
  readonly base?: string;
  readonly device?: string;
  readonly dtype?: ScoringDtype;
  readonly quantize?: Quantization;
  readonly pack?: "auto" | "on" | "off";
  readonly threads?: number;
  readonly batch?: BatchSize;
  /** Of results; see LoadOptions. */
  readonly scale?: ScoreScale;
}

/** Adds the options of {@link ModelFlags}. */
export function addModelOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--resize <mode>", "photos that are not square, instead of as the checkpoint says").choices(
        RESIZE_MODES,
      ),
    )
    .option("--device <name>", "cpu, cuda, cuda:1, ... (default: cpu)")
    .addOption(
      new Option(
        "--dtype <dtype>",
        "of the weights (default: auto, which is the files' own on a GPU; on a CPU bfloat16 where the processor has " +
          "instructions for it and the files of a large model hold 16 bits, else float32)",
      ).choices([...FLOAT_DTYPES, "auto"]),
    )
    .addOption(
      new Option(
        "--quantize <method>",
        "weights of the linear maps in 8 bits, rounded as they are read: half the memory of bfloat16, and faster; the rest is " +
          "then bfloat16, unless --dtype says otherwise",
      ).choices(["int8"]),
    )
    .addOption(
      new Option(
        "--pack <when>",
        "weights in bfloat16 on a CPU packed beforehand, which takes their memory again: on, off, or auto (default), which is on " +
          `for eval, ${PACKING_PAYS} photos or more and --resume, on x86 with instructions for bfloat16`,
      ).choices(["auto", "on", "off"]),
    )
    .addOption(threadsOption())
    .addOption(
      new Option(
        "--batch <n>",
        "photos that are computed together; with more than 1, a score's last digits depend on the others (default: auto, " +
          "which is 32 on a GPU and 1 on a CPU, whose cores have enough to do with one)",
      ).argParser(batchSize),
    )
    .option(
      "--vision-tower <folder>",
      "folder or hub name of the CLIP tower, for the original LLaVA (default: as it names it)",
    )
    .option("--base <folder>", BASE_HELP);
}

/** Whether weights are packed beforehand; `large`: whether the job is. */
export function packing({ pack = "auto" }: ModelFlags, large: boolean): Packing {
  if (pack === "auto") return large ? "auto" : false;
  return pack === "on";
}

/** A number of pictures, or "auto". @throws InvalidArgumentError */
function batchSize(text: string): BatchSize {
  return text === "auto" ? text : whole(1, MOST_TOGETHER)(text);
}

/** Finds a model, fetching it where it is a name on the hub, and loads it. */
export async function loadNamed(name: string, flags: LoadOptions, context: Context): Promise<Model> {
  const { load } = await context.engine();
  const { resize, device, dtype, quantize, pack, threads, scale, batchSize, onNote, worker } = flags;
  const { checkpoint, visionTower } = await findModel(name, flags, context);
  return load(checkpoint, {
    resize,
    visionTower,
    device,
    dtype,
    quantize,
    pack,
    threads,
    scale,
    batchSize,
    onNote,
    worker,
    signal: context.signal,
  });
}
