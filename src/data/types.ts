/** What every data set adapter gives. Knows no tensors and no models. */

/** The range of a data set's scores, both ends included. */
export interface ScoreScale {
  readonly min: number;
  readonly max: number;
}

export type Split = "train" | "validation" | "test";

/** One rated picture. */
export interface Sample {
  /** The data set's own id of the picture. */
  readonly id: string;
  /** Absolute path of the image file. */
  readonly image: string;
  /** Mean opinion score on the data set's own scale. */
  readonly score: number;
  /** Standard deviation of the ratings, where known. */
  readonly std?: number;
  /** Votes for each rating from the lowest to the highest, where known (AVA: 10 counts for 1..10). */
  readonly votes?: readonly number[];
  /** Ratings of single aspects by name, on the same scale as the score; a picture may lack some. */
  readonly attributes?: Readonly<Record<string, number>>;
  readonly split: Split;
}

export interface RatedDataset {
  readonly name: string;
  readonly scale: ScoreScale;
  readonly samples: readonly Sample[];
}

/** Called as long work goes on: `done` of `total` units. */
export type OnProgress = (done: number, total: number) => void;
