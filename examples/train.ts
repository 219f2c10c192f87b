/**
 * Trains the demo weights for a handful of steps on a small synthetic data set, which it writes first, and prints how well
 * their ranking agrees with the ratings. Stopped by Ctrl-C, it resumes where it was.
 *
 *     node dist/examples/train.js [folder of all that is written] [data folder]      (default: trained/, synthetic pictures)
 */
import { join } from "node:path";
import { DEMO_MODEL, isRocError, planTraining, trainModel, writeStudioFormats } from "roc4mllm";
import type { TrainEvent, TrainingSpec } from "roc4mllm";

const folder = process.argv[2] ?? "trained";
const data = process.argv[3] ?? join(folder, "data");
const stopped = new AbortController();
process.once("SIGINT", () => stopped.abort());
const { signal } = stopped;

const spec: TrainingSpec = {
  model: DEMO_MODEL,
  data: { folder: data, validation: 0.2 },
  train: { steps: 6, batchSize: 4, learningRate: 1e-4, every: 3 },
  out: join(folder, "run"),
};

function show(event: TrainEvent): void {
  if (event.type === "step") console.log(`step ${event.step} of ${event.totalSteps}: loss ${event.loss.toFixed(3)}`);
  if (event.type === "validation") console.log(`step ${event.step}: SRCC ${event.srcc?.toFixed(4) ?? "undefined"}`);
}

try {
  if (process.argv[3] === undefined)
    await writeStudioFormats(data, { formats: ["ava"], count: 30, longEdge: 48, testFraction: 0.1, seed: 3, signal });
  const { train, parameters, memory } = await planTraining(spec);
  console.log(`${train} pictures, ${parameters?.trained} parameters, ${((memory?.total ?? 0) / 1e6).toFixed(1)} MB`);
  const { best, checkpoint } = await trainModel(spec, {
    signal,
    onEvent: show,
    onWarning: (text) => console.error(`note: ${text}`),
  });
  console.log(`SRCC ${best?.srcc?.toFixed(4) ?? "undefined"} in ${checkpoint}`);
} catch (error) {
  if (!isRocError(error)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = error.exitCode;
}
