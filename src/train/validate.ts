/** How well an objective's predictions agree with the ratings of some samples. */
import { setImmediate } from "node:timers/promises";
import type { OnProgress, Sample } from "../data/index.js";
import { RocError } from "../errors.js";
import { mae, plcc, srcc } from "../eval/metrics.js";
import type { Agreement } from "./events.js";
import type { Objective } from "./objective.js";
import type { PixelCache } from "./pixels.js";

export interface AgreementOptions {
  /** Pictures of one forward. */
  readonly batchSize: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress;
}

/**
 * Predicts every sample and compares, on the data set's scale.
 * @throws RocError USAGE without samples, ABORTED on the signal
 */
export async function agreement(
  objective: Objective,
  pixels: PixelCache,
  samples: readonly Sample[],
  { batchSize, signal, onProgress }: AgreementOptions,
): Promise<Agreement> {
  const predicted: number[] = [];
  while (predicted.length < samples.length) {
    await setImmediate();
    if (signal?.aborted === true) throw new RocError("ABORTED", "Stopped during a validation.");
    const batch = samples.slice(predicted.length, predicted.length + batchSize);
    predicted.push(...objective.predict(await pixels.get(batch.map(({ image }) => image))));
    onProgress?.(predicted.length, samples.length);
  }
  const truth = samples.map(({ score }) => score);
  const error = mae(predicted, truth);
  if (error === null) throw new RocError("USAGE", "There is no sample to compare predictions with.");
  return { srcc: srcc(predicted, truth), plcc: plcc(predicted, truth), mae: error, count: samples.length };
}
