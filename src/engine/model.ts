/** Models that score pictures: a reader of batches, here or in a worker, and the pipeline before it. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { RgbImage, StoredImage } from "../image/index.js";
import type { StrategyParts } from "../roc/index.js";
import { Batches, type BatchReader } from "./batches.js";
import { scoreOne } from "./one.js";
import { scoreAll } from "./pipeline.js";
import { Reader, type ModelOptions } from "./reader.js";
import type { Model, ModelFacts, Outcome, ScoreInput, ScoreInputs, ScoreOptions, ScoreResult } from "./types.js";

/**
 * A model from live parts, which it then owns: `dispose()` frees their weights. It computes on the thread that calls it.
 *
 * @param parts a model and its processor with the texts and the strategy to score by
 * @param name what results call it; default: the model's family
 * @throws RocError USAGE for a batch size that is none
 *
 * @category Checkpoints and models
 */
export function createModel(parts: StrategyParts, name = parts.model.family, options: ModelOptions = {}): Model {
  const reader = new Reader(parts, name, options);
  const batchReader: BatchReader = {
    depth: 1,
    read: async (pictures, reading) => {
      // A turn of the event loop a batch: decoding continues, timers and signals are served.
      await nextTurn();
      return reader.read(pictures, reading);
    },
  };
  return new RocModel(reader.facts, {
    reader: batchReader,
    prepare: (picture) => parts.processor.prepare(picture),
    dispose: () => reader.dispose(),
  });
}

/** Where a model's work is done. */
interface Works {
  readonly reader: BatchReader;
  /** Off the thread. */
  readonly prepare: (picture: StoredImage) => Promise<RgbImage>;
  /** Twice is harmless. */
  readonly dispose: () => void;
}

class RocModel implements Model {
  readonly name: string;
  readonly scale: Model["scale"];
  readonly digest: string | undefined;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly folder: string | undefined;
  readonly method: NonNullable<Model["method"]>;
  readonly #works: Works;
  readonly #batches: Batches;

  constructor({ name, scale, digest, settings, folder, method, batchSize }: ModelFacts, works: Works) {
    [this.name, this.scale, this.digest] = [name, scale, digest];
    [this.settings, this.folder, this.method] = [settings, folder, method];
    this.#works = works;
    this.#batches = new Batches(batchSize, works.reader);
  }

  score(inputs: ScoreInputs, options: ScoreOptions = {}): AsyncGenerator<Outcome, void, void> {
    return scoreAll({ batches: this.#batches, prepare: this.#works.prepare }, inputs, options);
  }

  scoreOne(input: ScoreInput, options?: ScoreOptions): Promise<ScoreResult> {
    return scoreOne(this, input, options);
  }

  dispose(): void {
    this.#works.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
