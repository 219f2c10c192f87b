/** Training a classical system: its own loss on the ratings that a picture has. */
import { SCORE, type Answer, type Baseline, type Output, type Targets } from "../../baselines/types.js";
import { attributeScale, type Sample } from "../../data/index.js";
import { softTargets, toScale, voteTargets } from "../../roc/index.js";
import { fromTypedArray, inferenceMode, scope, tensor, type Tensor } from "../../torch/index.js";
import { notFinite } from "../optim/clip.js";
import { stdOf, type Objective, type Picture, type Scales } from "./objective.js";

/**
 * Training of a classical system by its published loss. An output is taught by the rating of its name; the overall score's
 * distribution by a picture's votes or, where it has none, by DeQA's of its mean and deviation ({@link softTargets}), since
 * the mean alone is that of many; where the deviation is unknown too, that is the two values around the mean.
 */
export function baselineObjective(model: Baseline, dataset: Scales): Objective {
  const main = mainOutput(model);
  return {
    counts: (pictures) => ({ text: 0, score: pictures.length, votes: 0, pairs: 0 }),
    loss(pictures, mixed, shares) {
      const randoms = pictures.some(({ asTest }) => asTest) ? undefined : pictures.map(({ random }) => random);
      const inputs = model.inputs.batch(imagesOf(pictures), randoms);
      const answer = mixed(() => model.forward(inputs, true));
      const { loss, terms } = model.loss(inFloat32(answer), targetsOf(model.outputs, pictures.map(({ sample }) => sample), dataset, model.device)); // prettier-ignore
      if (!shares) return { loss, terms };
      const part = (value: Tensor): Tensor => value.mul(shares.score);
      return { loss: part(loss), terms: mapValues(terms, part) };
    },
    predict(images) {
      // Where pictures of a batch change one another's scores, they are computed as scoring does: one by one.
      const batches = model.mixesBatch === true ? images.map((image) => [image]) : [images];
      return batches.flatMap((batch) => predicted(model, main, batch)).map((value) => {
        if (!Number.isFinite(value)) throw notFinite(`A predicted score is ${value}.`);
        return toScale(value, main.scale, dataset.scale);
      }); // prettier-ignore
    },
  };
}

/** The output that a run is validated by. */
function mainOutput({ outputs }: Baseline): Output {
  return outputs.find(({ name }) => name === SCORE) ?? (outputs[0] as Output);
}

function predicted(model: Baseline, { name, values }: Output, images: Parameters<Objective["predict"]>[0]): number[] {
  return inferenceMode(() =>
    scope(() => {
      const given = model.forward(model.inputs.batch(images), false).outputs[name] as Tensor;
      const numbers = given.to({ device: "cpu", dtype: "float32" });
      return (values ? numbers.matmul(tensor(values)) : numbers).toNumbers();
    }),
  );
}

/** What pictures were rated, on the scales of a system's outputs; tensors of the caller's scope. */
export function targetsOf(
  outputs: readonly Output[],
  samples: readonly Sample[],
  dataset: Scales,
  device = "cpu",
): Targets {
  const table = (rows: readonly number[], shape: readonly number[]): Tensor =>
    fromTypedArray(Float32Array.from(rows), shape, { device });
  const scores = Object.fromEntries(
    outputs.map((output) => [
      output.name,
      table(
        samples.map((sample) => ratingOf(sample, output, dataset)),
        [samples.length],
      ),
    ]),
  );
  const raters = samples.some((sample) => sample.raters) && { raters: samples.map((sample) => sample.raters ?? []) };
  const overall = outputs.find(({ name }) => name === SCORE);
  if (overall?.values === undefined) return { scores, ...raters };
  const { values } = overall;
  const rows = samples.map((sample) => distributionOf(sample, { ...overall, values }, dataset));
  return { scores, distribution: table(rows.flat(), [samples.length, values.length]), ...raters };
}

/** NaN where the picture has no such rating. */
function ratingOf(sample: Sample, { name, scale }: Output, dataset: Scales): number {
  if (name === SCORE) return toScale(sample.score, dataset.scale, scale);
  const { attributes = {} } = sample;
  if (!Object.hasOwn(attributes, name)) return NaN;
  return toScale(attributes[name] ?? NaN, attributeScale({ name, ...dataset }, name), scale);
}

function distributionOf(sample: Sample, output: Output & Required<Pick<Output, "values">>, dataset: Scales): number[] {
  if (sample.votes) return voteTargets(sample.votes, output);
  const { min, max } = output.scale;
  const std = ((stdOf(sample, dataset.scale) ?? 0) * (max - min)) / (dataset.scale.max - dataset.scale.min);
  return softTargets(ratingOf(sample, output, dataset), std, output);
}

function imagesOf(pictures: readonly Picture[]): Picture["image"][] {
  return pictures.map(({ image }) => image);
}

/** Losses are taken in full precision. */
function inFloat32({ outputs, features, forLoss = {} }: Answer): Answer {
  const wide = (value: Tensor): Tensor => value.to("float32");
  return { features, outputs: mapValues(outputs, wide), forLoss: mapValues(forLoss, wide) };
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
