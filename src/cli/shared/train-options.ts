/** The hyper-parameters as command line options, shared by `train` and `train-demo`. Loads no libtorch. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { LOSS_PRESETS, type LossWeights } from "../../roc/weights.js";
import { LANGUAGE_TARGETS, OPTIMIZERS, PRECISIONS, VOCABULARY_PARTS } from "../../train/options.js";
import type { GroupRule, LoraTraining, OptimizerKind, Precision } from "../../train/options.js";
import type { RateDecay, RateDrop, TrainOptions, VocabularyPart } from "../../train/options.js";
import { SCHEDULES, type ScheduleKind } from "../../train/optim/schedule.js";
import { number, whole } from "./numbers.js";

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
  readonly dropAt: readonly RateDrop[];
  readonly dropEvery?: RateDecay;
  readonly decay: number;
  readonly optimizer: OptimizerKind;
  readonly momentum?: number;
  readonly nesterov?: true;
  readonly beta2: number;
  readonly clip: number;
  readonly flip: boolean;
  readonly precision: Precision | "auto";
  readonly every: number;
  readonly freeze: readonly string[];
  readonly rate: readonly GroupRule[];
  readonly vocabularyRows?: VocabularyPart;
  readonly lora?: number;
  readonly loraAlpha?: number;
  readonly loraDropout: number;
  readonly loraTargets: string;
  readonly loraAlsoTrain: readonly string[];
  readonly loraMerge: boolean;
  readonly rslora: boolean;
  readonly recompute: boolean;
  readonly weights: Precision;
  readonly shardOptimizer: boolean;
  readonly groupByLength: boolean;
  readonly patience?: number;
  readonly keepLast: number;
  readonly loss: keyof typeof LOSS_PRESETS;
  readonly l1?: number;
  readonly ce?: number;
  readonly emd?: number;
  readonly soft?: number;
  readonly thurstone?: number;
  readonly fidelity?: number;
  readonly threads?: number;
  readonly skipBroken: boolean;
  readonly fresh: boolean;
  readonly json: boolean;
}

/** Defaults that `train` and `train-demo` choose differently. */
export type TrainDefaults = Pick<TrainFlags, "steps" | "batch" | "lr" | "schedule" | "warmup" | "decay" | "beta2"> &
  Pick<TrainFlags, "flip" | "every" | "loss" | "minutes">;

/** Adds what may be given several times to a list. */
function several<T>(parse: (text: string) => T): (text: string, before: readonly T[]) => readonly T[] {
  return (text, before) => [...before, parse(text)];
}

/** "pattern=rate" */
function rateRule(text: string): GroupRule {
  const [pattern, rate] = pair(text, "pattern=rate");
  return { pattern, learningRate: number(0)(rate) };
}

/** "epochs=factor" */
function fallOf(text: string): { epochs: number; factor: number } {
  const [epochs, factor] = pair(text, "epochs=factor");
  return { epochs: number(Number.MIN_VALUE)(epochs), factor: number(0)(factor) };
}

function pair(text: string, form: string): [string, string] {
  const [, left, right] = /^(.+)=([^=]+)$/.exec(text) ?? [];
  if (left === undefined || right === undefined) throw new InvalidArgumentError(`Give "${form}".`);
  return [left, right];
}

/** Which parameters are trained, and how they are stored. */
function addPartOptions(command: Command): Command {
  const asIs = several((text: string) => text);
  return command
    .option("--freeze <part>", "vision, projector, language, a pattern of names, or none; may be repeated", asIs, [])
    .option("--rate <part=rate>", "peak learning rate of a part; may be repeated", several(rateRule), [])
    .addOption(
      new Option(
        "--vocabulary-rows <which>",
        "trained rows of embedding and head (default: all; with --lora new)",
      ).choices(VOCABULARY_PARTS),
    )
    .option("--lora <rank>", "train adapters of this rank instead of the weights", whole(1))
    .option("--lora-alpha <n>", "their scale times the rank (default: twice the rank)", number(0))
    .option("--lora-dropout <share>", "of their inputs", number(0, 0.99), 0)
    .option(
      "--lora-targets <maps>",
      "language, all-linear, a list of names' last parts, or an expression",
      LANGUAGE_TARGETS,
    )
    .option("--lora-also-train <part>", "weights trained nevertheless; may be repeated", asIs, [])
    .option("--no-lora-merge", "write states without merged weights")
    .option("--rslora", "scale by the root of the rank", false)
    .option("--recompute", "compute activations twice instead of keeping them", false)
    .addOption(
      new Option("--weights <kind>", "dtype that weights are stored in").choices(PRECISIONS).default("float32"),
    )
    .option("--shard-optimizer", "under torchrun: shard the optimizer's states over the processes (ZeRO-1)", false)
    .option("--group-by-length", "batches of answers of like length", false)
    .option("--patience <n>", "stop after so many validations without a better SRCC", whole(1))
    .option("--keep-last <n>", "states to keep in addition to the best", whole(1), 1);
}

/** Adds the options of {@link TrainFlags}. */
export function addTrainOptions(command: Command, defaults: TrainDefaults): Command {
  return addPartOptions(command)
    .option("--seed <n>", "seed of weights, order, texts and flips", whole(0), 0)
    .option("--steps <n>", "optimizer steps", whole(1), defaults.steps)
    .option(
      "--minutes <n>",
      "take fewer steps where they would need more minutes than this",
      number(0.1),
      defaults.minutes,
    )
    .option("--batch <n>", "pictures of one forward, in each process", whole(1), defaults.batch)
    .option("--accumulate <n>", "forwards of one optimizer step", whole(1), 1)
    .option("--lr <rate>", "peak learning rate", number(0), defaults.lr)
    .addOption(new Option("--schedule <kind>", "of the learning rate").choices(SCHEDULES).default(defaults.schedule))
    .option(
      "--warmup <share>",
      "share of the steps to warm up in, or from 1 on their number",
      number(0),
      defaults.warmup,
    )
    .option(
      "--drop-at <epoch=factor>",
      "multiply the rate by this from an epoch on; may be repeated",
      several((text): RateDrop => ({ epoch: fallOf(text).epochs, factor: fallOf(text).factor })),
      [],
    )
    .option("--drop-every <epochs=factor>", "multiply the rate by this every so many epochs", fallOf)
    .option("--decay <λ>", "weight decay of matrices", number(0), defaults.decay)
    .addOption(new Option("--optimizer <name>", "how weights follow gradients").choices(OPTIMIZERS).default("adamw"))
    .option("--momentum <share>", "of sgd (default: 0.9)", number(0, 0.99999))
    .option("--nesterov", "of sgd: Nesterov's momentum")
    .option("--beta2 <β>", "decay rate of AdamW's second moment", number(0, 0.99999), defaults.beta2)
    .option("--clip <norm>", "greatest norm of the gradients", number(0), 1)
    .option("--flip", "mirror every other picture", defaults.flip)
    .option("--no-flip", "show pictures as they are")
    .addOption(
      new Option("--precision <kind>", "of matrix products; auto: bfloat16 where the device has it")
        .choices(["auto", ...PRECISIONS])
        .default("auto"),
    )
    .option("--every <n>", "steps between validations, each with a checkpoint", whole(1), defaults.every)
    .addOption(new Option("--loss <preset>", "loss weights").choices(Object.keys(LOSS_PRESETS)).default(defaults.loss))
    .option("--l1 <weight>", "of smooth L1 on the score, instead of the preset's", number(0))
    .option("--ce <weight>", "of cross-entropy on the votes, instead of the preset's", number(0))
    .option("--emd <weight>", "of the earth mover's distance, instead of the preset's", number(0))
    .option("--soft <weight>", "of DeQA's soft distribution of a rating's mean and deviation", number(0))
    .option("--thurstone <weight>", "of DeQA's fidelity of pairs of a batch, by their deviations", number(0))
    .option("--fidelity <weight>", "of the order of pairs of a batch", number(0))
    .addOption(threadsOption())
    .option("--skip-broken", "skip pictures that cannot be used; the next one is taken instead", false)
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
    ...(flags.dropAt.length > 0 && { drops: flags.dropAt }),
    ...(flags.dropEvery && { dropEvery: flags.dropEvery }),
    ...(flags.optimizer !== "adamw" && { optimizer: flags.optimizer }),
    ...(flags.momentum !== undefined && { momentum: flags.momentum }),
    ...(flags.nesterov && { nesterov: true }),
    ...(flags.freeze.length > 0 && { freeze: flags.freeze.filter((part) => part !== "none") }),
    ...(flags.rate.length > 0 && { groups: flags.rate }),
    ...(flags.vocabularyRows && { vocabulary: flags.vocabularyRows }),
    ...(flags.lora !== undefined && { lora: loraOf(flags.lora, flags) }),
    ...(flags.recompute && { recompute: true }),
    ...(flags.weights !== "float32" && { weights: flags.weights }),
    ...(flags.shardOptimizer && { shardOptimizer: true }),
    ...(flags.groupByLength && { groupByLength: true }),
    ...(flags.patience !== undefined && { patience: flags.patience }),
    ...(flags.skipBroken && { skipBroken: true }),
    ...(flags.keepLast !== 1 && { keepLast: flags.keepLast }),
  };
}

function loraOf(rank: number, flags: TrainFlags): LoraTraining {
  const { loraAlpha: alpha = 2 * rank, loraDropout: dropout, loraTargets, loraAlsoTrain: alsoTrain, rslora } = flags;
  // A list of plain names, or one expression.
  const names = loraTargets.split(",").map((name) => name.trim());
  const isWord = loraTargets === "all-linear" || loraTargets === LANGUAGE_TARGETS;
  const targets = !isWord && names.every((name) => /^[\w.]+$/.test(name)) ? names : loraTargets;
  return { rank, alpha, dropout, rslora, targets, ...(alsoTrain.length > 0 && { alsoTrain }), merge: flags.loraMerge };
}

export function lossWeightsOf(flags: TrainFlags): LossWeights {
  const preset = LOSS_PRESETS[flags.loss];
  const { l1 = preset.l1, ce = preset.ce, emd = preset.emd, soft = 0, thurstone = 0, fidelity = 0 } = flags;
  return { l1, ce, emd, ...(soft && { soft }), ...(thurstone && { thurstone }), ...(fidelity && { fidelity }) };
}

/** Of `train`, `score` and `eval`. */
export function threadsOption(): Option {
  const help = "threads of the tensor library (default: OMP_NUM_THREADS, else by the model's size and the cores)";
  return new Option("--threads <n>", help).argParser(whole(1));
}
