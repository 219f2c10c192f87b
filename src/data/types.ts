/** What every data set adapter returns. Independent of tensors and models. */
import type { SeedPart } from "../random.js";

/**
 * The range of a data set's scores, both ends included.
 *
 * @category Data sets
 */
export interface ScoreScale {
  /** Lowest score. */
  readonly min: number;
  /** Highest score, above `min`. */
  readonly max: number;
}

/**
 * Part of a data set.
 *
 * @category Data sets
 */
export type Split = "train" | "validation" | "test";

/** Every split, in the order of tables. */
export const SPLITS: readonly Split[] = ["train", "validation", "test"];

/**
 * What one person gave a picture.
 *
 * @category Data sets
 */
export interface Rating {
  /** The data set's name of the person. */
  readonly rater: string;
  /** On {@link RatedDataset.ratingScale}. */
  readonly score: number;
}

/**
 * One rated picture.
 *
 * @category Data sets
 */
export interface Sample {
  /** The data set's own id of the picture. */
  readonly id: string;
  /** Absolute path of the image file. */
  readonly image: string;
  /** Mean opinion score on the data set's own scale. */
  readonly score: number;
  /** Standard deviation of the ratings, where known. */
  readonly std?: number;
  /** Votes for each rating, evenly spaced from the scale's lowest to its highest, where known (AVA: 10 counts for 1..10). */
  readonly votes?: readonly number[];
  /** Who rated it, where the data set says so (FLICKR-AES' workers), each once. */
  readonly raters?: readonly string[];
  /** What each of them gave, in the file's order, where known. */
  readonly ratings?: readonly Rating[];
  /**
   * Ratings of single aspects by name, on the score's scale or on that of `attributeScales`; a picture may lack some.
   */
  readonly attributes?: Readonly<Record<string, number>>;
  /** Standard deviations of the ratings of single aspects by name, where known. */
  readonly attributeStds?: Readonly<Record<string, number>>;
  /** Comments on the picture, at least one where present. */
  readonly comments?: readonly string[];
  /** What the picture shows, in the data set's own words (TAD66K's themes, PARA's scenes). */
  readonly theme?: string;
  /** Names the set of comparable pictures that it belongs to, as those of one scene: the best of them is asked for. */
  readonly set?: string;
  /** The part that it belongs to. */
  readonly split: Split;
}

/**
 * Rated pictures.
 *
 * @category Data sets
 */
export interface RatedDataset {
  /** What the data set is called. */
  readonly name: string;
  /** Of the scores. */
  readonly scale: ScoreScale;
  /** Scales of the attributes whose scale differs from the score's (AADB: -1..1 and 0..1). */
  readonly attributeScales?: Readonly<Record<string, ScoreScale>>;
  /** Scale of single persons' ratings. Default: the score's. */
  readonly ratingScale?: ScoreScale;
  /** Whether scores are not the votes' means (weighted, or standardised by rater), and may differ. Default: they are. */
  readonly votesApart?: boolean;
  /** The pictures, in the order of the label files. */
  readonly samples: readonly Sample[];
}

/** The scale of an attribute's ratings: its own where it has one, else the score's. */
export function attributeScale({ scale, attributeScales }: Omit<RatedDataset, "samples">, name: string): ScoreScale {
  return (attributeScales && Object.hasOwn(attributeScales, name) ? attributeScales[name] : undefined) ?? scale;
}

/**
 * The result of an adapter.
 *
 * @category Data sets
 */
export interface LoadedDataset extends RatedDataset {
  /** Rated pictures whose image file is missing; they are not among `samples`. */
  readonly missing: readonly Sample[];
  /** Both, in the order of the label files; default: the samples, then the missing ones. */
  readonly rated?: readonly Sample[];
  /** Sentences on findings that are not errors: excluded pictures, missing optional files, a drawn split. */
  readonly notes: readonly string[];
}

/**
 * Options of every adapter.
 *
 * @category Data sets
 */
export interface ReaderOptions {
  /** Folder of the images, relative to the data set's folder; default: each data set's usual one. */
  readonly images?: string;
  /** Share of the training part that becomes the validation part, in [0, 1), where there is no official one. Default 0. */
  readonly validationFraction?: number;
  /** Seed of that share. Default 0. */
  readonly seed?: SeedPart;
  /**
   * What to do with a rating that is not a finite number (NaN, inf, an empty field). `refuse` (default) is an error that
   * names the field; `keep` passes on NaN or an infinity, for the label doctor, which counts them.
   */
  readonly nonFinite?: "refuse" | "keep";
}

/**
 * Called during long work: `done` of `total` units.
 *
 * @category Data sets
 */
export type OnProgress = (done: number, total: number) => void;
