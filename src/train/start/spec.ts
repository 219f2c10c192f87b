/** What `trainModel()` and `planTraining()` take: the keys of a configuration file, as a program writes them. */
import { chooseState, type CheckpointFolder } from "../../models/places.js";
import {
  readDataset,
  type DatasetKind,
  type LoadedDataset,
  type ScoreColumn,
  type ScoreScale,
} from "../../data/index.js";
import type { StrategyName } from "../../roc/strategy-names.js";
import { parseTemplates, type RocTemplates } from "../../roc/template.js";
import type { LossPreset, LossWeights } from "../../roc/weights.js";
import type { LoraTraining, RaterTasks, TrainOptions } from "../options.js";
import { checkConfig, type RunConfig } from "./config.js";
import type { OnWarning } from "./warnings.js";

/** A type whose optional keys may also be `undefined`. */
type Loose<T> = { readonly [K in keyof T]?: T[K] | undefined };

/**
 * Adapters; `alpha` defaults to twice the rank, `dropout` to 0, `rslora` to false, `targets` to "all-linear".
 *
 * @category Training
 */
export type LoraRecipe = Pick<LoraTraining, "rank"> & Loose<Omit<LoraTraining, "rank">>;

/**
 * The numbers of a training, each as in {@link TrainOptions}. Either `steps` or `epochs` must be given. Defaults: `seed` 0,
 * `batchSize` 16, `accumulation` 1, `learningRate` 2e-5, `schedule` "constant", `warmup` 0, `weightDecay` 0, `betas`
 * [0.9, 0.999], `maxNorm` 1, `flip` false, `optimizer` "adamw", `precision` "auto", `every` a tenth of the steps (at most 1000).
 *
 * @category Training
 */
export interface TrainingRecipe extends Loose<Omit<TrainOptions, "lora" | "raters">> {
  /** Passes over the training part, from 0, rounded up to whole steps; instead of `steps`. */
  readonly epochs?: number | undefined;
  /** Train adapters instead of the weights. Default: the weights. */
  readonly lora?: LoraRecipe | undefined;
  /** Train on one rater after another; `steps` defaults to 5, `tasks` to 4, `keep` to "prior". Default: on the pictures' scores. */
  readonly raters?: Loose<RaterTasks> | undefined;
}

/** Which pictures of a data set are used. */
interface Parts {
  /** Pictures of a validation at most, from 1. Default 2000. */
  readonly mostValidation?: number | undefined;
  /** Training pictures at most, from 1: the first of the seeded order. Default: all. */
  readonly mostTraining?: number | undefined;
  /**
   * Train on the ratings of this person, 100 of them or `mostTraining`, drawn by the seed, and validate with the others. Of a data set
   * that says who gave which rating (FLICKR-AES). Default: on the pictures' scores.
   */
  readonly rater?: string | undefined;
  /**
   * With `train.raters`: raters whose ratings nothing is trained on, nor anybody's of what they have rated; by name, or as many drawn
   * ones with more than 100 ratings. Default: none.
   */
  readonly apart?: number | readonly string[] | undefined;
}

/**
 * A data set on the disk.
 *
 * @category Training
 */
export interface DataFolder extends Parts {
  /** Folder of the official files, or of your own label file; or that file. */
  readonly folder: string;
  /** Default: by the files in the folder. */
  readonly kind?: DatasetKind | undefined;
  /** Folder of the pictures, relative to `folder`. Default: where each kind has them. */
  readonly images?: string | undefined;
  /** `ava-captions`: folder of AVA's files, relative to `folder`. */
  readonly ava?: string | undefined;
  /** The score's column, of `icaa17k` ("color" by default), `koniq10k` ("MOS" by default), or an attribute of `aadb`, `para`, `csv`. */
  readonly column?: ScoreColumn | undefined;
  /** Share of the training part set apart for validation, in [0, 1), where there is no official part. Default 0.05. */
  readonly validation?: number | undefined;
}

/**
 * A data set in memory, as `readDataset()` gives it: each sample says which part it belongs to.
 *
 * @category Training
 */
export interface DataInMemory extends Parts {
  /** As {@link readDataset} gives it. */
  readonly dataset: LoadedDataset;
}

/**
 * What a run is: plain values, the same keys as in a configuration file (docs/config.md).
 *
 * @category Training
 */
export interface TrainingSpec {
  /** In words; changes nothing. */
  readonly description?: string | undefined;
  /**
   * Checkpoint to start from: a folder, of a run folder its best state; or a file of a classical system's weights. Names on a
   * hub are for `resolveModel` of {@link ModelResolution}. Where nothing of that name is there: a classical system's name
   * ("nima", ...), for a new one.
   */
  readonly model: string;
  /** Which network of a new classical system. Default: its usual one. */
  readonly variant?: string | undefined;
  /**
   * File of a classifier's weights that a new classical system begins with, or several, each of another part of its network
   * (TANet). Default: drawn ones.
   */
  readonly pretrained?: string | readonly string[] | undefined;
  /** A new classical system of a few thousand weights, to try a run with. Default false. */
  readonly tiny?: boolean | undefined;
  /** Whether a new classical system predicts the data set's attributes beside the score. Default: where it can. */
  readonly attributes?: boolean | undefined;
  /**
   * Scores that a new classical system predicts the distribution over, from 2; 0: it predicts one number. Default: as many as
   * the data set's votes have, else 0.
   */
  readonly bins?: number | undefined;
  /** Folder of the CLIP tower, where the checkpoint has it elsewhere. Default: beside the checkpoint. */
  readonly visionTower?: string | undefined;
  /** Which pictures: the folder of a data set, how to read it, or one that was read. */
  readonly data: string | DataFolder | DataInMemory | LoadedDataset;
  /** How scores are written, taught and read. Default: that of `templates`, else "roc". */
  readonly strategy?: StrategyName | undefined;
  /** Number of score tokens N, from 2, where the checkpoint has none. Default 10. */
  readonly scoreTokens?: number | undefined;
  /**
   * Of the scores that the trained checkpoint gives; ratings are mapped to it. Default: scores are learned on the score
   * tokens' scale (1 to 10 where there are none yet) and given on that of the ratings.
   */
  readonly scale?: ScoreScale | undefined;
  /** Loss weights: a preset's name, or each weight from 0. Default "paper". */
  readonly loss?: LossPreset | LossWeights | undefined;
  /** Questions and answers. Default: the checkpoint's, else those of the released code. */
  readonly templates?: RocTemplates | undefined;
  /** Name of the conversation that frames prompts. Default: as the checkpoint says. */
  readonly conversation?: string | undefined;
  /** The recipe. */
  readonly train: TrainingRecipe;
  /** The run folder, where states and figures are written and a stopped run resumes; made where it does not exist. */
  readonly out: string;
  /** "cpu", "cuda", "cuda:1", ...; under torchrun "cuda" is each process's own GPU. Default "cpu". */
  readonly device?: string | undefined;
}

/**
 * Folders of a checkpoint.
 *
 * @category Training
 */
export interface ModelFolders {
  /** The checkpoint's. */
  readonly folder: string;
  /** The same, opened already, so that its files are not read again. */
  readonly checkpoint?: CheckpointFolder | undefined;
  /** Of the CLIP tower, where the checkpoint's files do not say it. */
  readonly visionTower?: string | undefined;
}

/**
 * How `model` and `visionTower` of a spec become folders.
 *
 * @category Training
 */
export interface ModelResolution<Found = ModelFolders> {
  /**
   * Finds the folders of names, e.g. by downloading them. Called once data, device and run folder are known to be usable.
   * Default: they are folders; of a run folder the best state is taken.
   */
  readonly resolveModel?: ((model: string, visionTower: string | undefined) => Promise<Found>) | undefined;
}

/** A checked spec: every default filled in. */
export interface CheckedSpec extends Omit<RunConfig, "templates"> {
  readonly templates: RocTemplates | undefined;
  /** Instead of `data.folder`. */
  readonly dataset: LoadedDataset | undefined;
}

/**
 * Checks a spec and fills in its defaults.
 * @throws RocError CONFIG_INVALID naming the key
 */
export function checkSpec({ templates, data, ...rest }: TrainingSpec): CheckedSpec {
  const texts = templates && parseTemplates(templates, "spec.templates");
  const { dataset, ...source } = sourceOf(data);
  const values = {
    ...rest,
    strategy: rest.strategy ?? texts?.strategy,
    data: dataset ? { folder: dataset.name, ...source } : source,
  };
  return { ...checkConfig(values, "spec"), templates: texts, dataset };
}

function sourceOf(data: TrainingSpec["data"]): Partial<DataFolder> & Partial<DataInMemory> {
  if (typeof data === "string") return { folder: data };
  // Programs in JavaScript may leave it out, which the checks say.
  const given = data as Exclude<typeof data, string> | undefined;
  return given && "samples" in given ? { dataset: given } : (given ?? {});
}

/**
 * Reads the data set that a spec names.
 * @throws RocError FILE_NOT_FOUND, DATA_INVALID, USAGE
 */
export async function datasetOf({ dataset, data, train: { seed } }: CheckedSpec): Promise<LoadedDataset> {
  if (dataset) return dataset;
  const { folder, kind, images, ava, column, validation: validationFraction } = data;
  return readDataset({
    ...{ folder, validationFraction, seed },
    ...(kind && { kind }),
    ...(images !== undefined && { images }),
    ...(ava !== undefined && { ava }),
    ...(column && { column }),
  });
}

/** The folders of a spec's model; of a run folder its best state, which is reported. */
export async function folderOfModel(
  { model, visionTower }: Pick<CheckedSpec, "model" | "visionTower">,
  { resolveModel, onWarning }: ModelResolution & { readonly onWarning?: OnWarning | undefined },
): Promise<ModelFolders> {
  if (resolveModel) return resolveModel(model, visionTower);
  const state = await chooseState(model);
  if (state) onWarning?.(`taking ${state.folder}, the ${state.kind} state of the run.`);
  return { folder: state?.folder ?? model, visionTower };
}
