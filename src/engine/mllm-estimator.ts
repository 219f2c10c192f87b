/** Scores of a multimodal model by its strategy. */
import type { RgbImage, StoredImage } from "../image/index.js";
import { isPacked } from "../models/pack.js";
import { quantizationOf } from "../models/quantize.js";
import {
  ratingsFrom,
  readPictures,
  scoreName,
  scoreNames,
  type PictureReading,
  type QuestionReading,
  type Scale,
  type StrategyParts,
} from "../roc/index.js";
import { scope, type Tensor } from "../torch/index.js";
import type { Estimate, EstimateOptions, Estimator, Unclear } from "./estimator.js";
import type { QuestionAnswer, ScoringMethod } from "./types.js";

export class MllmEstimator implements Estimator {
  readonly scale: Scale;
  readonly method: ScoringMethod;
  readonly quantization;
  readonly #parts: StrategyParts;

  /** @param scale of results; default: of the ratings that it was trained on, else of its scores */
  constructor(parts: StrategyParts, scale: Scale | undefined) {
    this.#parts = scale ? { ...parts, templates: { ...parts.templates, ratingScale: scale } } : parts;
    const { strategy, templates, model } = this.#parts;
    this.scale = templates.ratingScale ?? strategy.scale;
    this.method = methodOf(this.#parts);
    this.quantization = quantizationOf(model);
  }

  get dtype() {
    return this.#parts.model.dtype;
  }

  get device() {
    return this.#parts.model.device;
  }

  get settings() {
    return isPacked(this.#parts.model) ? { packed: true } : {};
  }

  get steps() {
    return this.#parts.processor.steps;
  }

  prepare(picture: RgbImage | StoredImage): Promise<RgbImage> {
    return this.#parts.processor.prepare(picture);
  }

  weights(): Iterable<Tensor> {
    return this.#parts.model.parameters().values();
  }

  estimate(pictures: readonly RgbImage[], options: EstimateOptions): (Estimate | Unclear)[] {
    const { processor } = this.#parts;
    const readings = scope(() => readPictures(this.#parts, processor.batch(pictures), options));
    return readings.map((reading) => this.#estimateOf(reading));
  }

  #estimateOf(picture: PictureReading): Estimate | Unclear {
    const { answer } = picture;
    const { templates, strategy } = this.#parts;
    const { scale } = this;
    const names = scoreNames(templates.answers[0] ?? "");
    const main = names.indexOf(scoreName(templates));
    const reading = answer?.scores[main];
    // The released answer ends in a blank.
    const text = answer?.text.trimEnd() ?? "";
    if (!answer || !reading) return { unclear: text };
    const given = ratingsFrom(strategy.scale, scale);
    const { std, distribution } = reading;
    const others = names.flatMap((name, i) => {
      const value = answer.scores[i]?.value;
      return i === main ? [] : [[name, value === undefined ? null : given(value)] as const];
    });
    const attributes = others.length > 0 && { attributes: Object.fromEntries(others) };
    const comment = answer.comment !== undefined && { comment: answer.comment };
    const stretch = (scale.max - scale.min) / (strategy.scale.max - strategy.scale.min);
    const spread = std === null ? null : std * stretch;
    const answers = picture.questions.length > 0 && { answers: picture.questions.map((one) => answerOf(one, given)) };
    return {
      ...{ score: given(reading.value), scale, std: spread, distribution, ...attributes, ...comment },
      ...answers,
      ...(picture.embedding !== undefined && { embedding: picture.embedding }),
      answer: text,
    };
  }

  dispose(): void {
    this.#parts.strategy.dispose?.();
    this.#parts.model.dispose();
  }
}

/** @param given a score on the results' scale */
function answerOf(
  { prompt, names, scores, text, comment }: QuestionReading,
  given: (score: number) => number,
): QuestionAnswer {
  const values = names.map((name, i) => {
    const value = scores[i]?.value;
    return [name, value === undefined ? null : given(value)] as const;
  });
  return {
    prompt,
    answer: text.trimEnd(),
    ...(names.length > 0 && { scores: Object.fromEntries(values) }),
    ...(comment !== undefined && { comment }),
  };
}

function methodOf({ model, strategy, templates }: StrategyParts): ScoringMethod {
  const [prompt, answer] = [templates.prompts[0] ?? "", templates.answers[0] ?? ""];
  const { name, scorer, comments } = strategy;
  return {
    family: model.family,
    strategy: name,
    prompt,
    answer,
    ...(scorer && { scorer }),
    ...(comments && { comments: true }),
  };
}
