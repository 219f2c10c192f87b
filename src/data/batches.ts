/** The order of training samples, a pure function of (seed, step), so that a run can resume at any step. */
import { RocError } from "../errors.js";
import { Random, type SeedPart } from "../random.js";

/** The sample indices 0..size-1 in the order of one epoch. */
export function epochOrder(size: number, seed: SeedPart, epoch: number): Uint32Array {
  return new Random(seed, "epoch", epoch).permutation(size);
}

/** One batch: its epoch, its position in that epoch, and the indices of its samples. */
export interface Batch {
  readonly epoch: number;
  readonly batch: number;
  readonly indices: readonly number[];
}

export interface BatchOrderOptions {
  /** Number of samples, at least 1. */
  readonly size: number;
  readonly batchSize: number;
  readonly seed: SeedPart;
  /** Leave out an epoch's last batch if it is not full (default false); needs `size >= batchSize`. */
  readonly dropLast?: boolean;
}

/** Batches by step number; each epoch visits every sample once (except those that `dropLast` leaves out). */
export class BatchOrder {
  readonly batchesPerEpoch: number;
  readonly #options: BatchOrderOptions;
  #cached: { epoch: number; order: Uint32Array } | undefined;

  constructor(options: BatchOrderOptions) {
    const { size, batchSize, dropLast = false } = options;
    const count = dropLast ? Math.floor(size / batchSize) : Math.ceil(size / batchSize);
    if (!Number.isInteger(size) || !Number.isInteger(batchSize) || batchSize < 1 || !(count >= 1)) {
      throw new RocError("USAGE", `No batch of ${batchSize} can be made from ${size} samples; use a smaller batch.`);
    }
    this.#options = options;
    this.batchesPerEpoch = count;
  }

  /** The batch of a step, counted from 0 over all epochs. Pure: a resumed run requests its next step. */
  at(step: number): Batch {
    const epoch = Math.floor(step / this.batchesPerEpoch);
    const batch = step - epoch * this.batchesPerEpoch;
    const { batchSize } = this.#options;
    return { epoch, batch, indices: [...this.#order(epoch).subarray(batch * batchSize, (batch + 1) * batchSize)] };
  }

  #order(epoch: number): Uint32Array {
    const { size, seed } = this.#options;
    if (this.#cached?.epoch !== epoch) this.#cached = { epoch, order: epochOrder(size, seed, epoch) };
    return this.#cached.order;
  }
}
