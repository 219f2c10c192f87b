/**
 * What a run trains: how a sample becomes a question and an answer, which loss is taken and how a score is read.
 *
 * The loop sees only this interface, so that another strategy is another objective.
 */
import { attributeScale, type RatedDataset, type Sample, type ScoreScale } from "../../data/index.js";
import { Random } from "../../random.js";
import type { RgbImage } from "../../image/types.js";
import {
  fillComment,
  hasComment,
  readAnswers,
  rocLoss,
  scoreName,
  scoreNames,
  textLoss,
  toScale,
  voteTargets,
} from "../../roc/index.js";
import type { LossWeights, StrategyParts } from "../../roc/index.js";
import { scope, type Tensor } from "../../torch/index.js";
import { notFinite } from "../optim/clip.js";
import { answerOf, collate, TextCache, type Example, type Label } from "../data/collate.js";

/** The scales of a data set's scores. */
export type Scales = Pick<RatedDataset, "scale" | "attributeScales">;

/** A batch's loss and its parts as numbers. */
export interface BatchLoss {
  /** Scalar to call `backward()` on; belongs to the caller's scope. */
  readonly loss: Tensor;
  /** Unweighted terms by name, scalars. */
  readonly terms: Readonly<Record<string, Tensor>>;
}

/** A sample with its pixels; `random` is its own stream of this epoch. */
export interface Picture {
  readonly sample: Sample;
  readonly image: RgbImage;
  readonly random: Random;
}

/** Over how many things a batch's losses are means: supervised tokens, scores, scores with votes. Or shares of a whole. */
export interface LossCounts {
  readonly text: number;
  readonly score: number;
  readonly votes: number;
}

export interface Objective {
  /**
   * Forward and loss of a batch, inside the caller's scope; `mixed` runs the forward in the run's precision.
   *
   * @param shares the batch's shares of the counts of all batches of a step: loss and terms are scaled by them, so that
   *   their sums over the batches are those of one batch of all
   */
  loss(pictures: readonly Picture[], mixed: <T>(body: () => T) => T, shares?: LossCounts): BatchLoss;
  /** What {@link loss} would take means over. Absent: `shares` are not understood, batches of a step count alike. */
  counts?(pictures: readonly Picture[]): LossCounts;
  /**
   * Predicted scores on the data set's scale; NaN where the answer could not be understood.
   * @throws RocError TRAINING for a score that is no finite number
   */
  predict(images: readonly RgbImage[]): number[];
}

/**
 * Training by a strategy of `roc/`. An answer is drawn from those whose every score the picture has a rating for:
 * `scoreName()`'s placeholder is the data set's score, others for attributes of their name.
 */
export function strategyObjective(parts: StrategyParts, dataset: Scales, weights: LossWeights): Objective {
  const { scale } = dataset;
  const { model, processor, strategy, templates } = parts;
  const { vocabulary } = strategy;
  const texts = new TextCache(processor);
  const name = scoreName(templates);
  const main = scoreNames(templates.answers[0] ?? "").indexOf(name);
  const answers = templates.answers.map((answer) => ({
    answer,
    names: scoreNames(answer),
    commented: hasComment(answer),
  }));

  const exampleOf = ({ sample, image, random }: Picture): Example => {
    const distribution = sample.votes && vocabulary ? voteTargets(sample.votes, vocabulary) : null;
    const rating = (score: number, from: ScoreScale): number => toScale(score, from, strategy.scale);
    const labels: Record<string, Label> = { [name]: { score: rating(sample.score, scale), distribution } };
    for (const [attribute, score] of Object.entries(sample.attributes ?? {})) {
      if (attribute !== name)
        labels[attribute] = {
          score: rating(score, attributeScale({ name, ...dataset }, attribute)),
          distribution: null,
        };
    }
    const { comments = [] } = sample;
    const rated = answers.filter(
      ({ names, commented }) => names.every((needed) => needed in labels) && (!commented || comments.length > 0),
    );
    const prompt = choose(templates.prompts, random);
    const { answer, commented } = choose(rated.length > 0 ? rated : answers, random);
    return { image, prompt, answer: commented ? fillComment(answer, choose(comments, random)) : answer, labels };
  };

  return {
    counts(pictures) {
      const all = pictures.map(exampleOf).map((example) => answerOf(example, strategy, texts));
      const labels = vocabulary ? all.flatMap((answer) => answer.labels) : [];
      const text = all.reduce((sum, { ids }) => sum + ids.length, 0);
      return { text, score: labels.length, votes: labels.filter(({ distribution }) => distribution !== null).length };
    },
    loss(pictures, mixed, shares) {
      const batch = collate(pictures.map(exampleOf), processor, strategy, texts);
      // The few supervised rows get their logits and losses in full precision.
      const hidden = mixed(() => model.forward(batch.input)).to(model.dtype);
      const { targets, labels } = batch;
      if (!vocabulary) {
        const mean = textLoss({ model, hidden, targets });
        const loss = shares ? mean.mul(shares.text) : mean;
        return { loss, terms: { text: loss } };
      }
      const groundTruth = labels.map(({ score }) => score);
      const distributions = labels.map(({ distribution }) => distribution);
      const input = { model, hidden, targets, groundTruth, distributions, slotIds: strategy.slotIds };
      const { loss, textLoss: text, l1Loss, ceLoss, emdLoss } = rocLoss(input, vocabulary, weights);
      const terms = { text, l1: l1Loss, ce: ceLoss, emd: emdLoss };
      return shares ? shareOf(terms, shares, weights) : { loss, terms };
    },
    predict(images) {
      const read = scope(() => readAnswers(parts, processor.batch(images)));
      return read.map(({ scores }) => {
        const reading = scores[main];
        if (!reading) return NaN;
        if (!Number.isFinite(reading.value)) throw notFinite(`A predicted score is ${reading.value}.`);
        return toScale(reading.value, strategy.scale, scale);
      });
    },
  };
}

/** The terms' shares of a step, and their weighted sum. */
function shareOf(
  { text, l1, ce, emd }: Readonly<Record<"text" | keyof LossWeights, Tensor>>,
  shares: LossCounts,
  weights: LossWeights,
): BatchLoss {
  const terms = {
    text: text.mul(shares.text),
    l1: l1.mul(shares.score),
    ce: ce.mul(shares.votes),
    emd: emd.mul(shares.votes),
  };
  const weighed = (["l1", "ce", "emd"] as const).filter((name) => weights[name] !== 0);
  return { loss: weighed.reduce((sum, name) => sum.add(terms[name].mul(weights[name])), terms.text), terms };
}

/** One of a list that is never empty. */
function choose<T>(choices: readonly T[], random: Random): T {
  return choices[random.int(choices.length)] as T;
}
