/**
 * What base models may be pre-trained on before the comments: the factors that a picture was composed of. The vision tower
 * and the projector learn to see them; the language model is not asked, and no score is seen.
 */
import { RocError } from "../../errors.js";
import { cat, fromTypedArray, type Tensor } from "../../torch/index.js";
import type { ImageBatch } from "../../models/types.js";
import { splitImages, type StrategyParts } from "../../roc/index.js";
import { FACTORS, PATTERN_NAMES } from "../../studio/index.js";
import { TextCache, type Objective } from "../../train/index.js";
import type { Factors } from "./pictures.js";

/** Each has a column of the projected rows. */
const NAMES = [...Object.keys(FACTORS), ...PATTERN_NAMES];

/** Merits are uniform in [0, 1]. */
const MEAN = 0.5;

/**
 * Squared error of the factors that a picture's scene has. Factor j of a picture is the mean of column j over its projected rows, so
 * that the projector's last linear map is the head, and nothing is added to the model.
 *
 * @param factors by the samples' ids
 * @throws RocError CONFIG_INVALID where the projected rows have fewer columns
 */
export function factorObjective(parts: StrategyParts, factors: ReadonlyMap<string, Factors>): Objective {
  const { model, processor } = parts;
  const rows = rowCounter(parts);
  if (model.hiddenSize < NAMES.length) {
    const text = `textWidth is ${model.hiddenSize}; pretrain.factors needs ${NAMES.length} or more, a column each`;
    throw new RocError("CONFIG_INVALID", `${text}.`);
  }
  return {
    loss(pictures, mixed) {
      const images = processor.batch(pictures.map(({ image }) => image));
      const features = mixed(() => model.imageFeatures(images)).to(model.dtype);
      const means = meansOf(features, rows(images)).narrow(1, 0, NAMES.length);
      const known = pictures.map(({ sample }) => factors.get(sample.id) ?? {});
      const values = known.flatMap((one) => NAMES.map((name) => (one[name] ?? MEAN) - MEAN));
      const mask = known.flatMap((one) => NAMES.map((name) => Number(name in one)));
      const table = (numbers: readonly number[]): Tensor =>
        fromTypedArray(Float32Array.from(numbers), [pictures.length, NAMES.length]);
      const errors = means.sub(table(values)).mul(table(mask));
      const loss = errors.mul(errors).sum().div(Math.max(1, mask.reduce((sum, one) => sum + one, 0))); // prettier-ignore
      return { loss, terms: { factors: loss } };
    },
    predict: (images) => images.map(() => NaN),
  };
}

/** Counts each picture's rows by the placeholders of a prompt that shows it. */
export function rowCounter({ model, processor }: Pick<StrategyParts, "model" | "processor">) {
  const texts = new TextCache(processor);
  return (images: ImageBatch): number[] =>
    splitImages(images).map(
      (image) => texts.prompt("<image>", image).filter((id) => model.placeholderIds.includes(id)).length,
    );
}

/** The mean of each picture's rows, `[pictures, hiddenSize]`. */
export function meansOf(features: Tensor, rows: readonly number[]): Tensor {
  let start = 0;
  const means = rows.map((count) => {
    const own = features.narrow(0, start, count).mean(0, true);
    start += count;
    return own;
  });
  return cat(means, 0);
}
