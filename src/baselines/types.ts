/**
 * What the classical systems of the paper's tables offer to scoring, training and evaluation: pixels in, scores out, no text.
 *
 * A system is a folder beside this file. `engine/`, `train/` and the rest see only this interface.
 */
import type { RgbImage, StoredImage } from "../image/index.js";
import type { ParamSource } from "../nn/index.js";
import type { Random } from "../random.js";
import type { Device, DType, Tensor } from "../torch/index.js";
import type { Checkpoint } from "../weights/index.js";

/** The name of the overall score among {@link Baseline.outputs}. */
export const SCORE = "score";

/** What a system predicts of a picture: its overall score, or an attribute. */
export interface Output {
  /** {@link SCORE}, or the attribute's name as the data set's adapter has it. */
  readonly name: string;
  /** Of the scores that the system gives. */
  readonly scale: { readonly min: number; readonly max: number };
  /** The scores that the weights of a distribution are of, ascending; absent: one number is predicted. */
  readonly values?: readonly number[];
  /** Nothing keeps what is given on the scale, as of a linear map without a sigmoid. Default: it is on it. */
  readonly unbounded?: boolean;
}

/** What {@link Baseline.forward} takes, by the system's own names: `pixelValues` `[B, 3, H, W]` where nothing else is needed. */
export type Inputs = Readonly<Record<string, Tensor>>;

/** What a system says of B pictures. */
export interface Answer {
  /**
   * By the names of {@link Baseline.outputs}: `[B, values]`, weights that sum to 1, where an output has values, else `[B]`,
   * on its scale. Where the published network ends without a softmax, they are what it gives: readers normalise by nothing.
   */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** What the last layer looks at, `[B, D]`: the picture's vector for neighbours and bursts. */
  readonly features: Tensor;
  /** What the system's own loss needs beside the outputs, as logits, by its own names. */
  readonly forLoss?: Readonly<Record<string, Tensor>>;
}

/** What B pictures were rated, for {@link Baseline.loss}. */
export interface Targets {
  /** By the names of the outputs: `[B]` float32 on the output's scale, NaN where a picture has no such rating. */
  readonly scores: Readonly<Record<string, Tensor>>;
  /**
   * The overall score's distribution over its values, `[B, values]`, each row summing to 1: of the votes, or, of a picture without,
   * of its mean and deviation, as {@link SCORE} is on the values. Absent where the overall score has no values.
   */
  readonly distribution?: Tensor;
  /** Who rated a picture, where the data set says so: pairs of one rater are compared (Kong). */
  readonly raters?: readonly (readonly string[])[];
}

/** A loss to call `backward()` on, scalar, and its unweighted terms by name, scalars. */
export interface Loss {
  readonly loss: Tensor;
  readonly terms: Readonly<Record<string, Tensor>>;
}

/** Pictures to a system's inputs. */
export interface PictureInputs {
  /**
   * What a picture becomes before it is cached: resized, upright, as {@link batch} takes it. Off the thread. The picture must not
   * be changed until then.
   */
  prepare(picture: RgbImage | StoredImage): Promise<RgbImage>;
  /** What {@link prepare} does, as plain data: a thread without libtorch does it by the `prepareBy()` of the system's facts. */
  readonly steps: unknown;
  /**
   * What {@link prepare} gave to inputs, which belong to the caller's scope: crop, values, patches.
   *
   * @param randoms one a picture: as in training, with random crops and what else the system does there; absent: as in a test
   */
  batch(prepared: readonly RgbImage[], randoms?: readonly Random[]): Inputs;
}

/**
 * A classical system with its weights. `forward` and `loss` run inside the caller's `torch.scope()`, which frees what they return.
 */
export interface Baseline {
  /** `model_type` of the checkpoint: "nima", ... */
  readonly family: string;
  /** The checkpoint's `config.json`, as read and as written back. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly dtype: DType;
  /** Where the weights are: "cpu", "cuda:0", ... */
  readonly device: string;
  /** What it predicts, the overall score (or, of one that has attributes only, any) first. */
  readonly outputs: readonly Output[];
  readonly inputs: PictureInputs;
  /** Whether the answer to a picture depends on the others of its batch, as published (TANet, EAT): batches are of 1 then. */
  readonly mixesBatch?: boolean;
  /**
   * @param training dropout acts (libtorch's generator, as `withDropout` seeds it), batch norms use and record the batch's statistics
   */
  forward(inputs: Inputs, training: boolean): Answer;
  /** The published loss of an answer. Pictures without a rating of an output do not count in its term. */
  loss(answer: Answer, targets: Targets): Loss;
  /** Every parameter by its name in our files; the tensors stay the model's. */
  parameters(): Map<string, Tensor>;
  /** What nothing trains and a checkpoint holds, as running statistics. */
  buffers(): Map<string, Tensor>;
  /** Those of the buffers that are weights: of a part of the network that nothing trains. Absent: none. */
  fixed?(): ReadonlyMap<string, Tensor>;
  /** Frees the weights. Twice is harmless. */
  dispose(): void;
}

/** What a new model is to predict, and how large it is. */
export interface NewModel {
  /** Which of the system's networks, as `vgg16`; default: the first of {@link SystemFacts.variants}. */
  readonly variant?: string | undefined;
  /** Of the overall score. */
  readonly scale: { readonly min: number; readonly max: number };
  /** Values of the overall score's distribution, from `scale.min` to `scale.max`; absent: one number is predicted. */
  readonly bins?: number | undefined;
  /** Names and scales of attributes to predict beside it; systems that predict none refuse them. */
  readonly attributes?: readonly Output[] | undefined;
  /** A network of a few thousand weights of the same make, for tests. Default false. */
  readonly tiny?: boolean | undefined;
}

/** What a system's checkpoints are known by, from names and small files: known before libtorch is loaded. */
export interface SystemFacts {
  /** `model_type` of our `config.json`, and the name by which it is asked for. */
  readonly name: string;
  /** As the paper's tables call it. */
  readonly title: string;
  /** Names of its networks, the default first. */
  readonly variants: readonly string[];
  /** `model_type`s of config.json files of others that it takes, where `original()` knows their tensors. */
  readonly foreignTypes?: readonly string[];
  /** `prepare` by the plain data of {@link PictureInputs.steps}. Loads no libtorch. */
  prepareBy(steps: unknown): Promise<PictureInputs["prepare"]>;
}

/** How weights are to be loaded. */
export interface SystemLoadOptions {
  readonly dtype?: DType | undefined;
  readonly device?: Device | undefined;
  /** As of a model family: placeholders of the right shapes in the place of the weights. Default false. */
  readonly outline?: boolean | undefined;
  /** The weights are one file of their authors, without a config.json; for messages. Default false. */
  readonly alone?: boolean | undefined;
}

/** Published weights in their authors' own form, as our files would have them. */
export interface Original {
  /** The `config.json` that they would have. */
  readonly config: Record<string, unknown>;
  /** The tensors under our names, in our layouts. */
  readonly checkpoint: Checkpoint;
  /** In a few words, for a note: "pyiqa's NIMA with VGG16". */
  readonly what: string;
}

/** A classical system: how files become a model. */
export interface System extends SystemFacts {
  /**
   * Parts (first pieces of parameters' names) that published training leaves as they are: a tower whose head alone is trained. Where
   * they have weights, a run that does not say what it freezes leaves them too.
   */
  readonly untrained?: readonly string[];
  /** @throws RocError CONFIG_INVALID naming the field; CHECKPOINT_MISMATCH naming what is missing, unexpected or of another shape */
  load(config: unknown, checkpoint: Checkpoint, options: SystemLoadOptions, file: string): Baseline;
  /** The config of a new model. @throws RocError USAGE for what it cannot be */
  configure(wanted: NewModel): Record<string, unknown>;
  /** A model of such a config with parameters of any source (fresh ones, as published). */
  create(config: unknown, source: ParamSource): Baseline;
  /**
   * Weights of its authors, of pyiqa or the like by the names and shapes of their tensors; undefined: they are none of its.
   *
   * @param checkpoint of which its own `checkpoint` is made (`derivedCheckpoint`), and which that then owns
   * @param config the parsed config.json beside them, in folders of one of the system's `foreignTypes`
   * @throws RocError CHECKPOINT_MISMATCH where they are of this system, in a variant that is not known, naming what differs
   */
  original?(checkpoint: Checkpoint, config?: unknown): Original | undefined;
  /**
   * A tower with a head that was published in a file of its own.
   *
   * @param tower weights of a folder, of which and of `head` the result's `checkpoint` is made, which then owns both
   * @param config the parsed config.json beside them, ours or of one of the system's `foreignTypes`
   * @throws RocError CHECKPOINT_MISMATCH where the head is none of this system, or was trained for another tower
   */
  withHead?(tower: Checkpoint, config: unknown, head: Checkpoint): Original;
  /**
   * Weights of a classifier (ImageNet's, Places') that training begins with, in torchvision's or timm's names: those that
   * are written into a fresh model, by our names; undefined: they are of another network.
   */
  pretrained?(checkpoint: Checkpoint, config: unknown): Checkpoint | undefined;
}
