/**
 * Data-parallel training: each process takes its part of every batch, and their gradients are summed, so that N processes
 * with batches of b do what one does with batches of N·b.
 */
import { RocError } from "../../errors.js";
import type { LoraAdapters } from "../../models/lora.js";
import { fromTypedArray, GradientBuckets, initProcessGroup, rankEnvironment } from "../../torch/index.js";
import type { GroupOptions, ProcessGroup } from "../../torch/index.js";
import { buffersOf, type Learner } from "../learner.js";
import type { Trained } from "../optim/groups.js";

/** The processes that train together, as the loop sees them. Every one calls the same functions in the same order. */
export interface TrainingGroup {
  readonly rank: number;
  readonly size: number;
  /** Sums over the processes. */
  total(values: readonly number[]): number[];
  /** Sums of named figures over the processes; a process without samples may give none. */
  totals(figures: Readonly<Record<string, number>>): Record<string, number>;
  /** The next backward is the last one of this step: its gradients are sent while it runs. */
  arm(): void;
  /** Waits until the gradients are the sums over the processes. */
  finish(): void;
  /** The result of rank 0's work, for all ranks. */
  fromFirst<T>(work: () => T | Promise<T>): Promise<T>;
  dispose(): void;
}

/** The only process of a training. */
export const SINGLE_PROCESS: TrainingGroup = {
  rank: 0,
  size: 1,
  total: (values) => [...values],
  totals: (figures) => ({ ...figures }),
  arm: () => undefined,
  finish: () => undefined,
  fromFirst: async (work) => work(),
  dispose: () => undefined,
};

/** The processes of a group. */
export class DataParallel implements TrainingGroup {
  readonly rank: number;
  readonly size: number;
  readonly #group: ProcessGroup;
  readonly #buckets: GradientBuckets;
  /** Names of the figures, in rank 0's order. */
  #names: readonly string[] | undefined;

  /** @param trained in the order of the model; all require gradients */
  constructor(group: ProcessGroup, trained: readonly Trained[]) {
    this.rank = group.rank;
    this.size = group.worldSize;
    this.#group = group;
    this.#buckets = new GradientBuckets(group, trained);
  }

  total(values: readonly number[]): number[] {
    using sums = fromTypedArray(Float64Array.from(values), [values.length]);
    this.#group.allReduce([sums]);
    return sums.toNumbers();
  }

  totals(figures: Readonly<Record<string, number>>): Record<string, number> {
    this.#names ??= this.#group.shareFromFirst(Object.keys(figures));
    const sums = this.total(this.#names.map((name) => figures[name] ?? 0));
    return Object.fromEntries(this.#names.map((name, i) => [name, sums[i] ?? NaN]));
  }

  arm(): void {
    this.#buckets.arm();
  }

  finish(): void {
    this.#buckets.finish();
  }

  fromFirst<T>(work: () => T | Promise<T>): Promise<T> {
    return this.#group.fromFirst(work);
  }

  dispose(): void {
    this.#buckets.dispose();
  }
}

/**
 * Gives all processes the weights and running statistics of rank 0.
 * @throws RocError TRAINING where this process has other parameters
 */
export async function alignWeights(group: ProcessGroup, model: Learner, adapters?: LoraAdapters): Promise<void> {
  const all = [...model.parameters(), ...buffersOf(model), ...(adapters?.parameters() ?? [])];
  const entries = all.sort(([a], [b]) => (a < b ? -1 : 1));
  const own = entries.map(([name, { dtype, shape }]) => `${name}: ${dtype}[${shape.join(", ")}]`);
  const first = await group.fromFirst(() => own);
  const other = own.findIndex((line, i) => line !== first[i]);
  if (own.length !== first.length || other >= 0) {
    const [found = "nothing", expected = "nothing"] = [own[other], first[other]];
    const message = `Rank ${group.rank} has ${found} where rank 0 has ${expected} (${own.length} of ${first.length}).`;
    throw new RocError("TRAINING", `${message} Start all processes with the same model.`);
  }
  group.broadcast(entries.map(([, tensor]) => tensor));
}

/**
 * Runs `body` in the group that torchrun's variables name, and leaves it at the end; the others learn of an error. Without
 * these variables, or where they speak of one process, there is no group.
 */
export async function inGroup<T>(
  body: (group: ProcessGroup | undefined) => Promise<T>,
  options: GroupOptions = {},
): Promise<T> {
  const environment = rankEnvironment(options.env);
  if (environment === undefined || environment.worldSize === 1) return body(undefined);
  const group = await initProcessGroup(options);
  try {
    const result = await body(group);
    await group.destroy();
    return result;
  } catch (error) {
    await group.destroy(error);
    throw error;
  }
}
