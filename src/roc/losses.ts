/**
 * The loss of the paper's Eq. 6: text and scores are supervised apart.
 *
 * Text: the mean cross-entropy over the supervised tokens of the batch, T_p among them. Scores: at every T_p the score
 * of Eq. 5 against its ground truth. The softmax of Eq. 5 is over the raw logits of the T_s, as in the released code.
 */
import { RocError } from "../errors.js";
import type { Mllm } from "../models/types.js";
import { aten, fromTypedArray, zeros, type Tensor } from "../torch/index.js";
import { idTensor } from "./ids.js";
import { ratingLosses, type RatingLosses } from "./rating-losses.js";
import type { ScoreVocabulary } from "./vocabulary.js";
import type { LossWeights } from "./weights.js";

/** Under the EMD's root, so that its gradient is 0, not NaN, where both distributions are the same. */
const TINY = 1e-12;

/**
 * What {@link rocLoss} takes. R is the number of supervised tokens of the batch, S that of the T_p among them.
 *
 * @category The method
 */
export interface RocLossInput {
  /** What makes logits of the hidden states. */
  readonly model: Pick<Mllm, "logits">;
  /** `[R, D]` hidden states at the positions that predict a supervised token, each one before the token itself. */
  readonly hidden: Tensor;
  /** The R ids that they predict. */
  readonly targets: readonly number[];
  /** Tokens that a score is due at (default: T_p): the score losses are taken where one of them is predicted. */
  readonly slotIds?: readonly number[];
  /** S ground truths, one per T_p in the order of `targets`, on the vocabulary's scale. */
  readonly groundTruth: readonly number[];
  /** S voted distributions (N probabilities, see {@link voteTargets}), null where there are no votes. */
  readonly distributions?: readonly (readonly number[] | null)[];
  /**
   * S standard deviations of the ratings, on the vocabulary's scale, for `soft` and `thurstone`; null where unknown, which
   * counts as 0. Default: all unknown.
   */
  readonly stds?: readonly (number | null)[];
  /** S names of what is rated, and in which data set: `thurstone` and `fidelity` pair equal ones. Default: all are. */
  readonly groups?: readonly (string | number)[];
}

/**
 * Scalars `[]`, and the scores. Losses whose targets are absent are 0; those after `emdLoss` also where they are not
 * weighed.
 *
 * @category The method
 */
export interface RocLoss {
  /** Eq. 6: `textLoss + l1 * l1Loss + ce * ceLoss + emd * emdLoss`, and the further ones likewise. */
  readonly loss: Tensor;
  /** Mean cross-entropy over the R supervised tokens. */
  readonly textLoss: Tensor;
  /** Smooth L1 (beta 1), mean over all T_p. */
  readonly l1Loss: Tensor;
  /** Mean over the T_p that have votes of `-sum(voted * log(predicted))`. */
  readonly ceLoss: Tensor;
  /** `sqrt(mean((CDF predicted - CDF voted)^2))`, one root over all T_p with votes and all N bins. */
  readonly emdLoss: Tensor;
  /** Mean over all T_p of `sum(soft * log(soft / predicted))`, see {@link softTargets}. */
  readonly softLoss: Tensor;
  /**
   * Mean over pairs of `1 - sqrt(p q) - sqrt((1 - p)(1 - q))`: p and q are the probabilities that the first picture beats the
   * second by predicted scores and by ratings, `Phi((a - b) / sqrt(var a + var b))`. 1e-8 is added to variances and roots.
   */
  readonly thurstoneLoss: Tensor;
  /** The same with q = 1, 1/2 or 0 by the order of the ratings, and p by variances of 1 on a scale of 1 to 5. */
  readonly fidelityLoss: Tensor;
  /** `[S]` predicted scores on the vocabulary's scale, detached. */
  readonly scores: Tensor;
}

/**
 * The loss of Eq. 6 from the hidden states of supervised positions. In float32, or float64 for a float64 model.
 *
 * The softmax of Eq. 5 is over the raw logits of the T_s, and the EMD takes one root over the whole batch, so that it
 * depends on how samples are batched: both as in the released code.
 *
 * @returns tensors of the caller's scope; `loss.backward()` reaches the model's parameters
 * @throws RocError USAGE where lengths disagree; TRAINING where votes are weighed but no `distributions` are given
 *
 * @example
 * ```ts
 * import { LOSS_PRESETS, rocLoss, torch, vocabularyFromConfig } from "roc4mllm";
 *
 * // 10 score tokens for 1 to 10 behind the position token; a model whose logits are its hidden states.
 * const config = { score_id: 4, output_first_id: 5, output_last_id: 14, min_score: 1, max_score: 10 };
 * const vocabulary = vocabularyFromConfig(config);
 * if (!vocabulary) throw new Error("no score tokens");
 * const model = { logits: (hidden: torch.Tensor) => hidden };
 * torch.scope(() => {
 *   const hidden = torch.zeros([3, 15], { requiresGrad: true }); // R = 3 tokens, one of them T_p
 *   const input = { model, hidden, targets: [1, 4, 2], groundTruth: [7] };
 *   const { loss, l1Loss, scores } = rocLoss(input, vocabulary, LOSS_PRESETS.paper);
 *   loss.backward();
 *   console.log(scores.item().toFixed(2), l1Loss.item().toFixed(2), hidden.grad?.shape.join()); // 5.50 1.00 3,15
 * });
 * ```
 *
 * @category The method
 */
export function rocLoss(input: RocLossInput, vocabulary: ScoreVocabulary, weights: LossWeights): RocLoss {
  check(input, vocabulary, weights);
  const { targets, groundTruth } = input;
  const logits = logitsOf(input);
  const { device, dtype } = logits;
  const textLoss = crossEntropy(logits, targets);
  const slots = slotIdsOf(input, vocabulary);
  const scoreRows = targets.flatMap((id, row) => (slots.includes(id) ? [row] : []));
  const zero = zeros([], { device, dtype });
  if (scoreRows.length === 0) {
    const scores = zeros([0], { device, dtype });
    const none = { l1Loss: zero, ceLoss: zero, emdLoss: zero, softLoss: zero, thurstoneLoss: zero, fidelityLoss: zero };
    return { loss: textLoss, textLoss, ...none, scores };
  }
  const logProbabilities = scoreLogits(logits, scoreRows, vocabulary).logSoftmax(-1);
  const scores = expectation(logProbabilities.exp(), vocabulary);
  const l1Loss = aten("smooth_l1_loss")(scores, numbers(groundTruth, [groundTruth.length], scores), 1, 1);
  const { ceLoss, emdLoss } = distributionLosses(logProbabilities, input.distributions ?? [], zero);
  const rated = ratingLosses(logProbabilities, input, vocabulary.values, weights);
  const loss = weightedSum(textLoss, { l1: l1Loss, ce: ceLoss, emd: emdLoss, ...partsOf(rated) }, weights);
  return { loss, textLoss, l1Loss, ceLoss, emdLoss, ...rated, scores: scores.detach() };
}

function partsOf({ softLoss: soft, thurstoneLoss: thurstone, fidelityLoss: fidelity }: RatingLosses) {
  return { soft, thurstone, fidelity };
}

/** A weight of 0 keeps its part out of the graph: 0 times a part that is not finite would spoil the sum. */
export function weightedSum(
  text: Tensor,
  parts: Readonly<Partial<Record<keyof LossWeights, Tensor>>>,
  weights: LossWeights,
): Tensor {
  return (Object.keys(parts) as (keyof LossWeights)[]).reduce((sum, name) => {
    const [part, weight = 0] = [parts[name], weights[name]];
    return weight === 0 || part === undefined ? sum : sum.add(part.mul(weight));
  }, text);
}

/** What {@link levelLoss} takes, as {@link RocLossInput}; S scores, in the order of `slots`. */
export interface LevelLossInput extends Pick<
  RocLossInput,
  "model" | "hidden" | "targets" | "groundTruth" | "stds" | "groups"
> {
  /** Where the scores are: a row of `targets`, and the K tokens that it might be, worst first. */
  readonly slots: readonly LevelSlot[];
}

/** A place of a score that is written as one of K words. */
export interface LevelSlot {
  /** Of the word's first token among the supervised tokens. */
  readonly row: number;
  /** The K words' first tokens, worst first. */
  readonly ids: readonly number[];
}

/**
 * The losses of scores written as words, as DeQA-Score takes them: `soft` over the whole vocabulary in the place of the
 * text loss at these tokens, pairs by the K words among themselves.
 *
 * @param values of the K words
 */
export function levelLoss(
  input: LevelLossInput,
  values: readonly number[],
  weights: LossWeights,
): Pick<RocLoss, "loss" | "textLoss"> & RatingLosses {
  const { targets, slots } = input;
  const logits = logitsOf(input);
  const at = slots.map(({ row }) => row);
  const written = weights.soft ? targets.flatMap((_, row) => (at.includes(row) ? [] : [row])) : [...targets.keys()];
  const textLoss = crossEntropy(logits.indexSelect(0, idTensor(written, logits.device)), written.map((row) => targets[row] as number)); // prettier-ignore
  const chosen = logits.indexSelect(0, idTensor(at, logits.device));
  const ids = idTensor(slots.flatMap((slot) => slot.ids), logits.device, [slots.length, values.length]); // prettier-ignore
  const closed = chosen.gather(1, ids).logSoftmax(-1);
  const rated = ratingLosses(closed, input, values, weights, chosen.logSoftmax(-1).gather(1, ids));
  return { loss: weightedSum(textLoss, partsOf(rated), weights), textLoss, ...rated };
}

function slotIdsOf({ slotIds }: RocLossInput, { positionId }: ScoreVocabulary): readonly number[] {
  return slotIds ?? [positionId];
}

/** The text loss alone: the mean cross-entropy over the supervised tokens, a scalar. */
export function textLoss(input: Pick<RocLossInput, "model" | "hidden" | "targets">): Tensor {
  if (input.targets.length === 0) throw new RocError("USAGE", "textLoss: nothing is supervised; give targets");
  return crossEntropy(logitsOf(input), input.targets);
}

function crossEntropy(logits: Tensor, targets: readonly number[]): Tensor {
  return aten("cross_entropy_loss")(logits, idTensor(targets, logits.device), null, 1, -100, 0);
}

/** `[rows, vocabSize]`, in at least float32. */
function logitsOf({ model, hidden }: Pick<RocLossInput, "model" | "hidden">): Tensor {
  const logits = model.logits(hidden);
  return logits.dtype === "float64" ? logits : logits.to("float32");
}

/** `[T_p, N]`: the T_s logits where T_p is due. */
function scoreLogits(logits: Tensor, scoreRows: readonly number[], { scoreIds }: ScoreVocabulary): Tensor {
  const [first = 0] = scoreIds;
  return logits.indexSelect(0, idTensor(scoreRows, logits.device)).narrow(1, first, scoreIds.length);
}

/** Eq. 5: `[T_p, N]` probabilities to `[T_p]` scores. */
function expectation(probabilities: Tensor, { values }: ScoreVocabulary): Tensor {
  return probabilities.mul(numbers(values, [values.length], probabilities)).sum(-1);
}

function distributionLosses(
  logProbabilities: Tensor,
  distributions: readonly (readonly number[] | null)[],
  zero: Tensor,
): { ceLoss: Tensor; emdLoss: Tensor } {
  const voted = distributions.flatMap((distribution, row) => (distribution ? [row] : []));
  if (voted.length === 0) return { ceLoss: zero, emdLoss: zero };
  const predicted = logProbabilities.indexSelect(0, idTensor(voted, zero.device));
  const target = numbers(
    distributions.flatMap((distribution) => distribution ?? []),
    predicted.shape,
    predicted,
  );
  const ceLoss = target.mul(predicted).sum(-1).mean().neg();
  const difference = predicted.exp().cumsum(-1).sub(target.cumsum(-1));
  return { ceLoss, emdLoss: difference.pow(2).mean().clamp(TINY, null).sqrt() };
}

function numbers(values: readonly number[], shape: readonly number[], like: Tensor): Tensor {
  return fromTypedArray(Float64Array.from(values), [...shape], { dtype: like.dtype, device: like.device });
}

function check(input: RocLossInput, vocabulary: ScoreVocabulary, weights: LossWeights): void {
  const { hidden, targets, groundTruth, distributions } = input;
  const slots = slotIdsOf(input, vocabulary);
  const scores = targets.filter((id) => slots.includes(id)).length;
  const lengths = {
    ...{ hidden: [hidden.size(0), targets.length], groundTruth: [groundTruth.length, scores] },
    ...(input.stds && { stds: [input.stds.length, scores] }),
    ...(input.groups && { groups: [input.groups.length, scores] }),
  };
  for (const [name, [found, expected]] of Object.entries(lengths)) {
    if (found !== expected) throw new RocError("USAGE", `rocLoss: ${name} has ${found} values, ${expected} expected`);
  }
  if (targets.length === 0) throw new RocError("USAGE", "rocLoss: nothing is supervised; give targets");
  if (distributions === undefined) {
    if (weights.ce === 0 && weights.emd === 0) return;
    const remedy = "Train on data with votes, or set ce and emd to 0.";
    throw new RocError("TRAINING", `The loss weighs vote distributions, but the samples have none. ${remedy}`);
  }
  const n = vocabulary.scoreIds.length;
  if (distributions.length !== scores || distributions.some((votes) => votes !== null && votes.length !== n)) {
    throw new RocError("USAGE", `rocLoss: distributions must be ${scores} times ${n} probabilities (or null)`);
  }
}
