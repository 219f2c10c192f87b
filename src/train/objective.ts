/**
 * What a run trains: how a sample becomes a question and an answer, which loss is taken and how a score is read.
 *
 * The loop sees only this interface, so that another strategy is another objective.
 */
import { Random, type Sample, type ScoreScale } from "../data/index.js";
import type { RgbImage } from "../image/types.js";
import { rocLoss, scoreNames, textLoss, toScale, voteTargets } from "../roc/index.js";
import type { LossWeights, StrategyParts } from "../roc/index.js";
import { scope, type Tensor } from "../torch/index.js";
import { collate, TextCache, type Example, type Label } from "./collate.js";

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

export interface Objective {
  /** Forward and loss of a batch, inside the caller's scope; `mixed` runs the forward in the run's precision. */
  loss(pictures: readonly Picture[], mixed: <T>(body: () => T) => T): BatchLoss;
  /** Predicted scores on the data set's scale; NaN where the answer could not be understood. */
  predict(images: readonly RgbImage[]): number[];
}

/**
 * Training by a strategy of `roc/`. An answer is drawn from those whose every score the picture has a rating for: the
 * first placeholder of the first answer stands for the data set's score, others for attributes of their name.
 */
export function strategyObjective(parts: StrategyParts, scale: ScoreScale, weights: LossWeights): Objective {
  const { model, processor, strategy, templates } = parts;
  const { vocabulary } = strategy;
  const texts = new TextCache(processor);
  // The data set's one score is what the answers' first placeholder stands for.
  const [name = ""] = scoreNames(templates.answers[0] ?? "");
  const answers = templates.answers.map((answer) => ({ answer, names: scoreNames(answer) }));

  const exampleOf = ({ sample, image, random }: Picture): Example => {
    const distribution = sample.votes && vocabulary ? voteTargets(sample.votes, vocabulary) : null;
    const rating = (score: number): number => toScale(score, scale, strategy.scale);
    const labels: Record<string, Label> = { [name]: { score: rating(sample.score), distribution } };
    for (const [attribute, score] of Object.entries(sample.attributes ?? {})) {
      labels[attribute] = { score: rating(score), distribution: null };
    }
    const rated = answers.filter(({ names }) => names.every((needed) => needed in labels));
    const prompt = choose(templates.prompts, random);
    const answer = choose(rated.length > 0 ? rated : answers, random).answer;
    return { image, prompt, answer, labels };
  };

  return {
    loss(pictures, mixed) {
      const batch = collate(pictures.map(exampleOf), processor, strategy, texts, model.device);
      // The few supervised rows get their logits and losses in full precision.
      const hidden = mixed(() => model.forward(batch.input)).to(model.dtype);
      const { rows, targets, labels } = batch;
      if (!vocabulary) {
        const loss = textLoss({ model, hidden, rows, targets });
        return { loss, terms: { text: loss } };
      }
      const groundTruth = labels.map(({ score }) => score);
      const distributions = labels.map(({ distribution }) => distribution);
      const input = { model, hidden, rows, targets, groundTruth, distributions, slotIds: strategy.slotIds };
      const { loss, textLoss: text, l1Loss, ceLoss, emdLoss } = rocLoss(input, vocabulary, weights);
      return { loss, terms: { text, l1: l1Loss, ce: ceLoss, emd: emdLoss } };
    },
    predict(images) {
      const read = scope(() => strategy.read(parts, processor.images(images)));
      return read.map(({ scores: [reading] }) => toScale(reading?.value ?? NaN, strategy.scale, scale));
    },
  };
}

/** One of a list that is never empty. */
function choose<T>(choices: readonly T[], random: Random): T {
  return choices[random.int(choices.length)] as T;
}
