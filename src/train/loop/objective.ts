/**
 * What a run trains: how a sample becomes a question and an answer, which loss is taken and how a score is read.
 *
 * The loop sees only this interface, so that another strategy is another objective.
 */
import { attributeScale, voteStatistics, type RatedDataset, type Sample, type ScoreScale } from "../../data/index.js";
import { Random } from "../../random.js";
import type { RgbImage } from "../../image/types.js";
import {
  answerSlots,
  fillComment,
  hasComment,
  levelLoss,
  pairsOf,
  readAnswers,
  rocLoss,
  scoreName,
  scoreNames,
  setAnswer,
  setNames,
  setPrompt,
  textLoss,
  toScale,
  voteTargets,
  weightedSum,
} from "../../roc/index.js";
import type { LossWeights, RocLoss, RocLossInput, StrategyParts } from "../../roc/index.js";
import { checkLoss, PAIR_LOSSES, RATING_LOSSES, weighed } from "../../roc/weights.js";
import { scope, type Tensor } from "../../torch/index.js";
import { notFinite } from "../optim/clip.js";
import { MOST_IN_SET } from "../data/sets.js";
import { answerOf, collate, TextCache, type Example, type Label, type NamedLabel } from "../data/collate.js";

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
  /** The other pictures of its set, where sets are trained. */
  readonly others?: readonly Pick<Picture, "sample" | "image">[];
  /** A classical system sees it as in a test: nothing is drawn. */
  readonly asTest?: boolean;
  readonly random: Random;
}

/**
 * Over how many things a batch's losses are means: supervised tokens, scores, scores with votes, pairs of scores. Or shares
 * of a whole.
 */
export interface LossCounts {
  readonly text: number;
  readonly score: number;
  readonly votes: number;
  /** Of the same name, within the batch. */
  readonly pairs: number;
}

/** What each term of the loss is a mean over. */
const COUNTED = {
  ...{ text: "text", l1: "score", ce: "votes", emd: "votes" },
  ...{ soft: "score", thurstone: "pairs", fidelity: "pairs" },
} as const satisfies Record<"text" | keyof LossWeights, keyof LossCounts>;

type Terms = Readonly<Partial<Record<keyof typeof COUNTED, Tensor>>> & { readonly text: Tensor };

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
  const places = checkPlaces(parts, weights);
  const answers = templates.answers.map((answer) => ({
    answer,
    names: scoreNames(answer),
    commented: hasComment(answer),
  }));

  const rating = (score: number, std: number | undefined, from: ScoreScale): Pick<Label, "score" | "std"> => ({
    score: toScale(score, from, strategy.scale),
    std: std === undefined ? null : (std * (strategy.scale.max - strategy.scale.min)) / (from.max - from.min),
  });
  const labelOf = (sample: Sample): Label => {
    const distribution = sample.votes && vocabulary ? voteTargets(sample.votes, vocabulary) : null;
    return { ...rating(sample.score, stdOf(sample, scale), scale), distribution };
  };

  const setOf = (picture: Picture): Example => {
    const shown = shownOf(picture);
    const [image = picture.image, ...others] = shown.map((one) => one.image);
    const names = setNames(name, shown.length);
    return {
      ...{ image, others },
      prompt: setPrompt(choose(templates.prompts, picture.random), shown.length),
      answer: setAnswer(choose(templates.answers, picture.random), name, shown.length),
      labels: Object.fromEntries(shown.map(({ sample }, i) => [names[i] ?? "", labelOf(sample)])),
      // Pictures of two sets are no pair: their ratings may be of two occasions.
      group: picture.sample.set ?? picture.sample.id,
    };
  };

  const exampleOf = (picture: Picture): Example => (strategy.name === "set" ? setOf(picture) : singleOf(picture));

  const singleOf = ({ sample, image, random }: Picture): Example => {
    const labels: Record<string, Label> = { [name]: labelOf(sample) };
    for (const [attribute, score] of Object.entries(sample.attributes ?? {})) {
      if (attribute === name) continue;
      const from = attributeScale({ name, ...dataset }, attribute);
      labels[attribute] = { ...rating(score, sample.attributeStds?.[attribute], from), distribution: null };
    }
    const { comments = [] } = sample;
    const rated = answers.filter(
      ({ names, commented }) => names.every((needed) => needed in labels) && (!commented || comments.length > 0),
    );
    const prompt = choose(templates.prompts, random);
    const { answer, commented } = choose(rated.length > 0 ? rated : answers, random);
    return {
      image,
      prompt,
      answer: commented ? fillComment(answer, choose(comments, random)) : answer,
      labels,
    };
  };

  return {
    counts(pictures) {
      const all = pictures.map(exampleOf).map((example) => answerOf(example, strategy, texts));
      const labels = vocabulary || places ? all.flatMap((answer) => answer.labels) : [];
      const text = all.reduce((sum, { ids }) => sum + ids.length, 0) - (places && weights.soft ? labels.length : 0);
      const votes = labels.filter(({ distribution }) => distribution !== null).length;
      return {
        text,
        score: labels.length,
        votes,
        pairs: weighed(weights, PAIR_LOSSES).length > 0 ? pairsOf(ratingsOf(labels)).length : 0,
      };
    },
    loss(pictures, mixed, shares) {
      const batch = collate(pictures.map(exampleOf), processor, strategy, texts, places);
      // The few supervised rows get their logits and losses in full precision.
      const hidden = mixed(() => model.forward(batch.input)).to(model.dtype);
      const { targets, labels, slots } = batch;
      const ratings = ratingsOf(labels);
      const result = (loss: Tensor, terms: Terms): BatchLoss =>
        shares ? shareOf(terms, shares, weights) : { loss, terms };
      if (!vocabulary && !places) {
        const text = textLoss({ model, hidden, targets });
        return result(text, { text });
      }
      if (!vocabulary) {
        const input = { model, hidden, targets, slots, ...ratings };
        const { loss, textLoss: text, ...rated } = levelLoss(input, strategy.levels?.values ?? [], weights);
        return result(loss, { text, ...weighedTerms(rated, weights) });
      }
      const distributions = labels.map(({ distribution }) => distribution);
      const input = { model, hidden, targets, distributions, slotIds: strategy.slotIds, ...ratings };
      const { loss, textLoss: text, l1Loss, ceLoss, emdLoss, ...rated } = rocLoss(input, vocabulary, weights);
      return result(loss, { text, l1: l1Loss, ce: ceLoss, emd: emdLoss, ...weighedTerms(rated, weights) });
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

/**
 * Checks that a strategy can take the weighed losses with a tokenizer.
 *
 * @returns whether losses are taken at words
 * @throws RocError CONFIG_INVALID where the strategy has no distribution; TOKENIZER_INVALID where two words begin alike
 */
export function checkPlaces(
  { processor, strategy, templates }: Pick<StrategyParts, "processor" | "strategy" | "templates">,
  weights: LossWeights,
): boolean {
  checkLoss(strategy.name, weights);
  const { levels } = strategy;
  if (levels === undefined || weighed(weights, RATING_LOSSES).length === 0) return false;
  for (const answer of templates.answers) {
    const written = scoreNames(answer).map(() => levels.texts[0] ?? "");
    answerSlots(answer, written, levels.texts, (text) => processor.answer(text));
  }
  return true;
}

/** The ratings as the losses take them: those of other placeholders are of another group. */
function ratingsOf(labels: readonly NamedLabel[]): Required<Pick<RocLossInput, "groundTruth" | "stds" | "groups">> {
  return {
    groundTruth: labels.map(({ score }) => score),
    stds: labels.map(({ std = null }) => std),
    groups: labels.map(({ name, group = name }) => group),
  };
}

/** How often one picture of a set is shown alone, so that single ones can be scored. */
const ALONE = 0.25;

/** What a set's prompt shows: all of it in a drawn order, or one picture. */
function shownOf({ sample, image, others = [], random }: Picture): readonly Pick<Picture, "sample" | "image">[] {
  const all = [{ sample, image }, ...others];
  const order = [...random.permutation(all.length)].slice(0, random.chance(ALONE) ? 1 : MOST_IN_SET);
  return order.flatMap((index) => all[index] ?? []);
}

/** The deviation of a picture's ratings on the data set's scale, where it or the votes are known. */
export function stdOf({ std, votes }: Sample, { min, max }: ScoreScale): number | undefined {
  if (std !== undefined || votes === undefined || votes.length < 2) return std;
  return (voteStatistics(votes).std * (max - min)) / (votes.length - 1);
}

/** The further terms that are weighed. */
function weighedTerms(
  { softLoss, thurstoneLoss, fidelityLoss }: Pick<RocLoss, "softLoss" | "thurstoneLoss" | "fidelityLoss">,
  weights: LossWeights,
): Omit<Terms, "text"> {
  const all = { soft: softLoss, thurstone: thurstoneLoss, fidelity: fidelityLoss };
  return Object.fromEntries(weighed(weights, RATING_LOSSES).map((name) => [name, all[name]]));
}

/** The terms' shares of a step, and their weighted sum. */
function shareOf(terms: Terms, shares: LossCounts, weights: LossWeights): BatchLoss {
  const names = Object.keys(terms) as (keyof typeof COUNTED)[];
  const own = Object.fromEntries(
    names.map((name) => [name, (terms[name] as Tensor).mul(shares[COUNTED[name]])]),
  ) as Terms;
  const { text, ...parts } = own;
  return { loss: weightedSum(text, parts, weights), terms: own };
}

/** One of a list that is never empty. */
function choose<T>(choices: readonly T[], random: Random): T {
  return choices[random.int(choices.length)] as T;
}
