/**
 * The score vocabulary: one position token T_p that says "a score is here", and N score tokens T_s whose output
 * logits, and nothing else, say which score (section "Decoupling Score Representation" of the paper).
 */
import { RocError } from "../errors.js";
import type { Mllm, MllmProcessor } from "../models/types.js";
import { LOSS_PRESETS, type LossWeights } from "./weights.js";

/** T_p as the released code spells it. */
export const POSITION_TOKEN = "[SCORE]";

/** The `index`-th T_s as the released code spells it, from `[IMG0]`. */
export function scoreToken(index: number): string {
  return `[IMG${index}]`;
}

/**
 * A range of scores, both ends included.
 *
 * @category The method
 */
export interface Scale {
  /** Lowest score. */
  readonly min: number;
  /** Highest score, above `min`. */
  readonly max: number;
}

/** No scale is finer; more comes of a broken file. */
const MOST_TOKENS = 10_000;

/**
 * One position token T_p, whose position in the text says "a score is here", and N score tokens T_s, whose logits at that
 * step say which ("Decoupling Score Representation" in the paper).
 *
 * @category The method
 */
export interface ScoreVocabulary {
  /** Id of T_p. */
  readonly positionId: number;
  /** Ids of the N T_s: consecutive, ascending. */
  readonly scoreIds: readonly number[];
  /** The score s_i that each T_s represents: evenly spaced over the scale. */
  readonly values: readonly number[];
  /** The lowest and the highest of {@link values}. */
  readonly scale: Scale;
}

/**
 * Which score tokens {@link addScoreTokens} adds.
 *
 * @category The method
 */
export interface ScoreTokenOptions {
  /** Number N of T_s, at least 2; default 10, as in the paper. */
  readonly n?: number;
  /** Lower end of the scale; default 1, as in the paper. */
  readonly min?: number;
  /** Upper end of the scale; default 10, as in the paper. */
  readonly max?: number;
  /** Written into the config beside the ids, as in the released checkpoint; default: the paper's. */
  readonly weights?: LossWeights;
}

/**
 * Gives a model its score tokens: T_p, then the T_s, with the tokenizer's next free ids and average rows, so that an
 * untrained model predicts the middle of the scale. Writes the released checkpoint's keys into `model.config`.
 *
 * A model that has score tokens keeps them and their rows.
 *
 * @throws RocError USAGE where the options make no sense or contradict the score tokens that the model has;
 *   TOKENIZER_INVALID where the tokenizer already uses one of the tokens for something else
 *
 * @example
 * ```ts
 * import { addScoreTokens, loadMllm } from "roc4mllm";
 *
 * const { model, processor } = await loadMllm("my-checkpoint"); // a base model, or one that has them
 * const { scoreIds, values } = addScoreTokens(model, processor.tokenizer, { n: 10, min: 1, max: 10 });
 * console.log(scoreIds.length, values.join()); // 10 1,2,3,4,5,6,7,8,9,10
 * model.dispose();
 * ```
 *
 * @category The method
 */
export function addScoreTokens(
  model: Mllm,
  tokenizer: Pick<MllmProcessor["tokenizer"], "size" | "addTokens">,
  options: ScoreTokenOptions = {},
): ScoreVocabulary {
  const { n = 10, min = 1, max = 10, weights = LOSS_PRESETS.paper } = options;
  const present = presentScoreTokens(model.config, options);
  if (present) return present;
  const scale = { min, max };
  const realRows = tokenizer.size;
  const tokens = [POSITION_TOKEN, ...Array.from({ length: n }, (_, index) => scoreToken(index))];
  const ids = tokenizer.addTokens(tokens);
  const [positionId = -1] = ids;
  if (ids.some((id, index) => id !== positionId + index) || positionId < realRows) {
    const remedy = "Start from the base model's own tokenizer.";
    throw new RocError("TOKENIZER_INVALID", `The tokenizer already has some of ${tokens.join(" ")}. ${remedy}`);
  }
  model.growVocabulary(ids, realRows);
  const vocabulary = makeVocabulary(positionId, ids.slice(1), scale);
  Object.assign(model.config, configOf(vocabulary, weights));
  return vocabulary;
}

/**
 * The score tokens that a checkpoint's `config.json` names, if there are any; needs no weights.
 * @throws RocError USAGE for options that make no sense or contradict them; CONFIG_INVALID
 */
export function presentScoreTokens(
  config: Readonly<Record<string, unknown>>,
  { n = 10, min = 1, max = 10 }: ScoreTokenOptions = {},
): ScoreVocabulary | undefined {
  if (!Number.isInteger(n) || n < 2) throw new RocError("USAGE", `n is ${n}; give at least 2 score tokens`);
  const scale = checkScale({ min, max });
  const present = vocabularyFromConfig(config);
  return present && checkSame(present, n, scale);
}

/** The released checkpoint's `config.json` keys. */
function configOf({ positionId, scoreIds, scale }: ScoreVocabulary, weights: LossWeights): Record<string, number> {
  return {
    score_id: positionId,
    num_tokens: scoreIds.length,
    img_token_num: scoreIds.length,
    output_first_id: scoreIds[0] as number,
    output_last_id: scoreIds.at(-1) as number,
    min_score: scale.min,
    max_score: scale.max,
    l1_weight: weights.l1,
    ce_weight: weights.ce,
    emd_weight: weights.emd,
  };
}

function makeVocabulary(positionId: number, scoreIds: readonly number[], scale: Scale): ScoreVocabulary {
  const step = (scale.max - scale.min) / (scoreIds.length - 1);
  return { positionId, scoreIds, values: scoreIds.map((_, index) => scale.min + index * step), scale };
}

function checkSame(present: ScoreVocabulary, n: number, scale: Scale): ScoreVocabulary {
  const { scoreIds, scale: own } = present;
  if (scoreIds.length === n && own.min === scale.min && own.max === scale.max) return present;
  throw new RocError(
    "USAGE",
    `The model has ${scoreIds.length} score tokens for ${own.min} to ${own.max}, not ${n} for ${scale.min} to ` +
      `${scale.max}; keep its own (ground truth is brought to its scale) or start from a base model`,
  );
}

/**
 * The score vocabulary that a checkpoint's `config.json` names; undefined where it names none.
 *
 * The ids alone say how many T_s there are: of the released keys, `num_tokens` and `img_token_num` are written for the
 * authors' code and not relied upon.
 *
 * @param config a parsed `config.json`, as {@link Mllm.config}
 * @throws RocError CONFIG_INVALID naming the key that is missing or wrong
 *
 * @category The method
 */
export function vocabularyFromConfig(config: Readonly<Record<string, unknown>>): ScoreVocabulary | undefined {
  if (["score_id", "output_first_id", "output_last_id"].every((key) => config[key] === undefined)) return undefined;
  const positionId = tokenId(config, "score_id");
  const first = tokenId(config, "output_first_id");
  const last = tokenId(config, "output_last_id");
  if (last <= first) throw invalid("output_last_id", last, `an id above output_first_id (${first})`);
  if (last - first >= MOST_TOKENS) throw invalid("output_last_id", last, `at most ${MOST_TOKENS} score tokens`);
  if (positionId >= first && positionId <= last)
    throw invalid("score_id", positionId, "an id outside the score tokens");
  const min = finite(config, "min_score");
  const max = finite(config, "max_score");
  if (max <= min) throw invalid("max_score", max, `a number above min_score (${min})`);
  const scoreIds = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return makeVocabulary(positionId, scoreIds, { min, max });
}

/**
 * The loss weights that a checkpoint was trained with; undefined where its config names none.
 * @throws RocError CONFIG_INVALID naming the key that is missing or wrong
 */
export function weightsFromConfig(config: Readonly<Record<string, unknown>>): LossWeights | undefined {
  if (["l1_weight", "ce_weight", "emd_weight"].every((key) => config[key] === undefined)) return undefined;
  return { l1: finite(config, "l1_weight"), ce: finite(config, "ce_weight"), emd: finite(config, "emd_weight") };
}

function tokenId(config: Readonly<Record<string, unknown>>, key: string): number {
  const value = config[key];
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw invalid(key, value, "a token id (a whole number from 0)");
}

function finite(config: Readonly<Record<string, unknown>>, key: string): number {
  const value = config[key];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw invalid(key, value, "a number");
}

function invalid(key: string, value: unknown, expected: string): RocError {
  const found = value === undefined ? "missing" : JSON.stringify(value);
  return new RocError(
    "CONFIG_INVALID",
    `config.json: ${key} is ${found}; a ROC4MLLM checkpoint needs ${expected} there`,
  );
}

function checkScale(scale: Scale): Scale {
  const { min, max } = scale;
  if (Number.isFinite(min) && Number.isFinite(max) && min < max) return scale;
  throw new RocError("USAGE", `A scale from ${min} to ${max} is none; give two numbers, the lower one first`);
}

/**
 * A score on another scale, linearly: the ends of `from` go to the ends of `to`.
 *
 * @throws RocError USAGE where `from` is no scale
 *
 * @example
 * ```ts
 * import { toScale } from "roc4mllm";
 *
 * console.log(toScale(5.5, { min: 1, max: 10 }, { min: 0, max: 100 })); // 50
 * ```
 *
 * @category The method
 */
export function toScale(value: number, from: Scale, to: Scale): number {
  checkScale(from);
  return to.min + ((value - from.min) * (to.max - to.min)) / (from.max - from.min);
}

/** Brings scores to the ratings' scale where there is another one, without any rounding where there is none. */
export function ratingsFrom(scale: Scale, ratings: Scale | undefined): (score: number) => number {
  const isSame = ratings === undefined || (ratings.min === scale.min && ratings.max === scale.max);
  return isSame ? (score) => score : (score) => toScale(score, scale, ratings);
}

/**
 * Votes as the N probabilities that the T_s are trained towards.
 *
 * `votes[k]` counts the votes for the k-th of K ratings, evenly spaced over the data set's scale. Each rating is brought to
 * the vocabulary's scale and its votes are split linearly between the two neighbouring s_i, the nearer one getting
 * more: the mean of the votes is kept, and with K = N the histogram is only normalised.
 *
 * @param votes counts from 0, of K ratings, worst first
 * @returns N probabilities, which sum to 1
 * @throws RocError DATA_INVALID where there are no votes, or fewer than two ratings
 *
 * @example
 * ```ts
 * import { voteTargets, vocabularyFromConfig } from "roc4mllm";
 *
 * const config = { score_id: 4, output_first_id: 5, output_last_id: 7, min_score: 1, max_score: 3 };
 * const vocabulary = vocabularyFromConfig(config);
 * if (vocabulary) console.log(voteTargets([1, 2, 1], vocabulary).join()); // 0.25,0.5,0.25
 * ```
 *
 * @category The method
 */
export function voteTargets(votes: readonly number[], { values }: Pick<ScoreVocabulary, "values">): number[] {
  const total = votes.reduce((sum, count) => sum + count, 0);
  if (votes.length < 2 || !(total > 0) || votes.some((count) => !(count >= 0))) {
    throw new RocError(
      "DATA_INVALID",
      `Votes [${votes.join(", ")}] are no histogram; give 2 or more counts, some above 0`,
    );
  }
  const targets = values.map(() => 0);
  const stretch = (targets.length - 1) / (votes.length - 1);
  votes.forEach((count, rating) => {
    const place = rating * stretch;
    const below = Math.min(Math.floor(place), targets.length - 2);
    const share = place - below;
    targets[below] = (targets[below] as number) + (count / total) * (1 - share);
    targets[below + 1] = (targets[below + 1] as number) + (count / total) * share;
  });
  return targets;
}
