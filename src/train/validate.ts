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
  if (samples.length === 0) throw new RocError("USAGE", "There is no sample to compare predictions with.");
  const pairs = samples.flatMap(({ score }, i) =>
    Number.isNaN(predicted[i]) ? [] : [[predicted[i] ?? NaN, score] as const],
  );
  const [scores, truth] = [pairs.map(([value]) => value), pairs.map(([, rating]) => rating)];
  const figures = { srcc: srcc(scores, truth), plcc: plcc(scores, truth), mae: mae(scores, truth) };
  return { ...figures, count: pairs.length, failed: samples.length - pairs.length };
}
