/**
 * The training loop: one optimizer step after another, streamed as events, with validations and resumable states.
 *
 * Deterministic on a CPU: which samples, texts, flips and dropout masks a step sees follows only from (seed, epoch,
 * sample), so that a run resumed from a state does what the uninterrupted run would have done, bit for bit, with as many
 * threads.
 */
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { Random } from "../../random.js";
import { type Sample } from "../../data/index.js";
import { isOutOfMemory, messageOf, RocError } from "../../errors.js";
import type { LoraAdapters } from "../../models/lora.js";
import { Recomputation, withDropout } from "../../nn/index.js";
import { getNumThreads, holdFlag, holdThreads, scope, stack, threadsWorth } from "../../torch/index.js";
import type { ProcessGroup, Tensor } from "../../torch/index.js";
import { openSafetensors, saveSafetensors } from "../../weights/index.js";
import { readingState, saveState, stepFolder, type SavedState, type TrainerState } from "../run/checkpoint.js";
import { checkFinite, clipNorm, notFinite } from "../optim/clip.js";
import { alignWeights, SINGLE_PROCESS, DataParallel, type TrainingGroup } from "./distributed.js";
import { ReplicatedOptimizer, ShardedOptimizer } from "../optim/distributed-optimizer.js";
import type { Agreement, CheckpointEvent, EndEvent, NoteEvent, StartEvent, StepEvent } from "../events.js";
import type { TrainEvent, ValidationEvent } from "../events.js";
import { checkStart, stepError } from "./step-errors.js";
import { DataLoader, type Loader, type MicroBatch } from "./data-loader.js";
import { buffersOf, type Learner } from "../learner.js";
import { parameterGroups, trainedParameters, type Trained } from "../optim/groups.js";
import type { LossCounts, Objective } from "./objective.js";
import { Prior } from "./prior.js";
import { RaterLoader } from "./rater-loader.js";
import { gradientOf, RuleOptimizer, type Optimizer } from "../optim/optimizer.js";
import { ruleOf } from "../optim/rules.js";
import { isUnusable, type PixelCache } from "../data/pixels.js";
import { othersOf } from "../data/sets.js";
import type { RatingSample } from "../data/raters.js";
import type { Precision, TrainOptions } from "../options.js";
import { mixedFor, precisionOf, type Mixed } from "./precision.js";
import { dropsAt, learningRateAt, warmupSteps } from "../optim/schedule.js";
import { agreement } from "./validate.js";

const OPTIMIZER = "optimizer.safetensors";
/** Steps that a time budget is fitted after. */
const MEASURED = 30;
/** Share of a time budget that steps may fill; the rest is for validations and states. */
const USABLE = 0.9;

/** What is trained, on what. */
export interface TrainTask {
  /** With the weights of `resume` where that is given. Its parameters are trained in place. */
  readonly model: Learner;
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
  /**
   * The processes that train together, each in a call of its own. They get the weights of rank 0 and resume from its
   * `resume` (of the others', only the state counts); it validates and writes the states. They stop together.
   */
  readonly group?: ProcessGroup;
}

/**
 * Trains; stops where the consumer stops reading.
 *
 * @throws RocError ABORTED on the signal, after writing a state; TRAINING for a loss or gradient that is not finite, with
 *   the last state untouched, or where a state cannot be written; OUT_OF_MEMORY, after writing a state if that is
 *   possible; IMAGE_... or FILE_... for a picture that cannot be used, after writing a state; USAGE where the options
 *   leave nothing to train or name what is not there
 */
export async function* train(task: TrainTask, options: TrainOptions): AsyncGenerator<TrainEvent, void, undefined> {
  if (task.group) await alignWeights(task.group, task.model, task.adapters);
  const { model, resume } = task;
  // A run resumes with as many threads as it was started with: their number changes how sums are rounded.
  const threads = resume?.state.threads ?? threadsWorth(model.parameters().values(), options.batchSize);
  using _threads = holdThreads(threads);
  using _memory = holdFlag("keepFreedMemory", true);
  using _kernels = model.device === "cpu" ? holdFlag("deterministic", true) : null;
  using trainer = new Trainer(task, options);
  yield* trainer.run();
}

class Trainer {
  readonly #task: TrainTask;
  readonly #options: TrainOptions;
  readonly #loader: Loader;
  readonly #trained: readonly Trained[];
  readonly #optimizer: Optimizer;
  /** Of a run over raters. */
  readonly #prior: Prior | undefined;
  readonly #group: TrainingGroup;
  /** What a forward changes: running statistics. */
  readonly #buffers: readonly Tensor[];
  /** Parameters that required no gradient before. */
  readonly #frozen: readonly Tensor[];
  readonly #startedAt = performance.now();
  readonly #startStep: number;
  /** Pictures of a sample: of sets their mean. */
  readonly #perSample: number;
  #startedStepAt = 0;
  #mixed: Mixed = (body) => body();
  #precision: Precision;
  #step: number;
  #totalSteps: number;
  #best: TrainerState["best"];
  /** Validations since SRCC has risen. */
  #stale: number;
  #lastSaved: string;
  /** Mean seconds of a step. */
  #pace = 0;
  /** Whether weights and optimizer are those of the end of a step. */
  #whole = true;
  /** What is being done, where it is no step. */
  #doing: string | undefined;
  /** What is wrong with a picture of a validation. */
  #unusable: unknown;
  /** Unusable pictures that were reported. */
  #reported = 0;

  constructor(task: TrainTask, options: TrainOptions) {
    const state = task.resume?.state;
    this.#task = task;
    this.#options = options;
    const { group } = task;
    this.#perSample = this.#pictures() / task.train.length;
    this.#buffers = [...buffersOf(task.model).values()];
    this.#loader = loaderOf(task, options, this.#buffers.length > 0);
    this.#step = this.#startStep = state?.step ?? 0;
    this.#totalSteps = state?.totalSteps ?? options.steps;
    this.#best = state?.best ?? null;
    this.#stale = state?.stale ?? 0;
    this.#precision = state?.precision ?? "float32";
    this.#lastSaved = task.resume?.folder ?? "";
    this.#trained = trainedParameters(task.model, options, task.adapters);
    this.#optimizer = optimizerOf(this.#trained, options, group);
    if (this.#loader instanceof RaterLoader && options.raters) {
      this.#prior = new Prior(this.#trained, options.raters, this.#loader.tasks);
    }
    this.#frozen = this.#trained.map(({ parameter }) => parameter).filter((parameter) => !parameter.requiresGrad);
    try {
      for (const parameter of this.#frozen) parameter.requiresGrad_();
      this.#group = group ? new DataParallel(group, this.#trained) : SINGLE_PROCESS;
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  async *run(): AsyncGenerator<TrainEvent, void, undefined> {
    try {
      await this.#prepare();
      yield this.#start();
      while (this.#step < this.#totalSteps) {
        const batches = await this.#next();
        yield* this.#notes();
        yield await this.#advance(batches);
        if (this.#step % this.#options.every === 0 || this.#step === this.#totalSteps) {
          if (this.#task.validation.length > 0) yield await this.#validate();
          yield* this.#notes();
          yield await this.#save();
        }
      }
      yield this.#end();
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  [Symbol.dispose](): void {
    this.#group.dispose();
    this.#leave();
  }

  /** Disposes of the optimizer; the parameters are as they were, except for their values. */
  #leave(): void {
    this.#optimizer.zeroGrad();
    this.#optimizer.dispose();
    this.#prior?.dispose();
    for (const parameter of this.#frozen) parameter.requiresGrad_(false);
  }

  #start(): StartEvent {
    const { train: samples, validation } = this.#task;
    const pictures = this.#pictures();
    const sizes = this.#trained.map(({ parameter, rows }) =>
      rows ? (rows[1] - rows[0]) * parameter.size(1) : parameter.numel,
    );
    return {
      type: "start",
      step: this.#step,
      totalSteps: this.#totalSteps,
      trainSamples: pictures,
      ...(pictures > samples.length && { sets: samples.length }),
      ...(this.#loader instanceof RaterLoader && { raters: this.#loader.tasks }),
      validationSamples: validation.length,
      parameters: sizes.reduce((sum, size) => sum + size, 0),
      precision: this.#precision,
    };
  }

  /** To train on, those of sets among them. */
  #pictures(): number {
    return this.#task.train.reduce((count, sample) => count + 1 + othersOf(sample).length, 0);
  }

  /** Restores the optimizer, or chooses the precision of a new run. */
  async #prepare(): Promise<void> {
    const { resume, model } = this.#task;
    checkStart(model, resume?.folder);
    const { precision, weights } = this.#options;
    if (resume !== undefined) {
      await readingState(resume.folder, () => this.#restore(join(resume.folder, OPTIMIZER)));
    } else if (weights === "bfloat16") {
      this.#precision = "bfloat16";
    } else if (precision === "auto") {
      this.#precision = await this.#group.fromFirst(() => precisionOf(model.device));
    } else this.#precision = precision;
    // Weights of 16 bits are computed with as they are.
    if (weights !== "bfloat16") this.#mixed = mixedFor(this.#precision, model.device);
  }

  async #restore(file: string): Promise<void> {
    if (this.#group.rank > 0) {
      this.#optimizer.restore(new Map());
      return;
    }
    using saved = await openSafetensors(file);
    scope(() => {
      const state = new Map(saved.names().map((name) => [name, saved.tensor(name)]));
      this.#optimizer.restore(state);
      this.#prior?.restore(state);
    });
  }

  /** Notes on pictures that were skipped since the last notes. */
  *#notes(): Generator<NoteEvent> {
    const { pixels } = this.#task;
    if (this.#options.skipBroken !== true) return;
    for (const { message } of pixels.unusable.slice(this.#reported)) {
      yield { type: "note", step: this.#step, text: `left out: ${message}` };
    }
    this.#reported = pixels.unusable.length;
  }

  /**
   * The batches of the next step. Lets timers and signals run; stops, with a state written, where a signal has fired or a
   * picture cannot be used: all processes together.
   */
  async #next(): Promise<readonly MicroBatch[]> {
    await setImmediate();
    this.#startedStepAt = performance.now();
    const last = this.#step + 1 === this.#totalSteps;
    const [batches, error] = await this.#loader.take(this.#step, last ? undefined : this.#step + 1).then(
      (taken) => [taken, undefined] as const,
      (reason: unknown) => [[], reason] as const,
    );
    const isPicture = isUnusable(error, this.#task.pixels);
    if (error !== undefined && !isPicture) throw error as Error;
    const signalled = this.#task.signal?.aborted === true;
    const [aborted = 0, broken = 0] = this.#group.total([signalled ? 1 : 0, isPicture ? 1 : 0]);
    if (aborted + broken === 0) return batches;
    if (this.#unsaved) await this.#save();
    if (isPicture) throw error as Error;
    if (aborted === 0) throw new RocError("TRAINING", "Another process cannot use a picture, which its message names.");
    throw new RocError("ABORTED", `Stopped after step ${this.#step}. The same command resumes from there.`);
  }

  /** One optimizer step. */
  async #advance(batches: readonly MicroBatch[]): Promise<StepEvent> {
    const { accumulation, batchSize } = this.#options;
    const start = this.#startedStepAt;
    const { epoch } = this.#loader.at(this.#step);
    // From the first forward on, running statistics are those of a step that is not done.
    this.#whole = this.#buffers.length === 0;
    this.#prior?.before(this.#step);
    const { loss = NaN, ...terms } = this.#accumulate(batches);
    const learningRate = this.#learningRate();
    const gradientNorm = this.#update(loss, learningRate);
    this.#step += 1;
    await this.#keepPace((performance.now() - start) / 1000);
    return {
      type: "step",
      step: this.#step,
      totalSteps: this.#totalSteps,
      epoch,
      loss,
      terms,
      learningRate,
      gradientNorm,
      imagesPerSecond: (batchSize * accumulation * this.#group.size * this.#perSample) / this.#pace,
      secondsLeft: (this.#totalSteps - this.#step) * this.#pace,
    };
  }

  /** The gradients of a step's batches in all processes, as if they were one; returns its loss and terms. */
  #accumulate(batches: readonly MicroBatch[]): Record<string, number> {
    const shares = this.#shares(batches);
    const sums: Record<string, number> = {};
    for (const [i, batch] of batches.entries()) {
      if (i + 1 === batches.length) this.#group.arm();
      // The last batch of an epoch may have no part for this process.
      if (batch.isEmpty) continue;
      for (const [name, value] of Object.entries(this.#gradients(batch, this.#mixed, shares[i]))) {
        sums[name] = (sums[name] ?? 0) + value;
      }
    }
    this.#group.finish();
    return this.#group.totals(sums);
  }

  /** The batches' shares of a step's counts; none where the batches count alike. */
  #shares(batches: readonly MicroBatch[]): LossCounts[] {
    const { objective } = this.#task;
    if (batches.length * this.#group.size === 1) return [];
    const own = batches.flatMap((batch) => objective.counts?.(batch.pictures()) ?? []);
    if (own.length === 0) return [];
    const sum = (name: keyof LossCounts): number => own.reduce((total, count) => total + count[name], 0);
    const names = ["text", "score", "votes", "pairs"] as const;
    const [text = 0, score = 0, votes = 0, pairs = 0] = this.#group.total(names.map(sum));
    const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
    return own.map((count) => ({
      text: share(count.text, text),
      score: share(count.score, score),
      votes: share(count.votes, votes),
      pairs: share(count.pairs, pairs),
    }));
  }

  /** Adds a batch's gradients; returns what it adds to the step's loss and terms. */
  #gradients(batch: MicroBatch, mixed: Mixed, shares?: LossCounts): Record<string, number> {
    const { objective } = this.#task;
    const { rank, size } = this.#group;
    const parts = shares ? 1 : this.#options.accumulation * size;
    const tape = this.#options.recompute === true ? new Recomputation() : undefined;
    const dropoutSeed = new Random(this.#options.seed, "dropout", batch.number, ...(rank > 0 ? [rank] : [])).int(
      2 ** 32,
    );
    return withDropout(dropoutSeed, () =>
      scope(() => {
        const forward = (): ReturnType<Objective["loss"]> => objective.loss(batch.pictures(), mixed, shares);
        const { loss, terms } = tape ? tape.record(forward) : forward();
        loss.div(parts).backward();
        tape?.backward(mixed);
        const names = Object.keys({ loss, ...terms });
        const figures = stack(Object.values({ loss, ...terms })).toNumbers();
        return Object.fromEntries(names.map((name, i) => [name, (figures[i] ?? NaN) / parts]));
      }),
    );
  }

  #update(loss: number, learningRate: number): number {
    try {
      if (!Number.isFinite(loss)) throw notFinite(`The loss is ${loss}.`);
      const gradients = (): ReturnType<typeof gradientOf>[] =>
        this.#trained.map(({ parameter, rows }) => gradientOf(parameter, rows));
      const norm = clipNorm(gradients, this.#options.maxNorm);
      this.#whole = false;
      this.#optimizer.step(learningRate);
      this.#prior?.after(this.#step);
      this.#whole = true;
      return norm;
    } finally {
      this.#optimizer.zeroGrad();
    }
  }

  #learningRate(): number {
    const { schedule: kind, learningRate: peak, steps, warmup } = this.#options;
    const schedule = { kind, peak, warmup: warmupSteps(warmup, steps), total: this.#totalSteps };
    return learningRateAt(this.#step, schedule) * dropsAt(this.#loader.epochs(this.#step), this.#options);
  }

  /** Updates the mean pace, and once, early in a new run, the number of steps that a time budget allows. */
  async #keepPace(seconds: number): Promise<void> {
    const done = this.#step - this.#startStep;
    this.#pace = done <= 2 ? seconds : this.#pace + (seconds - this.#pace) / Math.min(done, 20);
    const { minutes } = this.#task;
    if (minutes === undefined || this.#step !== MEASURED || done !== MEASURED) return;
    const left = minutes * 60 * USABLE - this.#secondsHere();
    const fitting = Math.max(MEASURED, Math.min(this.#totalSteps, MEASURED + Math.floor(left / this.#pace)));
    this.#totalSteps = await this.#group.fromFirst(() => fitting);
  }

  /** Ends the run at this step where there was no better validation for long. */
  async #validate(): Promise<ValidationEvent> {
    const { patience = Infinity } = this.#options;
    this.#checkWeights();
    this.#doing = `The validation after step ${this.#step}`;
    const found = await this.#group.fromFirst(() => this.#agreement());
    if (typeof found === "string") {
      // Rank 0 knows which picture it is.
      if (this.#unsaved) await this.#save();
      throw (this.#unusable ?? new RocError("TRAINING", found)) as Error;
    }
    this.#doing = undefined;
    const { srcc, plcc, mae, failed } = found;
    // Figures of only the understood answers cannot be compared.
    const before = this.#best;
    const ahead = failed > 0 || srcc === null ? -1 : srcc - (before?.srcc ?? -Infinity);
    // Of few pictures many validations have the same SRCC: then what is learned shows in the error, and else in the step.
    const best = ahead > 0 || (ahead === 0 && (mae ?? Infinity) <= (before?.mae ?? Infinity));
    if (best) this.#best = { step: this.#step, srcc, plcc, mae };
    this.#stale = ahead > 0 || before === null ? 0 : this.#stale + 1;
    if (this.#stale >= patience) this.#totalSteps = this.#step;
    return { type: "validation", step: this.#step, ...found, best };
  }

  /** The figures of a validation, or what is wrong with a picture. */
  async #agreement(): Promise<Agreement | string> {
    const { objective, pixels, validation } = this.#task;
    const { batchSize } = this.#options;
    try {
      return await this.#whileKept(() => agreement(objective, pixels, validation, { batchSize }));
    } catch (error) {
      if (!isUnusable(error, pixels)) throw error;
      this.#unusable = error;
      return messageOf(error);
    }
  }

  /** Calls `body` while the model has the weights that a state is to hold. */
  #whileKept<T>(body: () => Promise<T>): Promise<T> {
    return this.#prior ? this.#prior.whileKept(body) : body();
  }

  /** @throws RocError TRAINING where a trained weight is not finite: such a state is not saved */
  #checkWeights(): void {
    const doing = this.#doing;
    this.#doing = `After step ${this.#step}`;
    checkFinite(
      this.#trained.map(({ parameter }) => parameter),
      "the trained weights",
    );
    if (this.#buffers.length > 0) checkFinite(this.#buffers, "the running statistics");
    this.#doing = doing;
  }

  async #save(): Promise<CheckpointEvent> {
    const { run, save } = this.#task;
    this.#checkWeights();
    await this.#optimizer.withState(async (optimizer) => {
      const write = async (aside: string): Promise<void> => {
        await this.#whileKept(() => save(aside));
        await saveSafetensors(join(aside, OPTIMIZER), new Map([...optimizer, ...(this.#prior?.state() ?? [])]));
      };
      await saveState(run, this.#state(), write, this.#options);
    });
    this.#lastSaved = stepFolder(run, this.#step);
    return { type: "checkpoint", step: this.#step, folder: this.#lastSaved };
  }

  #state(): TrainerState {
    const { epoch, batch } = this.#loader.at(this.#step);
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

  /** The error that ends a run, with what is left of the run. Where memory is short, the steps since the last state are saved first. */
  async #explain(error: unknown): Promise<unknown> {
    this.#optimizer.zeroGrad();
    const single = this.#group.size === 1;
    if (single && isOutOfMemory(error) && this.#whole && this.#unsaved) await this.#save().catch(() => undefined);
    const at = this.#doing ?? `Step ${this.#step + 1}`;
    return stepError(error, { at, state: this.#lastSaved, picture: isUnusable(error, this.#task.pixels) });
  }

  get #unsaved(): boolean {
    return this.#step > 0 && this.#lastSaved !== stepFolder(this.#task.run, this.#step);
  }

  #secondsHere(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }
  #seconds(): number {
    return (this.#task.resume?.state.seconds ?? 0) + this.#secondsHere();
  }
}

function loaderOf(task: TrainTask, options: TrainOptions, dropLast: boolean): Loader {
  const { length = commentLength, train: samples, pixels, group } = task;
  const { raters } = options;
  if (raters) return new RaterLoader(samples as readonly RatingSample[], pixels, { ...options, raters });
  return new DataLoader(
    { samples, pixels, length, dropLast, rank: group?.rank ?? 0, ranks: group?.worldSize ?? 1 },
    options,
  );
}

function optimizerOf(trained: readonly Trained[], options: TrainOptions, group?: ProcessGroup): Optimizer {
  const groups = parameterGroups(trained, options);
  const rule = ruleOf(options);
  if (group === undefined) return new RuleOptimizer(groups, rule);
  const Kind = options.shardOptimizer === true ? ShardedOptimizer : ReplicatedOptimizer;
  return new Kind(groups, rule, group);
}

function commentLength({ comments = [] }: Sample): number {
  return Math.max(0, ...comments.map(({ length }) => length));
}
