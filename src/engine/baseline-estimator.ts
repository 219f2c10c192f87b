/** Scores of a classical system: what its network gives, on its scale. */
import { SCORE, type Answer, type Baseline, type Inputs, type Output } from "../baselines/types.js";
import { RocError } from "../errors.js";
import { checkFinite } from "../generation/index.js";
import type { RgbImage, StoredImage } from "../image/index.js";
import { ratingsFrom, type Scale } from "../roc/index.js";
import { noGrad, scope, tensor, type Tensor } from "../torch/index.js";
import { systemFacts } from "../baselines/facts.js";
import type { Estimate, EstimateOptions, Estimator } from "./estimator.js";
import { flatNumbers, gradientsOf, inputsWith, unknownScore, type Lens } from "./explain/lens.js";
import type { ScoringMethod } from "./types.js";

/** How far shares of a distribution may lie from a sum of 1 in float32 or bfloat16. */
const SUM_ERROR = 1e-2;

/** What an output says of one picture. */
interface Reading {
  readonly value: number;
  readonly std: number | null;
  readonly distribution: readonly number[] | null;
}

export class BaselineEstimator implements Estimator {
  readonly scale: Scale;
  readonly method: ScoringMethod;
  readonly settings = {};
  readonly together: number | undefined;
  readonly #model: Baseline;
  /** The overall score, or where a system predicts attributes only, the first of them. */
  readonly #main: Output;

  /** @param scale of results; default: that of the overall score */
  constructor(model: Baseline, scale: Scale | undefined) {
    const main = model.outputs.find(({ name }) => name === SCORE) ?? model.outputs[0];
    if (!main) throw new RocError("INTERNAL", `${model.family} predicts nothing.`);
    [this.#model, this.#main] = [model, main];
    this.scale = scale ?? main.scale;
    if (model.mixesBatch) this.together = 1;
    const { variant } = model.config;
    const title = systemFacts(model.family)?.title ?? model.family;
    const system = { name: model.family, title, ...(typeof variant === "string" && { variant }) };
    this.method = { family: model.family, strategy: "outputs", prompt: "", answer: "", system };
  }

  get dtype() {
    return this.#model.dtype;
  }

  get device() {
    return this.#model.device;
  }

  get steps() {
    return this.#model.inputs.steps;
  }

  prepare(picture: RgbImage | StoredImage): Promise<RgbImage> {
    return this.#model.inputs.prepare(picture);
  }

  weights(): Iterable<Tensor> {
    return this.#model.parameters().values();
  }

  estimate(pictures: readonly RgbImage[], { embedding, questions = [], comments, check }: EstimateOptions): Estimate[] {
    this.#refuse(questions.length > 0 && "questions (--ask)");
    this.#refuse(comments === true && "comments (--comments)");
    check();
    return this.#estimateAll(pictures.length, () => this.#model.inputs.batch(pictures), embedding);
  }

  #estimateAll(count: number, inputs: () => Inputs, embedding = false): Estimate[] {
    return noGrad(() =>
      scope(() => {
        const answer = this.#model.forward(inputs(), false);
        const numbers = this.#numbers(answer);
        const features = embedding && answer.features.to({ dtype: "float32", device: "cpu" });
        return Array.from({ length: count }, (_, row) => ({
          ...this.#estimateOf(numbers, row),
          ...(features && { embedding: Float32Array.from(features.select(0, row).toNumbers()) }),
          answer: "",
        }));
      }),
    );
  }

  lens(picture: RgbImage): Lens {
    const model = this.#model;
    const batchOf = (prepared: RgbImage): Inputs => model.inputs.batch([prepared]);
    return {
      numbers: (prepared) => flatNumbers(() => batchOf(prepared)),
      scores: (inputs, of) => {
        const output = this.#outputOf(of);
        const estimates = this.#estimateAll(inputs.length, () => inputsWith(batchOf(picture), inputs));
        return estimates.map(({ score, attributes }) => output === this.#main ? score : (attributes?.[output.name] ?? NaN)); // prettier-ignore
      },
      withoutGradient: (of) => {
        this.#outputOf(of);
        return undefined;
      },
      gradients: (inputs, of) =>
        gradientsOf(
          () => batchOf(picture),
          inputs,
          (all) => scoresOf(model, all, this.#outputOf(of), this.scale),
        ),
    };
  }

  /** @throws RocError USAGE */
  #outputOf(of: string | undefined): Output {
    const found = of === undefined ? this.#main : this.#model.outputs.find(({ name }) => name === of);
    if (found) return found;
    throw unknownScore(of ?? "", this.#model.outputs.map(({ name }) => name)); // prettier-ignore
  }

  /** @throws RocError USAGE */
  #refuse(what: string | false): void {
    if (what === false) return;
    const { title } = this.method.system as { title: string };
    throw new RocError("USAGE", `${what}: ${title} gives scores and writes no text. Leave it out.`);
  }

  /** Every output's numbers, a row a picture. @throws RocError SCORE_NOT_FINITE */
  #numbers({ outputs }: Answer): Map<string, number[][]> {
    const model = this.#model;
    return new Map(
      model.outputs.map(({ name, values }) => {
        const numbers = (outputs[name] as Tensor).to({ dtype: "float32" }).toNumbers();
        checkFinite(numbers, model, model.buffers());
        const width = values?.length ?? 1;
        const rows = Array.from({ length: numbers.length / width }, (_, i) =>
          numbers.slice(i * width, (i + 1) * width),
        );
        return [name, rows] as const;
      }),
    );
  }

  #estimateOf(numbers: ReadonlyMap<string, readonly number[][]>, row: number): Omit<Estimate, "answer"> {
    const { scale } = this;
    const given = (output: Output): Reading =>
      onScale(readingOf(output, numbers.get(output.name)?.[row] ?? []), output.scale, scale);
    const { value, std, distribution } = given(this.#main);
    const others = this.#model.outputs.filter((output) => output !== this.#main);
    const attributes = others.length > 0 && {
      attributes: Object.fromEntries(others.map((output) => [output.name, given(output).value])),
    };
    return { score: value, scale, std, distribution, ...attributes };
  }

  dispose(): void {
    this.#model.dispose();
  }
}

/** Scores on a scale, `[B]`, that can be differentiated by what they are computed of. Inside the caller's scope. */
export function scoresOf(model: Baseline, inputs: Inputs, output: Output, scale: Scale): Tensor {
  const given = model.forward(inputs, false).outputs[output.name] as Tensor;
  const { values } = output;
  const means = values ? given.mul(tensor([...values], { dtype: given.dtype, device: given.device })).sum(-1) : given.flatten(); // prettier-ignore
  const stretch = (scale.max - scale.min) / (output.scale.max - output.scale.min);
  return means.sub(output.scale.min).mul(stretch).add(scale.min);
}

/** A distribution's mean and deviation, or the number itself. */
function readingOf({ values }: Output, numbers: readonly number[]): Reading {
  if (!values) return { value: numbers[0] ?? NaN, std: null, distribution: null };
  const mean = numbers.reduce((sum, share, i) => sum + share * (values[i] ?? 0), 0);
  const total = numbers.reduce((sum, share) => sum + share, 0);
  // Of networks that end without a softmax the mean is read all the same, as published.
  if (numbers.some((share) => share < 0) || Math.abs(total - 1) > SUM_ERROR) return { value: mean, std: null, distribution: null }; // prettier-ignore
  const variance = numbers.reduce((sum, share, i) => sum + share * ((values[i] ?? 0) - mean) ** 2, 0);
  return { value: mean, std: Math.sqrt(variance), distribution: numbers };
}

function onScale({ value, std, distribution }: Reading, from: Scale, to: Scale): Reading {
  const stretch = (to.max - to.min) / (from.max - from.min);
  return { value: ratingsFrom(from, to)(value), std: std === null ? null : std * stretch, distribution };
}
