/** The options that say how a checkpoint computes. */
import { Option, type Command } from "commander";
import type { ScoreScale } from "../../data/types.js";
import type { BatchSize, LoadOptions, Model, ScoringDtype } from "../../engine/index.js";
import { MOST_TOGETHER } from "../../engine/batch-size.js";
import type { Quantization } from "../../models/types.js";
import { PACKING_PAYS, type Packing } from "../../models/packing.js";
import { RESIZE_MODES, type ResizeMode } from "../../image/processor-config.js";
import { NO_SCORER, SCORER_NAMES, type ScorerOptions } from "../../roc/published/index.js";
import { FLOAT_DTYPES } from "../../torch/dtype.js";
import { defaultModel } from "./default-model.js";
import { HEAD_NAMES } from "../../baselines/clip/heads.js";
import { BASE_HELP, findModel } from "./find-model.js";
import { findHead } from "./find-head.js";
import type { Context } from "./io.js";
import { number, whole } from "./numbers.js";
import { threadsOption } from "./train-options.js";

export interface ModelFlags {
  readonly resize?: ResizeMode;
  readonly visionTower?: string;
  readonly base?: string;
  readonly head?: string;
  readonly device?: string;
  readonly dtype?: ScoringDtype;
  readonly quantize?: Quantization;
  readonly pack?: "auto" | "on" | "off";
  readonly threads?: number;
  readonly batch?: BatchSize;
  /** Of results; see LoadOptions. */
  readonly scale?: ScoreScale;
  readonly scorer?: string;
  readonly aspect?: string;
  readonly promptSource?: string;
  readonly text?: string;
  readonly sample?: number;
}

/** Of the commands that give intervals. */
export interface IntervalFlags {
  readonly calibration?: string;
  readonly interval?: true;
  readonly level?: number;
}

/** The options of {@link IntervalFlags}. */
export function addIntervalOptions(command: Command): Command {
  return command
    .option("--calibration <file>", "of the intervals (default: calibration.json in the checkpoint's folder, if any)")
    .option("--interval", "require calibrated intervals: an error where there are none that hold (roc4mllm calibrate)")
    .option("--level <share>", "of the intervals, one of the calibration's (default: its first)", number(0, 1));
}

/** The options of {@link IntervalFlags} as `load()` takes them. */
export function intervalFlags({
  calibration,
  interval,
  level,
}: IntervalFlags): Pick<LoadOptions, "calibration" | "interval"> {
  return { calibration, interval: level ?? interval };
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
    .option("--base <folder>", BASE_HELP)
    .option(
      "--head <name>",
      `head for a CLIP tower (${HEAD_NAMES.join(", ")}, or a file): --model openai/clip-vit-large-patch14 --head laion-v2`,
    )
    .addOption(
      new Option(
        "--scorer <name>",
        "published scorer that a checkpoint is, where its files do not say it (docs/published-scorers.md); none: it is none",
      ).choices([...SCORER_NAMES, NO_SCORER]),
    )
    .option("--aspect <name>", "what a published scorer rates: quality, aesthetics, ... (default: its first)")
    .option("--prompt-source <name>", "whose prompt a published scorer is asked, where public sources differ")
    .option("--text <prompt>", "text that the photos were made from, for HPSv3")
    .option(
      "--sample <seed>",
      "draw a reasoning scorer's answers as its authors do (default: nothing is drawn, and the score is read from the " +
        "probabilities of its digits)",
      whole(0),
    );
}

/** The options of {@link addModelOptions} about published scorers. */
function scorerFlags({ scorer, aspect, promptSource, text, sample }: ModelFlags): ScorerOptions {
  return { scorer, aspect, promptSource, text, sample };
}

/** The options of {@link addModelOptions} as a function takes them that looks at a whole data set. */
export function loadFlags(flags: ModelFlags): LoadOptions & { readonly base?: string | undefined } {
  const { resize, visionTower, base, head, device, dtype, quantize, threads, batch: batchSize } = flags;
  const pack = flags.pack && packing(flags, true);
  return { resize, visionTower, base, head, device, dtype, quantize, pack, threads, batchSize, ...scorerFlags(flags) };
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

/**
 * Finds a model, fetching it where it is a name on the hub, and loads it.
 *
 * @param named undefined: the default, which is read from its folder and never fetched anew
 */
export async function loadNamed(named: string | undefined, flags: LoadOptions, context: Context): Promise<Model> {
  return (await findNamed(named, flags, context))();
}

/** Loads a model that has been found, each time anew; `others` are in the place of its options. */
export type LoadFound = (others?: Pick<LoadOptions, "onNote" | "pack">) => Promise<Model>;

/** Finds a model as {@link loadNamed}; what it gives loads it. */
export async function findNamed(named: string | undefined, flags: LoadOptions, context: Context): Promise<LoadFound> {
  const { load } = await context.engine();
  const { name, folder } = named === undefined ? await defaultModel(context.io.env) : { name: named };
  const { resize, device, dtype, quantize, pack, threads, scale, batchSize, onNote, worker } = flags;
  const { scorer, aspect, promptSource, text, sample, calibration, interval } = flags;
  const { checkpoint, visionTower } = await findModel(
    folder ?? name,
    flags,
    context,
    folder === undefined ? undefined : { offline: true },
  );
  const head = flags.head === undefined ? undefined : await findHead(flags.head, checkpoint, context);
  const options: LoadOptions = {
    ...{ head, resize, visionTower, device, dtype, quantize, pack, threads, scale, batchSize, onNote, worker },
    ...{ scorer, aspect, promptSource, text, sample, calibration, interval },
    signal: context.signal,
  };
  return (others) => load(checkpoint, { ...options, ...others });
}
