/** How well an objective's predictions agree with the ratings of some samples. */
import { setImmediate } from "node:timers/promises";
import type { OnProgress, Sample } from "../../data/index.js";
import { RocError } from "../../errors.js";
import { mae, plcc, srcc } from "../../metrics/scores.js";
import type { Agreement } from "../events.js";
import type { Objective } from "./objective.js";
import type { PixelCache } from "../data/pixels.js";

export interface AgreementOptions {
  /** Pictures of one forward. */
  readonly batchSize: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress;
}

/**
 * Predicts every sample whose picture can be used and compares, on the data set's scale.
 *
 * @throws RocError USAGE without samples, DATA_INVALID where none can be used, TRAINING for a score that is no finite
 *   number, ABORTED on the signal
 */
export async function agreement(
  objective: Objective,
  pixels: PixelCache,
  samples: readonly Sample[],
  { batchSize, signal, onProgress }: AgreementOptions,
): Promise<Agreement> {
  if (samples.length === 0) throw new RocError("USAGE", "There is no sample to compare predictions with.");
  const predicted: number[] = [];
  const truth: number[] = [];
  for (let done = 0; done < samples.length;) {
    await setImmediate();
    if (signal?.aborted === true) throw new RocError("ABORTED", "Stopped during a validation.");
    const batch = samples.slice(done, done + batchSize);
    const images = await Promise.all(batch.map((sample) => pixels.of(sample)));
    truth.push(...batch.flatMap(({ score }, i) => (images[i] ? [score] : [])));
    const usable = images.filter((image) => image !== undefined);
    if (usable.length > 0) predicted.push(...objective.predict(usable));
    done += batch.length;
    onProgress?.(done, samples.length);
  }
  if (truth.length === 0) throw new RocError("DATA_INVALID", "None of the pictures to validate with can be used.");
  const understood = predicted.map((value) => !Number.isNaN(value));
  const [scores, ratings] = [predicted, truth].map((values) => values.filter((_, i) => understood[i])) as [number[], number[]]; // prettier-ignore
  const figures = { srcc: srcc(scores, ratings), plcc: plcc(scores, ratings), mae: mae(scores, ratings) };
  return { ...figures, count: scores.length, failed: truth.length - scores.length };
}
