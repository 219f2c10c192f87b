/** What a caller has of a model: the pipeline before whatever computes its batches. Loads no libtorch. */
import { setMaxListeners } from "node:events";
import type { ImageInputs } from "../models/types.js";
import { withIntervals } from "./calibration.js";
import type { Calibration } from "./calibration-file.js";
import { Batches, type BatchReader } from "./batches.js";
import { explainPicture } from "./explain/explain.js";
import type { CellMap, Explanation, ExplainOptions, ExplainRequest } from "./explain/types.js";
import { disposedError } from "./failures.js";
import type { PreparedPicture } from "./reader.js";
import { scoreOne } from "./one.js";
import { abortion, prepareAll, scoreAll } from "./pipeline.js";
import { orAborted } from "./prefetch.js";
import type { Model, ModelFacts, Outcome, ScoreInput, ScoreInputs, ScoreOptions, ScoreResult, SetAnswer, SetAsking } from "./types.js"; // prettier-ignore

/** Where a model's work is done. */
export interface Works {
  readonly reader: BatchReader;
  /** What is said of pictures in one prompt. */
  readonly judge: (pictures: readonly PreparedPicture[], asking: SetAsking) => Promise<SetAnswer>;
  /** Off the thread. */
  readonly prepare: ImageInputs["prepare"];
  /** @param signal ends it between two batches */
  readonly explain: (request: ExplainRequest, signal: AbortSignal) => Promise<CellMap>;
  /** As {@link Model.lost}. */
  readonly lost?: AbortSignal;
  /** Twice is harmless. */
  readonly dispose: () => void;
}

async function* calibratedOutcomes(
  outcomes: AsyncIterable<Outcome>,
  calibration: Calibration,
): AsyncGenerator<Outcome, void, void> {
  for await (const outcome of outcomes) yield withIntervals(outcome, calibration);
}

export class ScoringModel implements Model {
  readonly name: string;
  readonly scale: Model["scale"];
  readonly digest: string | undefined;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly folder: string | undefined;
  readonly method: NonNullable<Model["method"]>;
  readonly lost: AbortSignal | undefined;
  /** Set by what loads the model. */
  calibration: Calibration | undefined;
  readonly #works: Works;
  readonly #batches: Batches;
  /** Aborted by {@link dispose}. */
  readonly #disposal = new AbortController();

  constructor({ name, scale, digest, settings, folder, method, batchSize }: ModelFacts, works: Works) {
    [this.name, this.scale, this.digest] = [name, scale, digest];
    [this.settings, this.folder, this.method] = [settings, folder, method];
    this.#works = works;
    this.lost = works.lost;
    this.#batches = new Batches(batchSize, works.reader);
    // One listener a call, of which a server has many.
    setMaxListeners(0, this.#disposal.signal);
  }

  score(inputs: ScoreInputs, options: ScoreOptions = {}): AsyncGenerator<Outcome, void, void> {
    const ended = { signal: this.#disposal.signal, error: () => disposedError(this.name) };
    const outcomes = scoreAll({ batches: this.#batches, prepare: this.#works.prepare, ended }, inputs, options);
    return this.calibration ? calibratedOutcomes(outcomes, this.calibration) : outcomes;
  }

  scoreOne(input: ScoreInput, options?: ScoreOptions): Promise<ScoreResult> {
    return scoreOne(this, input, options);
  }

  async explain(input: ScoreInput, options: ExplainOptions = {}): Promise<Explanation> {
    const { prepare, explain } = this.#works;
    const ended = this.#disposal.signal;
    try {
      return await explainPicture({ name: this.name, prepare, explain, ended }, input, options);
    } catch (error) {
      throw ended.aborted ? disposedError(this.name) : error;
    }
  }

  async judge(inputs: readonly ScoreInput[], asking: SetAsking, options: ScoreOptions = {}): Promise<SetAnswer> {
    const { signal } = options;
    const pictures = await prepareAll(inputs, this.#works.prepare, options);
    const answer = orAborted(this.#works.judge(pictures, asking), signal, () => abortion(signal));
    return orAborted(answer, this.#disposal.signal, () => disposedError(this.name));
  }

  dispose(): void {
    this.#disposal.abort();
    this.#works.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
