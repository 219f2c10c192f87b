/**
 * Trains the demo weights further on rated pictures, for a handful of steps, and prints how well the ranking agrees.
 *
 *     node dist/src/cli/main.js studio write my-data --count 60      (or a folder of your own pictures, see docs/data.md)
 *     node dist/examples/train.js my-data runs/example
 *
 * Ctrl-C stops it with a state; the same command resumes it.
 */
import { DEMO_MODEL, isRocError, planTraining, trainModel, type TrainEvent, type TrainingSpec } from "roc4mllm";

const [folder, out] = process.argv.slice(2);
if (folder === undefined || out === undefined) throw new Error("usage: train.js DATA_FOLDER RUN_FOLDER");

const spec: TrainingSpec = {
  model: DEMO_MODEL,
  data: { folder, validation: 0.2 },
  train: { steps: 6, batchSize: 4, learningRate: 1e-4, every: 3 },
  out,
};

function show(event: TrainEvent): void {
  if (event.type === "step") console.log(`step ${event.step} of ${event.totalSteps}: loss ${event.loss.toFixed(3)}`);
  if (event.type === "validation") console.log(`step ${event.step}: SRCC ${event.srcc?.toFixed(4) ?? "undefined"}`);
}

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const { train, parameters, memory } = await planTraining(spec);
console.log(`${train} pictures, ${parameters?.trained} parameters, ${((memory?.total ?? 0) / 1e6).toFixed(1)} MB`);

try {
  const { best, checkpoint } = await trainModel(spec, {
    signal: stop.signal,
    onEvent: show,
    onWarning: (text) => console.error(`note: ${text}`),
  });
  console.log(`SRCC ${best?.srcc?.toFixed(4) ?? "undefined"} in ${checkpoint}`);
} catch (error) {
  if (!isRocError(error)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
