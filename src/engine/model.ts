/** Models that score pictures on the thread that calls them. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { StrategyParts } from "../roc/index.js";
import type { Estimator } from "./estimator.js";
import { MllmEstimator } from "./mllm-estimator.js";
import { checkScale, checkThreads, checkTypes, MODEL_TYPES } from "./option-types.js";
import { Reader, type ModelOptions } from "./reader.js";
import { ScoringModel } from "./scoring-model.js";
import type { Model } from "./types.js";

/**
 * A model from live parts, which it then owns: `dispose()` frees their weights. It computes on the thread that calls it, whose
 * event loop stands still meanwhile: {@link load} computes in a worker.
 *
 * @param parts a model and its processor with the texts and the strategy to score by
 * @param name what results call it; default: the model's family
 * @throws RocError USAGE for options that make no sense
 *
 * @category Checkpoints and models
 */
export function createModel(parts: StrategyParts, name = parts.model.family, options: ModelOptions = {}): Model {
  checkTypes("createModel()", options, MODEL_TYPES);
  checkThreads(options.threads);
  checkScale(options.scale);
  return modelHere(new MllmEstimator(parts, options.scale), name, options);
}

/** A model that computes on the thread that calls it, and owns what computes. @throws RocError USAGE */
export function modelHere(estimator: Estimator, name: string, options: Omit<ModelOptions, "scale">): ScoringModel {
  const reader = new Reader(estimator, name, options);
  return new ScoringModel(reader.facts, {
    reader: {
      depth: 1,
      read: async (pictures, reading, onWritten, signal) => {
        // A turn of the event loop a batch: decoding continues, timers and signals are served.
        await nextTurn();
        return reader.read(pictures, reading, { onWritten, stopped: () => signal.aborted });
      },
    },
    explain: async (request, signal) => {
      await nextTurn();
      return reader.explain(request, { stopped: () => signal.aborted });
    },
    judge: async (pictures, asking) => {
      await nextTurn();
      return reader.judge(pictures, asking);
    },
    prepare: (image) => estimator.prepare(image),
    dispose: () => reader.dispose(),
  });
}
