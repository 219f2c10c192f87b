/** A model's predictions for a data set: one row per picture, kept as they come, resumed after a stop. */
import { attributeScale, type LoadedDataset, type Sample, type ScoreScale } from "../data/index.js";
import type { Model, ScoreFailure, ScoreResult } from "../engine/index.js";
import { RocError } from "../errors.js";
import { isSameStamp, openJournal, stampsOf, type Settings, type Stamp } from "../files/index.js";
import { pathOfName } from "../image/file-names.js";
import { toScale } from "../roc/vocabulary.js";
import { keptSchema, type KeptPrediction } from "./predictions-file.js";
import { ratedOf, SCORE, type Prediction } from "./prediction.js";

export interface RunOptions {
  /** File that grows by a line per picture. */
  readonly partial: string;
  /** What predictions depend on beside the pictures; those in `partial` have to be of the same. */
  readonly settings: Settings;
  /** What to do where they are not: a sentence. */
  readonly remedy?: string | undefined;
  /** Whether to throw away what `partial` holds. */
  readonly fresh?: boolean | undefined;
  /** Have comments written where the checkpoint's answers have one. */
  readonly comments?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each picture, with those of an earlier run counted in. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Predicts every sample, except those that `partial` holds. A picture that has changed since, or could not be read,
 * is predicted again.
 *
 * @returns in the samples' order; a picture or an answer that could not be read has an `error`
 * @throws RocError ABORTED on the signal: what was predicted stays in the file; IN_USE, and USAGE naming the settings that
 *   differ, see `openJournal()`
 */
export async function predict(
  model: Pick<Model, "score">,
  dataset: Omit<LoadedDataset, "samples">,
  samples: readonly Sample[],
  { partial, settings, remedy = "Take another folder.", fresh = false, comments, signal, onProgress }: RunOptions,
): Promise<Prediction[]> {
  const journal = await openJournal<KeptPrediction>(partial, { settings, remedy, entry: keptSchema, fresh });
  try {
    const pictures = await stampsOf(samples.map(({ image }) => pathOfName(image)));
    const kept = new Map(journal.entries.map((row) => [row.id, row]));
    const done = new Map<string, Prediction>();
    samples.forEach((sample, i) => {
      const row = kept.get(sample.id);
      if (row && isOf(row, sample, pictures[i])) done.set(sample.id, row);
    });
    const left = samples.flatMap((sample, i) => (done.has(sample.id) ? [] : [{ sample, picture: pictures[i] }]));
    onProgress?.(done.size, samples.length);
    let next = 0;
    const inputs = left.map(({ sample }) => sample.image);
    for await (const result of model.score(inputs, { ...(signal && { signal }), ...(comments && { comments }) })) {
      const of = left[next++];
      if (!of) throw new RocError("INTERNAL", "More results than pictures.");
      const prediction = predictionOf(of.sample, result, dataset);
      await journal.append({ ...prediction, ...(of.picture && { picture: of.picture }) });
      done.set(of.sample.id, prediction);
      onProgress?.(done.size, samples.length);
    }
    // Two rows of a data set may be of one picture: each keeps its own ratings.
    return samples.flatMap((sample) => {
      const row = done.get(sample.id);
      return row ? { ...withoutPicture(row), ...ratedOf(sample) } : [];
    });
  } finally {
    await journal.close();
  }
}

/** Whether a kept prediction is of this picture as it is now. What could not be read may be readable now. */
function isOf(row: KeptPrediction, { image }: Sample, picture: Stamp | undefined): boolean {
  return row.image === image && isSameStamp(row.picture, picture) && !/^(FILE|IMAGE)_/.test(row.error?.code ?? "");
}

function withoutPicture({ picture: _, ...row }: KeptPrediction): Prediction {
  return row;
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
