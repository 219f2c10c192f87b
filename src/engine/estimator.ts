/** What {@link Reader} needs of whatever computes scores: a multimodal model with its strategy, or a classical system. */
import type { RgbImage, StoredImage } from "../image/index.js";
import type { Scale, WrittenText } from "../roc/index.js";
import type { DType, Tensor } from "../torch/index.js";
import type { Lens } from "./explain/lens.js";
import type { ReadingOptions, ScoreResult, ScoringMethod, SetAnswer, SetAsking } from "./types.js";

/** What is estimated of a picture: a result without what the reader knows of the picture and the model. */
export type Estimate = Omit<ScoreResult, "file" | "damaged" | "model" | "scorer" | "dtype" | "quantization">;

/** What was answered where no score could be read. */
export interface Unclear {
  readonly unclear: string;
}

/** How a batch is read. */
export type EstimateOptions = Omit<ReadingOptions, "told"> & {
  /** Throws where nobody wants the outcomes any more. */
  readonly check: () => void;
  /** Told what is written about a picture. */
  readonly onText?: (row: number, written: WrittenText) => void;
};

/** Computes scores of prepared pictures, synchronously, in the thread that has the weights. */
export interface Estimator {
  readonly dtype: DType;
  /** "cpu", "cuda:0", ... */
  readonly device: string;
  readonly method: ScoringMethod;
  /** Of the scores that {@link estimate} gives. */
  readonly scale: Scale;
  /** What results say beside {@link dtype}, and settings too. */
  readonly quantization?: ScoreResult["quantization"];
  /** Further settings that scores depend on. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Pictures that are computed together where nobody asks for a number; default: by the device. */
  readonly together?: number | undefined;
  /** By which the number of threads is chosen. */
  weights(): Iterable<Tensor>;
  /**
   * One estimate a picture, in their order.
   *
   * @throws RocError SCORE_NOT_FINITE; USAGE for options that it has no use for; ABORTED by `check`
   */
  estimate(pictures: readonly RgbImage[], options: EstimateOptions): (Estimate | Unclear)[];
  /** For explanations of a prepared picture: what of its input can be changed. Needs no disposal. */
  lens(picture: RgbImage): Lens;
  /** What it says of pictures in one prompt; undefined where it looks at single ones alone. @throws RocError as {@link estimate} */
  judge?(pictures: readonly RgbImage[], asking: SetAsking): SetAnswer;
  /** What {@link ImageInputs.steps} are, for the thread that prepares pictures. */
  readonly steps: unknown;
  /** Off the thread. */
  prepare(picture: RgbImage | StoredImage): Promise<RgbImage>;
  /** Frees the weights. */
  dispose(): void;
}
