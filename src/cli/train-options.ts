/** The hyper-parameters as command line options, shared by `train` and `train-demo`. Loads no libtorch. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { LOSS_PRESETS, type LossWeights } from "../roc/weights.js";
import { PRECISIONS, type Precision, type TrainOptions } from "../train/options.js";
import { SCHEDULES, type ScheduleKind } from "../train/schedule.js";

/** What commander makes of the options that {@link addTrainOptions} adds. */
export interface TrainFlags {
  readonly seed: number;
  readonly steps: number;
  readonly minutes?: number;
  readonly batch: number;
  readonly accumulate: number;
  readonly lr: number;
  readonly schedule: ScheduleKind;
  readonly warmup: number;
  readonly decay: number;
  readonly beta2: number;
  readonly clip: number;
  readonly flip: boolean;
  readonly precision: Precision | "auto";
  readonly every: number;
  readonly loss: keyof typeof LOSS_PRESETS;
  readonly l1?: number;
  readonly ce?: number;
  readonly emd?: number;
  readonly threads?: number;
  readonly fresh: boolean;
  readonly json: boolean;
}

/** Defaults that `train` and `train-demo` choose differently. */
export type TrainDefaults = Pick<TrainFlags, "steps" | "batch" | "lr" | "schedule" | "warmup" | "decay" | "beta2"> &
  Pick<TrainFlags, "flip" | "every" | "loss" | "minutes">;

/** A parser of numbers in a range. */
export function number(low: number, high = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= low && value <= high) return value;
    throw new InvalidArgumentError(high === Infinity ? `Give a number from ${low}.` : `Give ${low} to ${high}.`);
  };
}

/** A parser of whole numbers from `low`. */
export function whole(low: number): (text: string) => number {
  return (text) => {
    const value = number(low)(text);
    if (Number.isInteger(value)) return value;
    throw new InvalidArgumentError("Give a whole number.");
  };
}

/** Adds the options of {@link TrainFlags}. */
export function addTrainOptions(command: Command, defaults: TrainDefaults): Command {
  return command
    .option("--seed <n>", "seed of weights, order, texts and flips", whole(0), 0)
    .option("--steps <n>", "optimizer steps", whole(1), defaults.steps)
    .option(
      "--minutes <n>",
      "take fewer steps where they would need more minutes than this",
      number(0.1),
      defaults.minutes,
    )
    .option("--batch <n>", "pictures of one forward", whole(1), defaults.batch)
    .option("--accumulate <n>", "forwards of one optimizer step", whole(1), 1)
    .option("--lr <rate>", "peak learning rate", number(0), defaults.lr)
    .addOption(new Option("--schedule <kind>", "of the learning rate").choices(SCHEDULES).default(defaults.schedule))
    .option("--warmup <share>", "share of the steps to warm up in", number(0, 0.99), defaults.warmup)
    .option("--decay <λ>", "weight decay of matrices", number(0), defaults.decay)
    .option("--beta2 <β>", "decay rate of AdamW's second moment", number(0, 0.99999), defaults.beta2)
    .option("--clip <norm>", "greatest norm of the gradients", number(0), 1)
    .option("--flip", "mirror every other picture", defaults.flip)
    .option("--no-flip", "show pictures as they are")
    .addOption(
      new Option("--precision <kind>", "of matrix products; auto: the faster")
        .choices(["auto", ...PRECISIONS])
        .default("auto"),
    )
    .option("--every <n>", "steps between validations, each with a checkpoint", whole(1), defaults.every)
    .addOption(new Option("--loss <preset>", "loss weights").choices(Object.keys(LOSS_PRESETS)).default(defaults.loss))
    .option("--l1 <weight>", "of smooth L1 on the score, instead of the preset's", number(0))
    .option("--ce <weight>", "of cross-entropy on the votes, instead of the preset's", number(0))
    .option("--emd <weight>", "of the earth mover's distance, instead of the preset's", number(0))
    .option("--threads <n>", "threads of the tensor library", whole(1))
    .option("--fresh", "throw away what an earlier run left in the folder", false)
    .option("--json", "print events as JSON Lines on stdout", false);
}

export function trainOptionsOf(flags: TrainFlags): TrainOptions {
  return {
    seed: flags.seed,
    steps: flags.steps,
    batchSize: flags.batch,
    accumulation: flags.accumulate,
    learningRate: flags.lr,
    schedule: flags.schedule,
    warmup: flags.warmup,
    weightDecay: flags.decay,
    betas: [0.9, flags.beta2],
    maxNorm: flags.clip,
    flip: flags.flip,
    precision: flags.precision,
    every: flags.every,
  };
}

export function lossWeightsOf(flags: TrainFlags): LossWeights {
  const preset = LOSS_PRESETS[flags.loss];
  return { l1: flags.l1 ?? preset.l1, ce: flags.ce ?? preset.ce, emd: flags.emd ?? preset.emd };
}

/** Sets the number of threads, if one is asked for. Loads libtorch. */
export async function useThreads(count: number | undefined): Promise<void> {
  if (count !== undefined) (await import("../torch/index.js")).setNumThreads(count);
}
