/** A model's predictions for a data set: one row a picture, kept as they come, gone on with after a stop. */
import { open } from "node:fs/promises";
import { attributeScale, type LoadedDataset, type Sample, type ScoreScale } from "../../data/index.js";
import type { Model, ScoreFailure, ScoreResult } from "../../engine/index.js";
import { RocError } from "../../errors.js";
import { toScale } from "../../roc/vocabulary.js";
import { predictionLine, readPartial } from "./file.js";
import { ratedOf, SCORE, type Prediction } from "./prediction.js";

export interface RunOptions {
  /** File that grows by a line a picture. */
  readonly partial: string;
  /** Have comments written where the checkpoint's answers have one. */
  readonly comments?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each picture, with those of an earlier run counted in. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Predicts every sample, going on with what `partial` holds of them.
 *
 * @returns in the samples' order; a picture or an answer that could not be read has an `error`
 * @throws RocError ABORTED on the signal; what was predicted stays in the file
 */
export async function predict(
  model: Model,
  dataset: Omit<LoadedDataset, "samples">,
  samples: readonly Sample[],
  { partial, comments, signal, onProgress }: RunOptions,
): Promise<Prediction[]> {
  const wanted = new Set(samples.map(({ id }) => id));
  const done = new Map((await readPartial(partial)).filter(({ id }) => wanted.has(id)).map((row) => [row.id, row]));
  const left = samples.filter(({ id }) => !done.has(id));
  onProgress?.(done.size, samples.length);
  const handle = await open(partial, "a");
  try {
    let next = 0;
    const inputs = left.map(({ image }) => image);
    for await (const result of model.score(inputs, { ...(signal && { signal }), ...(comments && { comments }) })) {
      const sample = left[next++];
      if (!sample) throw new RocError("INTERNAL", "More results than pictures.");
      const prediction = predictionOf(sample, result, dataset);
      await handle.write(predictionLine(prediction));
      done.set(sample.id, prediction);
      onProgress?.(done.size, samples.length);
    }
  } finally {
    await handle.close();
  }
  // Two rows of a data set may be of one picture: each keeps its own ratings.
  return samples.flatMap((sample) => {
    const row = done.get(sample.id);
    return row ? { ...row, ...ratedOf(sample) } : [];
  });
}

function predictionOf(
  sample: Sample,
  result: ScoreResult | ScoreFailure,
  dataset: Omit<LoadedDataset, "samples">,
): Prediction {
  const row = ratedOf(sample);
  if ("error" in result)
    return { ...row, predicted: { [SCORE]: null }, std: null, distribution: null, error: result.error };
  const { scale, score, std, distribution, comment, attributes = {} } = result;
  const to = (value: number | null, target: ScoreScale): number | null =>
    value === null ? null : toScale(value, scale, target);
  const others = Object.entries(attributes).map(
    ([name, value]) => [name, to(value, attributeScale(dataset, name))] as const,
  );
  const stretch = (dataset.scale.max - dataset.scale.min) / (scale.max - scale.min);
  return {
    ...row,
    predicted: { [SCORE]: to(score, dataset.scale), ...Object.fromEntries(others) },
    std: std === null ? null : std * stretch,
    distribution,
    ...(comment !== undefined && { comment }),
  };
}
