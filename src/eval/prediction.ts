/** What a system said about one picture, beside what people said: a row of a predictions file. */
import type { Sample, Split } from "../data/index.js";

/**
 * What the data set says of a picture.
 *
 * @category Evaluation
 */
export interface Rated {
  /** The data set's own id. */
  readonly id: string;
  /** Path of the picture. */
  readonly image: string;
  /** Its part of the data set. */
  readonly split: Split;
  /** What it shows, in the data set's own words. */
  readonly theme?: string | undefined;
  /** The set of pictures that it is compared with, where the data set has sets. */
  readonly set?: string | undefined;
  /** Ratings by name on the data set's scales; the overall score is "score". */
  readonly truth: Readonly<Record<string, number>>;
  /** Votes for evenly spaced ratings over the scale, where the data set has them. */
  readonly votes?: readonly number[] | undefined;
  /** What people wrote about it, where comments are evaluated. */
  readonly references?: readonly string[] | undefined;
}

/**
 * What a system said about a picture, beside what people said: a row of a table of predictions.
 *
 * @category Evaluation
 */
export interface Prediction extends Rated {
  /** Predictions by the names of the truth, on the same scales; null where none could be read. */
  readonly predicted: Readonly<Record<string, number | null>>;
  /** Predicted standard deviation of the overall score. */
  readonly std: number | null;
  /** Predicted probabilities of evenly spaced ratings over the scale. */
  readonly distribution: readonly number[] | null;
  /** What the system wrote about it. */
  readonly comment?: string | undefined;
  /** Why there is no prediction. */
  readonly error?:
    | {
        /** One of {@link ERROR_CODES}, or NO_SCORE. */
        readonly code: string;
        /** For a person. */
        readonly message: string;
      }
    | undefined;
}

/** Name of the overall score among a prediction's values. */
export const SCORE = "score";

/** What people said about a sample. */
export function ratedOf({ id, image, split, theme, set, score, attributes, votes, comments }: Sample): Rated {
  const truth = { [SCORE]: score, ...attributes };
  const asked = {
    ...(set !== undefined && { set }),
    ...(votes && { votes }),
    ...(comments && { references: comments }),
  };
  return { id, image, split, theme, truth, ...asked };
}

/** Whether the overall score was predicted. */
export function succeeded({ predicted }: Prediction): boolean {
  return typeof predicted[SCORE] === "number";
}
