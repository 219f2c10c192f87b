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
}

/**
 * Scalars `[]`, and the scores. Losses whose targets are absent are 0.
 *
 * @category The method
 */
export interface RocLoss {
  /** Eq. 6: `textLoss + l1 * l1Loss + ce * ceLoss + emd * emdLoss`. */
  readonly loss: Tensor;
  /** Mean cross-entropy over the R supervised tokens. */
  readonly textLoss: Tensor;
  /** Smooth L1 (beta 1), mean over all T_p. */
  readonly l1Loss: Tensor;
  /** Mean over the T_p that have votes of `-sum(voted * log(predicted))`. */
  readonly ceLoss: Tensor;
  /** `sqrt(mean((CDF predicted - CDF voted)^2))`, one root over all T_p with votes and all N bins. */
  readonly emdLoss: Tensor;
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
    return { loss: textLoss, textLoss, l1Loss: zero, ceLoss: zero, emdLoss: zero, scores };
  }
  const logProbabilities = scoreLogits(logits, scoreRows, vocabulary).logSoftmax(-1);
  const scores = expectation(logProbabilities.exp(), vocabulary);
  const l1Loss = aten("smooth_l1_loss")(scores, numbers(groundTruth, [groundTruth.length], scores), 1, 1);
  const { ceLoss, emdLoss } = distributionLosses(logProbabilities, input.distributions ?? [], zero);
  const parts = [
    [weights.l1, l1Loss],
    [weights.ce, ceLoss],
    [weights.emd, emdLoss],
  ] as const;
  // A weight of 0 keeps its part out of the graph: 0 times a part that is not finite would spoil the sum.
  const loss = parts.reduce((sum, [weight, part]) => (weight === 0 ? sum : sum.add(part.mul(weight))), textLoss);
  return { loss, textLoss, l1Loss, ceLoss, emdLoss, scores: scores.detach() };
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
  const lengths = { hidden: [hidden.size(0), targets.length], groundTruth: [groundTruth.length, scores] } as const;
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
