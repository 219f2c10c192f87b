/** A live model that scores pictures: decoding runs ahead, the model takes one picture after another. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { isRocError, RocError, type ErrorCode } from "../errors.js";
import { withImage, type DecodeOptions, type ResizeMode } from "../image/index.js";
import type { ImageBatch } from "../models/types.js";
import { ratingsFrom, readAnswers, scoreName, scoreNames, type Scale, type StrategyParts } from "../roc/index.js";
import { scope, threadsWorth, torchVersion, withThreads } from "../torch/index.js";
import { countInputs, namedInputs, type NamedInput } from "./inputs.js";
import { scoreOne } from "./one.js";
import { orAborted, prefetch } from "./prefetch.js";
import type {
  Model,
  ScoreFailure,
  ScoreInput,
  ScoreInputs,
  ScoreOptions,
  ScoreResult,
  ScoringMethod,
} from "./types.js";

/** Pictures that are decoded or waiting while the model computes: as many as libuv has threads by default. */
const AHEAD = 4;

/**
 * Where the parts of {@link createModel} come from, and how it scores.
 *
 * @category Checkpoints and models
 */
export interface ModelOptions {
  /** As {@link Model.digest}. */
  readonly digest?: string | undefined;
  /** As {@link Model.folder}. */
  readonly folder?: string | undefined;
  /** How pictures were asked to get into a square; default: as the checkpoint says. */
  readonly resize?: ResizeMode | undefined;
  /** Of results; default as {@link Model.scale}. */
  readonly scale?: Scale | undefined;
  /** Threads that score a picture; default: by the model's size and the cores, as {@link torch.threadsWorth} says. */
  readonly threads?: number | undefined;
}

/**
 * A model from live parts, which it then owns: `dispose()` frees their weights.
 *
 * @param parts a model and its processor with the texts and the strategy to score by
 * @param name what results call it; default: the model's family
 *
 * @category Checkpoints and models
 */
export function createModel(parts: StrategyParts, name = parts.model.family, options: ModelOptions = {}): Model {
  return new RocModel(parts, name, options);
}

class RocModel implements Model {
  #disposed = false;
  /** Threads that a picture is worth. */
  #worth: number | undefined;

  constructor(
    private parts: StrategyParts,
    readonly name: string,
    private readonly options: ModelOptions,
  ) {
    const { scale: ratingScale } = options;
    if (ratingScale) this.parts = { ...parts, templates: { ...parts.templates, ratingScale } };
  }

  get digest(): string | undefined {
    return this.options.digest;
  }

  get folder(): string | undefined {
    return this.options.folder;
  }

  get settings(): Readonly<Record<string, unknown>> {
    const { dtype, device } = this.parts.model;
    const [kind] = device.split(":");
    return {
      ...this.method,
      scale: this.scale,
      dtype,
      device: kind,
      resize: this.options.resize ?? null,
      torch: torchVersion(),
    };
  }

  get scale(): Model["scale"] {
    const { strategy, templates } = this.parts;
    return templates.ratingScale ?? strategy.scale;
  }

  get method(): ScoringMethod {
    const { model, strategy, templates } = this.parts;
    const [prompt, answer] = [templates.prompts[0] ?? "", templates.answers[0] ?? ""];
    return { family: model.family, strategy: strategy.name, prompt, answer };
  }

  async *score(
    inputs: ScoreInputs,
    options: ScoreOptions = {},
  ): AsyncGenerator<ScoreResult | ScoreFailure, void, void> {
    const { signal, onProgress } = options;
    const total = countInputs(inputs);
    const ahead = new Ahead();
    const pictures = prefetch(namedInputs(inputs), AHEAD, (input, left) => this.#prepare(input, options, ahead, left));
    let done = 0;
    try {
      for (;;) {
        const { value: picture, done: ended } = await orAborted(pictures.next(), signal, () => abortion(signal));
        // One turn of the event loop a picture: decoding continues, timers and signals are served.
        await nextTurn();
        if (signal?.aborted) throw abortion(signal);
        if (ended) return;
        const result = "error" in picture ? picture : this.#read(picture, options);
        onProgress?.(++done, total);
        yield result;
      }
    } finally {
      ahead.dispose();
      void pictures.return();
    }
  }

  scoreOne(input: ScoreInput, options?: ScoreOptions): Promise<ScoreResult> {
    return scoreOne(this, input, options);
  }

  /** A picture's file to what the model takes, which is small: a decoded picture waits for nobody. */
  async #prepare(
    { name, data }: NamedInput,
    options: ScoreOptions,
    ahead: Ahead,
    left: AbortSignal,
  ): Promise<Prepared | ScoreFailure> {
    const { signal, maxPixels, allowDamaged = false } = options;
    const either = signal ? AbortSignal.any([signal, left]) : left;
    const settings: DecodeOptions = {
      name,
      signal: either,
      allowDamaged,
      ...(maxPixels !== undefined && { maxPixels }),
    };
    try {
      return await withImage(
        data,
        async (image) => {
          const { processor } = this.parts;
          const prepared = await processor.prepare(image);
          const images = ahead.own(scope(() => processor.batch([prepared])));
          return { file: name, images, damaged: image.damaged };
        },
        settings,
      );
    } catch (error) {
      if (isRocError(error) && error.code === "OUT_OF_MEMORY") return failed(name, error.code, error.message);
      return failure(name, error);
    }
  }

  #read({ file, images, damaged }: Prepared, options: ScoreOptions): ScoreResult | ScoreFailure {
    if (this.#disposed) throw new RocError("USAGE", `The model ${this.name} is disposed; load it again`);
    const { model, templates, strategy } = this.parts;
    try {
      const threads = this.options.threads ?? (this.#worth ??= threadsWorth(model.parameters().values(), 1));
      const [answer] = withThreads(threads, () => scope(() => readAnswers(this.parts, images, options)));
      const names = scoreNames(templates.answers[0] ?? "");
      const main = names.indexOf(scoreName(templates));
      const reading = answer?.scores[main];
      // The released answer ends in a blank.
      const text = answer?.text.trimEnd() ?? "";
      if (!reading) return unclear(file, text);
      const { scale } = this;
      const given = ratingsFrom(strategy.scale, scale);
      const { std, distribution } = reading;
      const others = names.flatMap((name, i) => {
        const value = answer?.scores[i]?.value;
        return i === main ? [] : [[name, value === undefined ? null : given(value)] as const];
      });
      const attributes = others.length > 0 && { attributes: Object.fromEntries(others) };
      const comment = answer.comment !== undefined && { comment: answer.comment };
      const stretch = (scale.max - scale.min) / (strategy.scale.max - strategy.scale.min);
      const spread = std === null ? null : std * stretch;
      const read = { score: given(reading.value), scale, std: spread, distribution, ...attributes, ...comment };
      return { file, ...(damaged !== undefined && { damaged }), ...read, answer: text, model: this.name };
    } catch (error) {
      return failure(file, error);
    } finally {
      images.pixelValues.dispose();
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.parts.model.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A picture as the model takes it. */
interface Prepared {
  readonly file: string;
  /** Freed when its score is read. */
  readonly images: ImageBatch;
  readonly damaged: string | undefined;
}

/** The pixels of pictures whose turn has not come. */
class Ahead {
  readonly #images = new Set<ImageBatch>();
  #disposed = false;

  own(images: ImageBatch): ImageBatch {
    if (this.#disposed) images.pixelValues.dispose();
    else this.#images.add(images);
    return images;
  }

  /** Frees them, and those that are still to come. */
  dispose(): void {
    this.#disposed = true;
    for (const { pixelValues } of this.#images) pixelValues.dispose();
  }
}

/** A model that writes digits may write something else. */
function unclear(file: string, text: string): ScoreFailure {
  const message = `${file}: no score could be read from the answer ${JSON.stringify(text)}`;
  return { file, error: { code: "ANSWER_UNCLEAR", message } };
}

/** A picture without a score as a result: its own fault, or numbers that are none. Any other error is thrown on. */
function failure(file: string, error: unknown): ScoreFailure {
  if (!isRocError(error) || !/^(FILE_|IMAGE_|SCORE_NOT_FINITE$)/.test(error.code)) throw error;
  return failed(file, error.code, error.code === "SCORE_NOT_FINITE" ? `${file}: ${error.message}` : error.message);
}

function failed(file: string, code: ErrorCode, message: string): ScoreFailure {
  return { file, error: { code, message } };
}

function abortion(signal: AbortSignal | undefined): RocError {
  return new RocError("ABORTED", "Scoring was cancelled", { cause: signal?.reason });
}
