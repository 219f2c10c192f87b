/** Scores of a multimodal model by its strategy. */
import type { RgbImage, StoredImage } from "../image/index.js";
import { RocError } from "../errors.js";
import { isPacked } from "../models/pack.js";
import { quantizationOf } from "../models/quantize.js";
import type { ImageBatch } from "../models/types.js";
import {
  askSets,
  ratingsFrom,
  commentComesFirst,
  prefillScores,
  readPictures,
  readSets,
  scoreName,
  scoreNames,
  type PictureReading,
  type QuestionReading,
  type Scale,
  type StrategyParts,
} from "../roc/index.js";
import { scope, type Tensor } from "../torch/index.js";
import type { Estimate, EstimateOptions, Estimator, Unclear } from "./estimator.js";
import { flatNumbers, gradientsOf, inputsWith, unknownScore, type Lens } from "./explain/lens.js";
import type { QuestionAnswer, ScoringMethod, SetAnswer, SetAsking } from "./types.js";

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
    return this.#estimateAll(() => this.#parts.processor.batch(pictures), options);
  }

  #estimateAll(images: () => ImageBatch, options: EstimateOptions): (Estimate | Unclear)[] {
    const readings = scope(() => readPictures(this.#parts, images(), options));
    return readings.map((reading) => this.#estimateOf(reading));
  }

  lens(picture: RgbImage): Lens {
    const { processor } = this.#parts;
    const numbersOf = (prepared: RgbImage) => ({ pixelValues: processor.batch([prepared]).pixelValues });
    const batchOf = (inputs: readonly Float32Array[]): ImageBatch => {
      const like = processor.batch([picture]);
      const { pixelValues = like.pixelValues } = inputsWith({ pixelValues: like.pixelValues }, inputs);
      return { ...repeatLists(like, inputs.length), pixelValues };
    };
    return {
      numbers: (prepared) => flatNumbers(() => numbersOf(prepared)),
      scores: (inputs, of, check) => {
        const name = this.#attribute(of);
        return this.#estimateAll(() => batchOf(inputs), { check }).map((estimate) => scoreIn(estimate, name));
      },
      withoutGradient: (of) => this.#withoutGradient(of),
      gradients: (inputs, of) => {
        const { templates } = this.#parts;
        const index = scoreNames(templates.answers[0] ?? "").indexOf(this.#attribute(of) ?? scoreName(templates));
        return gradientsOf(
          () => numbersOf(picture),
          inputs,
          ({ pixelValues }) => {
            // In the scope of the gradients, so that its tensor is freed.
            const like = processor.batch([picture]);
            const images = { ...repeatLists(like, inputs.length), pixelValues: pixelValues ?? like.pixelValues };
            return prefillScores(this.#parts, images).select(1, index).mul(this.#stretch);
          },
        );
      },
    };
  }

  /** An attribute's name; undefined: the overall score. @throws RocError USAGE */
  #attribute(of: string | undefined): string | undefined {
    const { templates } = this.#parts;
    const names = scoreNames(templates.answers[0] ?? "");
    if (of === undefined || of === scoreName(templates)) return undefined;
    if (names.includes(of)) return of;
    throw unknownScore(of, names);
  }

  #withoutGradient(of: string | undefined): string | undefined {
    this.#attribute(of);
    const { templates, strategy, model } = this.#parts;
    if (strategy.name !== "roc") return `scores are not read beside a position token (strategy ${strategy.name})`;
    if (commentComesFirst(templates.answers[0] ?? "")) return "a comment is written before the scores";
    if (this.quantization ?? isPacked(model)) return "the weights are packed or in 8 bits";
    return undefined;
  }

  judge(pictures: readonly RgbImage[], { orders, question }: SetAsking): SetAnswer {
    const parts = this.#parts;
    return scope(() => {
      const images = pictures.map((picture) => parts.processor.batch([picture]));
      if (question) return { type: "logits", logits: askSets(parts, images, orders, question) };
      const [given, stretch] = [ratingsFrom(parts.strategy.scale, this.scale), this.#stretch];
      const scores = readSets(parts, images, orders).map((readings) =>
        readings.map((reading) => ({ ...reading, value: given(reading.value), std: reading.std * stretch })),
      );
      return { type: "scores", scores };
    });
  }

  /** Of the strategy's scale to that of results. */
  get #stretch(): number {
    const { scale } = this.#parts.strategy;
    return (this.scale.max - this.scale.min) / (scale.max - scale.min);
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
    const spread = std === null ? null : std * this.#stretch;
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

/** @throws RocError ANSWER_UNCLEAR */
function scoreIn(estimate: Estimate | Unclear, attribute: string | undefined): number {
  const unclear = "unclear" in estimate;
  const value = unclear ? null : attribute === undefined ? estimate.score : estimate.attributes?.[attribute];
  if (value !== null && value !== undefined) return value;
  const text = unclear ? estimate.unclear : estimate.answer;
  throw new RocError("ANSWER_UNCLEAR", `no score could be read from the answer ${JSON.stringify(text)}`);
}

/** What a batch has an entry of per picture, of so many pictures of one shape. */
function repeatLists(
  { pixelValues: _, features: __, ...lists }: ImageBatch,
  count: number,
): Omit<ImageBatch, "pixelValues"> {
  const repeated = Object.entries(lists).map(([name, list]) => [name, Array.from({ length: count }, () => list).flat()] as const); // prettier-ignore
  return Object.fromEntries(repeated);
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
