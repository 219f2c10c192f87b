/** What a run trains, from and to checkpoint folders: the model with score tokens, its processor and its texts. */
import { checkBase, digestModel } from "../../engine/index.js";
import { RocError } from "../../errors.js";
import type { ScoreScale } from "../../data/index.js";
import { ifThere, type Settings } from "../../files/index.js";
import type { RgbImage, StoredImage } from "../../image/types.js";
import { refuseQuantized } from "../../models/quantize.js";
import { openCheckpointFolder, type CheckpointLike } from "../../models/places.js";
import { loadMllm } from "../../models/registry.js";
import {
  addScoreTokens,
  checkSetAnswers,
  createStrategy,
  DEFAULT_TEMPLATES,
  loadTemplates,
  presentScoreTokens,
  SET_TEMPLATES,
  strategyOf,
} from "../../roc/index.js";
import { usesScoreTokens, type RocTemplates, type ScoreTokenOptions, type StrategyName } from "../../roc/index.js";
import type { StrategyParts } from "../../roc/index.js";
import type { Precision } from "../options.js";
import { weightsOf } from "./config.js";
import type { CheckedSpec, ModelFolders } from "./spec.js";

export interface Trainable {
  readonly parts: StrategyParts;
  /** Pads, resizes and crops as the checkpoint's image processor does; its own results stay as they are. */
  readonly prepare: (picture: RgbImage | StoredImage) => RgbImage | Promise<RgbImage>;
}

/** Of scores where none is given. */
export const USUAL_SCALE: ScoreScale = { min: 1, max: 10 };

export interface StartOptions extends ScoreTokenOptions {
  /** How scores are written and read; default: the checkpoint's own, else "roc". */
  readonly strategy?: StrategyName;
  /** Default: the checkpoint's own, else those of the released code. */
  readonly templates?: RocTemplates;
  readonly device?: string;
  /** Of the weights. Default float32. */
  readonly dtype?: Precision;
  /** Of the data's ratings: results of the trained checkpoint are given on it. Default: on that of its scores. */
  readonly ratingScale?: ScoreScale | undefined;
  /** Folder of the vision tower, and how prompts are framed: as `loadMllm` takes them. */
  readonly visionTower?: string | undefined;
  readonly conversation?: string | undefined;
  /** The model's outline instead of its weights, for a plan. */
  readonly outline?: boolean | undefined;
}

/**
 * A checkpoint to start from; gets score tokens where it has none and the strategy uses them.
 * @throws RocError for a folder that is no checkpoint, or one whose score tokens contradict `options`
 */
export async function startFrom(folder: CheckpointLike, options: StartOptions = {}): Promise<Trainable> {
  const checkpoint = await openCheckpointFolder(folder);
  await checkStart(checkpoint, options);
  await checkBase(checkpoint, { visionTower: options.visionTower });
  const { home } = checkpoint;
  const { device = "cpu", dtype = "float32", visionTower, conversation, outline } = options;
  const own = options.templates ?? (await loadTemplates(home));
  const name = options.strategy ?? own?.strategy ?? "roc";
  // Before weights are loaded, which an error would leave behind.
  const templates = textsOf(name, options.templates, own);
  const { model, processor } = await loadMllm(checkpoint, { dtype, device, visionTower, conversation, outline });
  const vocabulary = usesScoreTokens(name) ? addScoreTokens(model, processor.tokenizer, options) : undefined;
  const { min = USUAL_SCALE.min, max = USUAL_SCALE.max } = options;
  const strategy = createStrategy(name, { vocabulary, scale: { min, max }, levels: templates.levels });
  const ratingScale = otherThan(strategy.scale, options.ratingScale);
  const texts = { ...templates, strategy: name, ratingScale };
  const parts = { model, processor, strategy, templates: vocabulary ? texts : { ...texts, scale: strategy.scale } };
  return { parts, prepare: (picture) => processor.prepare(picture) };
}

/**
 * The texts of a run: those that are given, else the checkpoint's own, else the usual ones. Those of single pictures do not ask
 * about sets.
 *
 * @throws RocError CONFIG_INVALID for answers that a set cannot have
 */
function textsOf(name: StrategyName, given: RocTemplates | undefined, own: RocTemplates | undefined): RocTemplates {
  if (name !== "set") return given ?? own ?? DEFAULT_TEMPLATES;
  const texts = given ?? (own?.strategy === "set" ? own : SET_TEMPLATES);
  checkSetAnswers(texts.answers);
  return texts;
}

/** What a spec says of the start; scales, device and dtype are the caller's. */
export function startOptions(spec: CheckedSpec, { visionTower }: Partial<ModelFolders>) {
  const { strategy, scoreTokens: n, templates, conversation } = spec;
  return { strategy, n, weights: weightsOf(spec), visionTower, conversation, ...(templates && { templates }) };
}

function otherThan({ min, max }: ScoreScale, given: ScoreScale | undefined): ScoreScale | undefined {
  return given?.min === min && given.max === max ? undefined : given;
}

/**
 * Checks score tokens against those of a checkpoint by its config.json only, before gigabytes are read.
 * @throws RocError USAGE where they contradict one another; CONFIG_INVALID, FILE_UNREADABLE
 */
export async function checkStart(folder: CheckpointLike, options: StartOptions = {}): Promise<void> {
  const { home, weights } = await openCheckpointFolder(folder);
  refuseQuantized(await ifThere(weights.json("config.json")), weights.path);
  const { templates = await loadTemplates(home) } = options;
  if (!usesScoreTokens(options.strategy ?? templates?.strategy ?? "roc")) return;
  const config = await ifThere(home.json("config.json"));
  // One that is missing, or no object, is reported by loading.
  if (typeof config === "object" && config !== null) presentScoreTokens({ ...config }, options);
}

/**
 * What `startFrom` depends on, for a run's settings: every byte of the checkpoint, and the options.
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; CONFIG_INVALID
 */
export async function startSettings(folder: CheckpointLike, options: StartOptions = {}): Promise<Settings> {
  const checkpoint = await openCheckpointFolder(folder);
  const { home } = checkpoint;
  const { strategy, n, min = USUAL_SCALE.min, max = USUAL_SCALE.max } = options;
  const own = options.templates ?? (await loadTemplates(home));
  const name = strategy ?? own?.strategy ?? "roc";
  const { prompts, answers, levels } = textsOf(name, options.templates, own);
  return {
    base: await digestModel(checkpoint, { visionTower: options.visionTower }),
    strategy: name,
    scoreTokens: { count: n, min, max },
    ...{ prompts, answers, levels, conversation: options.conversation },
  };
}

/**
 * A checkpoint with score tokens and texts: what a run's states are.
 * @throws RocError CHECKPOINT_INVALID where the folder's checkpoint has no score tokens or texts
 */
export async function reopen(
  folder: string,
  options: { device?: string; dtype?: "float32" | "float16" | "bfloat16" } = {},
): Promise<Trainable> {
  const checkpoint = await openCheckpointFolder(folder);
  const { model, processor } = await loadMllm(checkpoint, { dtype: "float32", ...options });
  const templates = await loadTemplates(checkpoint.home);
  const strategy = strategyOf(model.config, templates);
  if (strategy === undefined || templates === undefined) {
    model.dispose();
    throw new RocError("CHECKPOINT_INVALID", `${folder} has no score tokens or no texts; start a run from it instead.`);
  }
  return { parts: { model, processor, strategy, templates }, prepare: (picture) => processor.prepare(picture) };
}
