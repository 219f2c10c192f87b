/** What a caller has of a model: the pipeline before whatever computes its batches. Loads no libtorch. */
import type { ImageInputs } from "../models/types.js";
import { Batches, type BatchReader } from "./batches.js";
import { scoreOne } from "./one.js";
import { scoreAll } from "./pipeline.js";
import type { Model, ModelFacts, Outcome, ScoreInput, ScoreInputs, ScoreOptions, ScoreResult } from "./types.js";

/** Where a model's work is done. */
export interface Works {
  readonly reader: BatchReader;
  /** Off the thread. */
  readonly prepare: ImageInputs["prepare"];
  /** Twice is harmless. */
  readonly dispose: () => void;
}

export class ScoringModel implements Model {
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
