/**
 * The training loop: one optimizer step after another, streamed as events, with validations and resumable states.
 *
 * Deterministic on a CPU: which samples, texts and flips a step sees follows from (seed, epoch, sample) alone, so that a
 * run resumed from a state does what the uninterrupted run would have done, bit for bit, with as many threads.
 */
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { BatchOrder, Random, type Sample } from "../data/index.js";
import { messageOf, RocError } from "../errors.js";
import type { RgbImage } from "../image/types.js";
import type { Mllm } from "../models/types.js";
import { getNumThreads, scope, setFlag, setNumThreads, type Tensor } from "../torch/index.js";
import { openSafetensors, saveSafetensors } from "../weights/index.js";
import { saveState, stepFolder, type SavedState, type TrainerState } from "./checkpoint.js";
import { clipGradients } from "./clip.js";
import type { CheckpointEvent, EndEvent, StepEvent, TrainEvent, ValidationEvent } from "./events.js";
import type { Objective, Picture } from "./objective.js";
import { AdamW, decayGroups } from "./optimizer.js";
import { flipHorizontally, type PixelCache } from "./pixels.js";
import type { Precision, TrainOptions } from "./options.js";
import { fasterPrecision, mixedFor, type Mixed } from "./precision.js";
import { learningRateAt } from "./schedule.js";
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
  readonly objective: Objective;
  readonly train: readonly Sample[];
  /** May be empty: there is no best state then. */
  readonly validation: readonly Sample[];
  readonly pixels: PixelCache;
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
 *   the last state untouched, or where a state cannot be written
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
  readonly #order: BatchOrder;
  readonly #parameters: ReadonlyMap<string, Tensor>;
  readonly #optimizer: AdamW;
  readonly #startedAt = performance.now();
  readonly #startStep: number;
  #mixed: Mixed = (body) => body();
  #precision: Precision;
  #step: number;
  #totalSteps: number;
  #best: TrainerState["best"];
  #lastSaved: string;
  /** Mean seconds of a step. */
  #pace = 0;
  #next: Promise<Picture[]> | undefined;

  constructor(task: TrainTask, options: TrainOptions) {
    const state = task.resume?.state;
    this.#task = task;
    this.#options = options;
    this.#order = new BatchOrder({ size: task.train.length, batchSize: options.batchSize, seed: options.seed });
    this.#step = this.#startStep = state?.step ?? 0;
    this.#totalSteps = state?.totalSteps ?? options.steps;
    this.#best = state?.best ?? null;
    this.#precision = state?.precision ?? "float32";
    this.#lastSaved = task.resume?.folder ?? "";
    if (state !== undefined) setNumThreads(state.threads);
    if (task.model.device === "cpu") setFlag("deterministic", true);
    this.#parameters = task.model.parameters();
    for (const parameter of this.#parameters.values()) parameter.requiresGrad_();
    this.#optimizer = new AdamW(decayGroups(this.#parameters, options.weightDecay), { betas: options.betas });
  }

  async *run(): AsyncGenerator<TrainEvent, void, undefined> {
    await this.#prepare();
    yield {
      type: "start",
      step: this.#step,
      totalSteps: this.#totalSteps,
      trainSamples: this.#task.train.length,
      validationSamples: this.#task.validation.length,
      parameters: [...this.#parameters.values()].reduce((sum, parameter) => sum + parameter.numel, 0),
      precision: this.#precision,
    };
    while (this.#step < this.#totalSteps) {
      await this.#checkSignal();
      yield await this.#advance();
      if (this.#step % this.#options.every === 0 || this.#step === this.#totalSteps) {
        if (this.#task.validation.length > 0) yield await this.#validate();
        yield await this.#save();
      }
    }
    yield this.#end();
  }

  dispose(): void {
    this.#optimizer.zeroGrad();
    this.#optimizer.dispose();
    for (const parameter of this.#parameters.values()) parameter.requiresGrad_(false);
    if (this.#task.model.device === "cpu") setFlag("deterministic", false);
  }

  /** Restores the optimizer, or chooses the precision of a new run. */
  async #prepare(): Promise<void> {
    const { resume, model } = this.#task;
    const { precision } = this.#options;
    if (resume !== undefined) {
      await this.#restore(join(resume.folder, OPTIMIZER));
    } else if (precision === "auto") {
      const pictures = await this.#load(0);
      this.#precision = fasterPrecision(model.device, (candidate) => {
        this.#gradients(pictures, mixedFor(candidate, model.device));
        this.#optimizer.zeroGrad();
      });
    } else this.#precision = precision;
    this.#mixed = mixedFor(this.#precision, model.device);
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
    const first = this.#step * accumulation;
    const terms: Record<string, number> = {};
    for (let i = 0; i < accumulation; i++) {
      const pictures = await (this.#next ?? this.#load(first + i));
      this.#prefetch(first + i + 1);
      for (const [name, value] of Object.entries(this.#gradients(pictures, this.#mixed))) {
        terms[name] = (terms[name] ?? 0) + value / accumulation;
      }
    }
    const learningRate = this.#learningRate();
    const gradientNorm = this.#update(terms["loss"] ?? NaN, learningRate);
    this.#step += 1;
    const seconds = (performance.now() - start) / 1000;
    this.#keepPace(seconds);
    const { loss = NaN, ...parts } = terms;
    return {
      type: "step",
      step: this.#step,
      totalSteps: this.#totalSteps,
      epoch: this.#order.at(first).epoch,
      loss,
      terms: parts,
      learningRate,
      gradientNorm,
      imagesPerSecond: (batchSize * accumulation) / this.#pace,
      secondsLeft: (this.#totalSteps - this.#step) * this.#pace,
    };
  }

  /** Adds a batch's gradients; returns its loss and terms. */
  #gradients(pictures: readonly Picture[], mixed: Mixed): Record<string, number> {
    return scope(() => {
      const { loss, terms } = this.#task.objective.loss(pictures, mixed);
      loss.div(this.#options.accumulation).backward();
      const figures = Object.entries(terms).map(([name, term]) => [name, term.item()]);
      return { loss: loss.item(), ...(Object.fromEntries(figures) as Record<string, number>) };
    });
  }

  #update(loss: number, learningRate: number): number {
    try {
      if (!Number.isFinite(loss)) throw new RocError("TRAINING", `The loss is ${loss}. Lower the learning rate.`);
      const norm = clipGradients(this.#parameters.values(), this.#options.maxNorm);
      this.#optimizer.step(learningRate);
      return norm;
    } catch (error) {
      const kept = this.#lastSaved === "" ? "No state was written yet." : `The last good state is ${this.#lastSaved}.`;
      throw new RocError("TRAINING", `Step ${this.#step + 1}: ${messageOf(error)} ${kept}`, { cause: error });
    } finally {
      this.#optimizer.zeroGrad();
    }
  }

  #learningRate(): number {
    const { schedule: kind, learningRate: peak, steps, warmup } = this.#options;
    return learningRateAt(this.#step, { kind, peak, warmup: Math.round(warmup * steps), total: this.#totalSteps });
  }

  /** Starts reading the pictures of a batch while the one before it computes. */
  #prefetch(batch: number): void {
    if (batch >= this.#totalSteps * this.#options.accumulation) return;
    this.#next = this.#load(batch);
    // Reported where it is awaited; until then it must not count as unhandled.
    this.#next.catch(() => undefined);
  }

  /** The pictures of a batch, counted over all epochs from 0. */
  async #load(batch: number): Promise<Picture[]> {
    const { train: samples, pixels } = this.#task;
    const { seed, flip } = this.#options;
    const { epoch, indices } = this.#order.at(batch);
    const chosen = indices.map((index) => ({ index, sample: samples[index] as Sample }));
    const images = await pixels.get(chosen.map(({ sample }) => sample.image));
    return chosen.map(({ index, sample }, i) => {
      const random = new Random(seed, "sample", epoch, index);
      const image = images[i] as RgbImage;
      return { sample, random, image: random.chance(0.5) && flip ? flipHorizontally(image) : image };
    });
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

  async #validate(): Promise<ValidationEvent> {
    const { objective, pixels, validation } = this.#task;
    const found = await agreement(objective, pixels, validation, { batchSize: this.#options.batchSize });
    const best = this.#best === null || (found.srcc ?? -1) > (this.#best.srcc ?? -1);
    const { srcc, plcc, mae } = found;
    if (best) this.#best = { step: this.#step, srcc, plcc, mae };
    return { type: "validation", step: this.#step, ...found, best };
  }

  async #save(): Promise<CheckpointEvent> {
    const { run, save } = this.#task;
    const { folder } = await saveState(run, this.#state(), async (aside) => {
      await save(aside);
      await saveSafetensors(join(aside, OPTIMIZER), this.#optimizer.state());
    });
    this.#lastSaved = folder;
    return { type: "checkpoint", step: this.#step, folder };
  }

  #state(): TrainerState {
    const { epoch, batch } = this.#order.at(this.#step * this.#options.accumulation);
    return {
      step: this.#step,
      totalSteps: this.#totalSteps,
      epoch,
      batch,
      seed: this.#options.seed,
      threads: getNumThreads(),
      precision: this.#precision,
      best: this.#best,
      seconds: this.#seconds(),
    };
  }

  #end(): EndEvent {
    const best = this.#best && { ...this.#best, folder: stepFolder(this.#task.run, this.#best.step) };
    const precision = this.#precision;
    return { type: "end", step: this.#step, seconds: this.#seconds(), precision, best, folder: this.#lastSaved };
  }

  /** Lets timers and signals run, and stops where one has fired. */
  async #checkSignal(): Promise<void> {
    await setImmediate();
    if (this.#task.signal?.aborted !== true) return;
    if (this.#step > this.#startStep) await this.#save();
    throw new RocError("ABORTED", `Stopped after step ${this.#step}. The same command goes on from there.`);
  }

  #secondsHere(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }
  #seconds(): number {
    return (this.#task.resume?.state.seconds ?? 0) + this.#secondsHere();
  }
}
