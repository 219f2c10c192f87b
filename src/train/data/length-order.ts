/** Batches of samples of like length, so that little of a batch is padding; a function of only (seed, step). */
import { BatchOrder, epochOrder, type Batch, type BatchOrderOptions } from "../../data/index.js";
import { Random } from "../../random.js";

/** Batches whose samples are sorted together: more save more padding, fewer leave more to chance. */
const WINDOW = 50;

export interface LengthOrderOptions extends Omit<BatchOrderOptions, "dropLast"> {
  /** Of each sample, in any unit. */
  readonly lengths: ArrayLike<number>;
}

/**
 * An epoch's random order is cut into windows, each sorted by length (samples of the same length stay in their random
 * order) and cut into batches, which then come in a random order. Every sample is seen once per epoch.
 */
export class LengthOrder {
  readonly batchesPerEpoch: number;
  readonly #options: LengthOrderOptions;
  #cached: { epoch: number; batches: number[][] } | undefined;

  constructor(options: LengthOrderOptions) {
    this.#options = options;
    this.batchesPerEpoch = new BatchOrder(options).batchesPerEpoch;
  }

  /** As `BatchOrder.at`. */
  at(step: number): Batch {
    const epoch = Math.floor(step / this.batchesPerEpoch);
    const batch = step - epoch * this.batchesPerEpoch;
    if (this.#cached?.epoch !== epoch) this.#cached = { epoch, batches: this.#batches(epoch) };
    return { epoch, batch, indices: this.#cached.batches[batch] ?? [] };
  }

  #batches(epoch: number): number[][] {
    const { size, batchSize, seed, lengths } = this.#options;
    const order = [...epochOrder(size, seed, epoch)];
    const sorted = chunks(order, batchSize * WINDOW).flatMap((window) =>
      window.sort((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0)),
    );
    const batches = chunks(sorted, batchSize);
    return [...new Random(seed, "batches", epoch).permutation(batches.length)].map((index) => batches[index] ?? []);
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
