/** What determines a run; known to the command line before libtorch is loaded. */
import type { LoraOptions } from "../models/lora.js";
import type { ScheduleKind } from "./optim/schedule.js";

export const PRECISIONS = ["float32", "bfloat16"] as const satisfies readonly Precision[];
/**
 * What matrix products are computed in.
 *
 * @category Training
 */
export type Precision = "float32" | "bfloat16";

export const OPTIMIZERS = ["adamw", "adam", "sgd", "adagrad"] as const satisfies readonly OptimizerKind[];
/**
 * How weights follow from gradients. "adamw" decays weights by themselves, the others on top of the gradient.
 *
 * @category Training
 */
export type OptimizerKind = "adamw" | "adam" | "sgd" | "adagrad";

/**
 * A fall of the learning rate.
 *
 * @category Training
 */
export interface RateDrop {
  /** Passes over the training part after which it begins, above 0. */
  readonly epoch: number;
  /** Multiplies the learning rate from then on, from 0. */
  readonly factor: number;
}

/**
 * Falls of the learning rate that come again and again.
 *
 * @category Training
 */
export interface RateDecay {
  /** Passes over the training part between them, above 0. */
  readonly epochs: number;
  /** Multiplies the learning rate each time, from 0. */
  readonly factor: number;
  /** The k-th fall is by the factor's k-th power, as in BIAA's published code. Default false: each is by the factor. */
  readonly growing?: boolean | undefined;
}

export const KEPT_WEIGHTS = ["prior", "last"] as const satisfies readonly KeptWeights[];
/**
 * What a run over raters saves and validates: the prior, or the weights of the last rater's task.
 *
 * @category Training
 */
export type KeptWeights = "prior" | "last";

/**
 * Learning a prior that adapts to a person by few ratings (Zhu et al., 2020): each task is one rater's ratings. It takes steps on
 * some of his pictures and then on others, and the prior moves by a share of what the task has changed.
 *
 * @category Training
 */
export interface RaterTasks {
  /** Optimizer steps on the pictures of a task, and as many on others of the same rater, from 1. */
  readonly steps: number;
  /** Tasks that start from the same prior, from 1; each moves it by one part in so many of what it has changed. */
  readonly tasks: number;
  /** What is saved. */
  readonly keep: KeptWeights;
}

export const VOCABULARY_PARTS = ["all", "new", "none"] as const satisfies readonly VocabularyPart[];
/**
 * What is trained of the matrices with a row per token (embedding and head).
 *
 * @category Training
 */
export type VocabularyPart = "all" | "new" | "none";

/**
 * A set of parameters by name: "vision" (the tower), "projector" (what leads from it to the language model), "language"
 * (the rest), or a regular expression that is searched for in the names of the public checkpoint layout. Those of an
 * adapter are `<map>.lora_A.weight` and `<map>.lora_B.weight`.
 *
 * @category Training
 */
export type ParameterPattern = string;

/** Targets of adapters: the linear maps of the language model, as the checkpoint's family names them. */
export const LANGUAGE_TARGETS = "language";

/**
 * How the parameters of a pattern are trained; what is omitted is as for all others.
 *
 * @category Training
 */
export interface GroupRule {
  /** Which parameters. */
  readonly pattern: ParameterPattern;
  /** Peak learning rate. */
  readonly learningRate?: number | undefined;
  /** Weight decay, from 0. */
  readonly weightDecay?: number | undefined;
}

/**
 * Training adapters instead of the weights.
 *
 * @category Training
 */
export interface LoraTraining extends LoraOptions {
  /** Weights that are trained in full nevertheless; the matrices of the vocabulary follow `vocabulary`. Default: none. */
  readonly alsoTrain?: readonly ParameterPattern[];
  /** Write each state's weights merged, too, as a checkpoint that loads without the adapter. Default true. */
  readonly merge?: boolean;
}

/**
 * All numbers that determine a run, apart from its data, its texts and the weights it starts from.
 *
 * @category Training
 */
export interface TrainOptions {
  /** Of new weights, order, texts, flips and dropout: a whole number from 0. */
  readonly seed: number;
  /** Optimizer steps, from 1. */
  readonly steps: number;
  /** Samples of one forward, in each process, from 1. */
  readonly batchSize: number;
  /**
   * Forwards of one optimizer step, from 1. Their losses are scaled so that the step is that of one large batch: text loss means
   * are over all supervised tokens of the step, score loss means over all its scores. (The EMD's root is a batch's.)
   */
  readonly accumulation: number;
  /** Peak learning rate, from 0. */
  readonly learningRate: number;
  /** How the learning rate falls after the warm-up: not at all, linearly to 0, or along a cosine to 0. */
  readonly schedule: ScheduleKind;
  /** Over which the rate rises from 0: a share of the steps in [0, 1), or from 1 on a number of steps. */
  readonly warmup: number;
  /** Of matrices (and of vectors with `decayVectors`), from 0. */
  readonly weightDecay: number;
  /** Decay rates of AdamW and Adam, each in [0, 1). */
  readonly betas: readonly [number, number];
  /** Greatest global norm of the gradients, from 0. */
  readonly maxNorm: number;
  /** Show every other picture mirrored. */
  readonly flip: boolean;
  /** "auto": bfloat16 where it is faster, measured once and saved with the state. */
  readonly precision: Precision | "auto";
  /** Steps between validations, each followed by a state, from 1. */
  readonly every: number;

  /** Default "adamw". */
  readonly optimizer?: OptimizerKind;
  /** Of "sgd", in [0, 1). Default 0.9. */
  readonly momentum?: number;
  /** Of "sgd": look ahead along the momentum. Default false. */
  readonly nesterov?: boolean;
  /** Multiply the schedule's rate, each from its epoch on. Default: none. */
  readonly drops?: readonly RateDrop[];
  /** Multiplies the schedule's rate every so many epochs; every epoch: PyTorch's ExponentialLR. Default: never. */
  readonly dropEvery?: RateDecay;
  /** What stays as it is. Default: nothing. */
  readonly freeze?: readonly ParameterPattern[];
  /** Learning rates and weight decays by name; the first rule that matches holds. Default: none. */
  readonly groups?: readonly GroupRule[];
  /** Decay the weights of norms and biases (tensors of one dimension), too. Default false. */
  readonly decayVectors?: boolean;
  /** "new": only the rows of the score tokens. Default "all"; with `lora` "new", or "none" where there are none. */
  readonly vocabulary?: VocabularyPart;
  /** Train adapters instead of the weights. Default: the weights. */
  readonly lora?: LoraTraining;
  /** Compute layers a second time in the backward instead of keeping what they computed. Default false. */
  readonly recompute?: boolean;
  /** Dtype of the stored weights; bfloat16 ones are trained on float32 masters, without autocast. Default float32. */
  readonly weights?: Precision;
  /** In several processes: shard the optimizer's states (ZeRO-1), instead of all in each. Default false. */
  readonly shardOptimizer?: boolean;
  /** Put samples of like length into a batch. Default false. */
  readonly groupByLength?: boolean;
  /**
   * Train on one rater after another, to a prior of all: `batchSize` is the pictures of a task, `epochs` are over the raters.
   * Only of a classical system. Default: on the pictures' scores.
   */
  readonly raters?: RaterTasks;
  /** Stop after so many validations without a better SRCC, from 1. Default: never. */
  readonly patience?: number;
  /** States to keep, the newest ones, from 1. Default 1. */
  readonly keepLast?: number;
  /** Keep the state of the best validation as well. Default true. */
  readonly keepBest?: boolean;
  /** Skip pictures that cannot be used; the next one is taken instead. Default false: an error. */
  readonly skipBroken?: boolean;
}
