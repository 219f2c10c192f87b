/**
 * The training loop: one optimizer step after another, streamed as events, with validations and resumable states.
 *
 * Deterministic on a CPU: which samples, texts, flips and dropout masks a step sees follows from (seed, epoch, sample)
 * alone, so that a run resumed from a state does what the uninterrupted run would have done, bit for bit, with as many
 * threads.
 */
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { Random, type Sample } from "../data/index.js";
import { RocError } from "../errors.js";
import type { LoraAdapters } from "../models/lora.js";
import type { Mllm } from "../models/types.js";
import { Recomputation, withDropout } from "../nn/index.js";
import { getNumThreads, scope, setFlag, setNumThreads } from "../torch/index.js";
import { openSafetensors, saveSafetensors } from "../weights/index.js";
import { saveState, stepFolder, type SavedState, type TrainerState } from "./checkpoint.js";
import { clipNorm } from "./clip.js";
import type { CheckpointEvent, EndEvent, StartEvent, StepEvent, TrainEvent, ValidationEvent } from "./events.js";
import { isOutOfMemory, stepError } from "./faults.js";
import { Feed, type MicroBatch } from "./feed.js";
import { parameterGroups, trainedParameters, type Trained } from "./groups.js";
import type { LossCounts, Objective } from "./objective.js";
import { AdamW, gradientOf } from "./optimizer.js";
import type { PixelCache } from "./pixels.js";
import type { Precision, TrainOptions } from "./options.js";
import { fasterPrecision, mixedFor, type Mixed } from "./precision.js";
import { learningRateAt, warmupSteps } from "./schedule.js";
import { agreement } from "./validate.js";

const OPTIMIZER = "optimizer.safetensors";
/** Steps that a time budget is fitted after. */
const MEASURED = 30;
/** Share of a time budget that steps may fill; the rest is for validations and states. */
const USABLE = 0.9;

/** What is trained, on what. */
export interface TrainTask {
  /** With the weights of `resume` where that is given. Its parameters are trained in place. */
  readonly model: Mllm;
  /** With `options.lora`: the adapters on the model. */
  readonly adapters?: LoraAdapters;
  readonly objective: Objective;
  readonly train: readonly Sample[];
  /** May be empty: there is no best state then. */
  readonly validation: readonly Sample[];
  readonly pixels: PixelCache;
  /** Length of a sample in any unit, for `groupByLength`. Default: letters of its longest comment. */
  readonly length?: (sample: Sample) => number;
  /** Run folder. */
  readonly run: string;
  readonly resume?: SavedState;
  /** Writes the model as a whole checkpoint into a folder. */
  readonly save: (folder: string) => Promise<void>;
  /** Fewer steps are taken, if `steps` would take more minutes than this. */
  readonly minutes?: number;
  readonly signal?: AbortSignal;
}

/**
 * Trains; stops where the consumer stops reading.
 *
 * @throws RocError ABORTED on the signal, after writing a state; TRAINING for a loss or gradient that is not finite, with
 *   the last state untouched, or where a state cannot be written; OUT_OF_MEMORY, after writing a state if that is
 *   possible; USAGE where the options leave nothing to train or name what is not there
 */
export async function* train(task: TrainTask, options: TrainOptions): AsyncGenerator<TrainEvent, void, undefined> {
  const trainer = new Trainer(task, options);
  try {
    yield* trainer.run();
  } finally {
    trainer.dispose();
  }
}

class Trainer {
  readonly #task: TrainTask;
  readonly #options: TrainOptions;
  readonly #feed: Feed;
  readonly #trained: readonly Trained[];
  readonly #optimizer: AdamW;
  readonly #startedAt = performance.now();
  readonly #startStep: number;
  #mixed: Mixed = (body) => body();
  #precision: Precision;
  #step: number;
  #totalSteps: number;
  #best: TrainerState["best"];
  /** Validations since the best one. */
  #stale: number;
  #lastSaved: string;
  /** Mean seconds of a step. */
  #pace = 0;
  /** Whether weights and optimizer are those of the end of a step. */
  #whole = true;

  constructor(task: TrainTask, options: TrainOptions) {
    const state = task.resume?.state;
    this.#task = task;
    this.#options = options;
    const { length = commentLength, train: samples, pixels } = task;
    this.#feed = new Feed({ samples, pixels, length }, options);
    this.#step = this.#startStep = state?.step ?? 0;
    this.#totalSteps = state?.totalSteps ?? options.steps;
    this.#best = state?.best ?? null;
    this.#stale = state?.stale ?? 0;
    this.#precision = state?.precision ?? "float32";
    this.#lastSaved = task.resume?.folder ?? "";
    if (state !== undefined) setNumThreads(state.threads);
    this.#trained = trainedParameters(task.model, options, task.adapters);
    this.#optimizer = new AdamW(parameterGroups(this.#trained, options), { betas: options.betas });
    for (const { parameter } of this.#trained) parameter.requiresGrad_();
    if (task.model.device === "cpu") setFlag("deterministic", true);
  }

  async *run(): AsyncGenerator<TrainEvent, void, undefined> {
    try {
      await this.#prepare();
      yield this.#start();
      while (this.#step < this.#totalSteps) {
        await this.#checkSignal();
        yield await this.#advance();
        if (this.#step % this.#options.every === 0 || this.#step === this.#totalSteps) {
          if (this.#task.validation.length > 0) yield await this.#validate();
          yield await this.#save();
        }
      }
      yield this.#end();
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  dispose(): void {
    this.#optimizer.zeroGrad();
    this.#optimizer.dispose();
    for (const { parameter } of this.#trained) parameter.requiresGrad_(false);
    if (this.#task.model.device === "cpu") setFlag("deterministic", false);
  }

  #start(): StartEvent {
    const { train: samples, validation } = this.#task;
    const sizes = this.#trained.map(({ parameter, rows }) =>
      rows ? (rows[1] - rows[0]) * parameter.size(1) : parameter.numel,
    );
    return {
      type: "start",
      step: this.#step,
      totalSteps: this.#totalSteps,
      trainSamples: samples.length,
      validationSamples: validation.length,
      parameters: sizes.reduce((sum, size) => sum + size, 0),
      precision: this.#precision,
    };
  }

  /** Restores the optimizer, or chooses the precision of a new run. */
  async #prepare(): Promise<void> {
    const { resume, model } = this.#task;
    const { precision, weights } = this.#options;
    if (resume !== undefined) {
      await this.#restore(join(resume.folder, OPTIMIZER));
    } else if (weights === "bfloat16") {
      this.#precision = "bfloat16";
    } else if (precision === "auto") {
      const [batch] = await this.#feed.take(0);
      this.#precision = fasterPrecision(model.device, (candidate) => {
        if (batch) this.#gradients(batch, mixedFor(candidate, model.device));
        this.#optimizer.zeroGrad();
      });
    } else this.#precision = precision;
    // Weights of 16 bits are computed with as they are.
    if (weights !== "bfloat16") this.#mixed = mixedFor(this.#precision, model.device);
  }

  async #restore(file: string): Promise<void> {
    using saved = await openSafetensors(file);
    scope(() => {
      this.#optimizer.restore(new Map(saved.names().map((name) => [name, saved.tensor(name)])));
    });
  }

  /** One optimizer step. */
  async #advance(): Promise<StepEvent> {
    const { accumulation, batchSize } = this.#options;
    const start = performance.now();
    const last = this.#step + 1 === this.#totalSteps;
    const batches = await this.#feed.take(this.#step, last ? undefined : this.#step + 1);
    const { epoch } = this.#feed.at(this.#step);
    const { loss = NaN, ...terms } = this.#accumulate(batches);
    const learningRate = this.#learningRate();
    const gradientNorm = this.#update(loss, learningRate);
    this.#step += 1;
    this.#keepPace((performance.now() - start) / 1000);
    return {
      type: "step",
      step: this.#step,
      totalSteps: this.#totalSteps,
      epoch,
      loss,
      terms,
      learningRate,
      gradientNorm,
      imagesPerSecond: (batchSize * accumulation) / this.#pace,
      secondsLeft: (this.#totalSteps - this.#step) * this.#pace,
    };
  }

  /** The gradients of a step's batches, as if they were one; returns its loss and terms. */
  #accumulate(batches: readonly MicroBatch[]): Record<string, number> {
    const { objective } = this.#task;
    const counts = batches.length > 1 ? batches.map((batch) => objective.counts?.(batch.pictures())) : [];
    const sums: Record<string, number> = {};
    for (const [i, batch] of batches.entries()) {
      for (const [name, value] of Object.entries(this.#gradients(batch, this.#mixed, sharesOf(counts, i)))) {
        sums[name] = (sums[name] ?? 0) + value;
      }
    }
    return sums;
  }

  /** Adds a batch's gradients; returns what it adds to the step's loss and terms. */
  #gradients(batch: MicroBatch, mixed: Mixed, shares?: LossCounts): Record<string, number> {
    const { objective } = this.#task;
    const parts = shares ? 1 : this.#options.accumulation;
    const tape = this.#options.recompute === true ? new Recomputation() : undefined;
    const dropoutSeed = new Random(this.#options.seed, "dropout", batch.number).int(2 ** 32);
    return withDropout(dropoutSeed, () =>
      scope(() => {
        const forward = (): ReturnType<Objective["loss"]> => objective.loss(batch.pictures(), mixed, shares);
        const { loss, terms } = tape ? tape.record(forward) : forward();
        loss.div(parts).backward();
        tape?.backward(mixed);
        const figures = Object.entries({ loss, ...terms }).map(([name, term]) => [name, term.item() / parts]);
        return Object.fromEntries(figures) as Record<string, number>;
      }),
    );
  }

  #update(loss: number, learningRate: number): number {
    try {
      if (!Number.isFinite(loss)) throw new RocError("TRAINING", `The loss is ${loss}. Lower the learning rate.`);
      const gradients = (): ReturnType<typeof gradientOf>[] =>
        this.#trained.map(({ parameter, rows }) => gradientOf(parameter, rows));
      const norm = clipNorm(gradients, this.#options.maxNorm);
      this.#whole = false;
      this.#optimizer.step(learningRate);
      this.#whole = true;
      return norm;
    } finally {
      this.#optimizer.zeroGrad();
    }
  }

  #learningRate(): number {
    const { schedule: kind, learningRate: peak, steps, warmup } = this.#options;
    const schedule = { kind, peak, warmup: warmupSteps(warmup, steps), total: this.#totalSteps };
    return learningRateAt(this.#step, schedule);
  }

  /** Updates the mean pace, and once, early in a new run, the number of steps that a time budget allows. */
  #keepPace(seconds: number): void {
    const done = this.#step - this.#startStep;
    this.#pace = done <= 2 ? seconds : this.#pace + (seconds - this.#pace) / Math.min(done, 20);
    const { minutes } = this.#task;
    if (minutes === undefined || this.#step !== MEASURED || done !== MEASURED) return;
    const left = minutes * 60 * USABLE - this.#secondsHere();
    this.#totalSteps = Math.max(MEASURED, Math.min(this.#totalSteps, MEASURED + Math.floor(left / this.#pace)));
  }

  /** Ends the run at this step where there was no better validation for long. */
  async #validate(): Promise<ValidationEvent> {
    const { objective, pixels, validation } = this.#task;
    const { batchSize, patience = Infinity } = this.#options;
    const found = await agreement(objective, pixels, validation, { batchSize });
    const best = this.#best === null || (found.srcc ?? -1) > (this.#best.srcc ?? -1);
    const { srcc, plcc, mae } = found;
    if (best) this.#best = { step: this.#step, srcc, plcc, mae };
    this.#stale = best ? 0 : this.#stale + 1;
    if (this.#stale >= patience) this.#totalSteps = this.#step;
    return { type: "validation", step: this.#step, ...found, best };
  }

  async #save(): Promise<CheckpointEvent> {
    const { run, save } = this.#task;
    const write = async (aside: string): Promise<void> => {
      await save(aside);
      await saveSafetensors(join(aside, OPTIMIZER), this.#optimizer.state());
    };
    const { folder } = await saveState(run, this.#state(), write, this.#options);
    this.#lastSaved = folder;
    return { type: "checkpoint", step: this.#step, folder };
  }

  #state(): TrainerState {
    const { epoch, batch } = this.#feed.at(this.#step);
    return {
      step: this.#step,
      totalSteps: this.#totalSteps,
      epoch,
      batch,
      seed: this.#options.seed,
      threads: getNumThreads(),
      precision: this.#precision,
      best: this.#best,
      stale: this.#stale,
      seconds: this.#seconds(),
    };
  }

  #end(): EndEvent {
    const { keepBest = true, patience = Infinity } = this.#options;
    const best = keepBest && this.#best ? { ...this.#best, folder: stepFolder(this.#task.run, this.#best.step) } : null;
    const reason = this.#stale >= patience ? "patience" : "steps";
    const precision = this.#precision;
    return {
      type: "end",
      step: this.#step,
      seconds: this.#seconds(),
      precision,
      best,
      folder: this.#lastSaved,
      reason,
    };
  }

  /** Lets timers and signals run, and stops where one has fired. */
  async #checkSignal(): Promise<void> {
    await setImmediate();
    if (this.#task.signal?.aborted !== true) return;
    if (this.#step > this.#startStep) await this.#save();
    throw new RocError("ABORTED", `Stopped after step ${this.#step}. The same command goes on from there.`);
  }

  /** What a run dies of, with what is left of it. Where memory is short, the steps since the last state are saved first. */
  async #explain(error: unknown): Promise<unknown> {
    this.#optimizer.zeroGrad();
    const unsaved = this.#step > 0 && this.#lastSaved !== stepFolder(this.#task.run, this.#step);
    if (isOutOfMemory(error) && this.#whole && unsaved) await this.#save().catch(() => undefined);
    return stepError(error, this.#step + 1, this.#lastSaved);
  }

  #secondsHere(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }
  #seconds(): number {
    return (this.#task.resume?.state.seconds ?? 0) + this.#secondsHere();
  }
}

/** A batch's shares of a step's counts; undefined where the batches count alike. */
function sharesOf(all: readonly (LossCounts | undefined)[], batch: number): LossCounts | undefined {
  const own = all[batch];
  if (own === undefined) return undefined;
  const share = (name: keyof LossCounts): number => {
    const whole = all.reduce((sum, counts) => sum + (counts?.[name] ?? 0), 0);
    return whole === 0 ? 0 : own[name] / whole;
  };
  return { text: share("text"), score: share("score"), votes: share("votes") };
}

function commentLength({ comments = [] }: Sample): number {
  return Math.max(0, ...comments.map(({ length }) => length));
}
