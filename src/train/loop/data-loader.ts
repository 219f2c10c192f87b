/** The pictures of each optimizer step, read while the step before it computes. */
import { BatchOrder, type Batch, type Sample } from "../../data/index.js";
import { Random } from "../../random.js";
import { RocError } from "../../errors.js";
import type { RgbImage } from "../../image/types.js";
import { LengthOrder } from "../data/length-order.js";
import type { Picture } from "./objective.js";
import type { TrainOptions } from "../options.js";
import { othersOf } from "../data/sets.js";
import { flipHorizontally, type PixelCache } from "../data/pixels.js";

export interface DataLoaderParts {
  readonly samples: readonly Sample[];
  readonly pixels: PixelCache;
  /** Length of a sample in any unit, for batches of like length. */
  readonly length: (sample: Sample) => number;
  /** Leave out an epoch's last batch where it is not full: batch statistics of a few pictures are none. Default false. */
  readonly dropLast?: boolean;
  /** Which part of each batch is this process's, and of how many: `batchSize` samples each. */
  readonly rank: number;
  readonly ranks: number;
}

/** The samples of one forward. */
export interface MicroBatch {
  /** Counted from 0 over the whole run. */
  readonly number: number;
  readonly isEmpty: boolean;
  /** Each call gives the same pictures with streams of random numbers at their start. */
  pictures(): Picture[];
}

/** What gives the loop its batches. */
export interface Loader {
  /** The position of a step's first batch. */
  at(step: number): Pick<Batch, "epoch" | "batch">;
  /** Passes over the samples before a step, with the share of the one that is begun. */
  epochs(step: number): number;
  /** The batches of a step; those of `next` are prefetched. */
  take(step: number, next?: number): Promise<MicroBatch[]>;
}

type Options = Pick<TrainOptions, "seed" | "batchSize" | "accumulation" | "flip" | "groupByLength">;

/** What a step sees follows only from (seed, step). */
export class DataLoader implements Loader {
  readonly #order: { readonly batchesPerEpoch: number; at(batch: number): Batch };
  #next: { step: number; batches: Promise<MicroBatch[]> } | undefined;

  constructor(
    private readonly parts: DataLoaderParts,
    private readonly options: Options,
  ) {
    const { batchSize, seed, groupByLength } = options;
    const order = { size: parts.samples.length, batchSize: batchSize * parts.ranks, seed };
    const dropLast = parts.dropLast === true && order.size >= order.batchSize;
    this.#order = groupByLength
      ? new LengthOrder({ ...order, lengths: parts.samples.map(parts.length) })
      : new BatchOrder({ ...order, dropLast });
  }

  /** The position of a step's first batch. */
  at(step: number): Batch {
    return this.#order.at(step * this.options.accumulation);
  }

  /** Passes over the samples before a step, with the share of the one that is begun. */
  epochs(step: number): number {
    return (step * this.options.accumulation) / this.#order.batchesPerEpoch;
  }

  /** The batches of a step; those of `next` are prefetched. */
  async take(step: number, next?: number): Promise<MicroBatch[]> {
    const batches = await (this.#next?.step === step ? this.#next.batches : this.#read(step));
    if (next !== undefined) {
      this.#next = { step: next, batches: this.#read(next) };
      // Reported where it is awaited; until then it must not count as unhandled.
      this.#next.batches.catch(() => undefined);
    }
    return batches;
  }

  #read(step: number): Promise<MicroBatch[]> {
    const { accumulation } = this.options;
    return Promise.all(Array.from({ length: accumulation }, (_, i) => this.#batch(step * accumulation + i)));
  }

  async #batch(batch: number): Promise<MicroBatch> {
    const { rank } = this.parts;
    const { seed, flip, batchSize } = this.options;
    const { epoch, indices } = this.#order.at(batch);
    const own = indices.slice(rank * batchSize, (rank + 1) * batchSize);
    const chosen = await Promise.all(own.map((index) => this.#usable(index)));
    const streams = (): Random[] => chosen.map(({ index }) => new Random(seed, "sample", epoch, index));
    const shown = streams().map((random, i) => {
      const { image, others } = chosen[i] as Chosen;
      const turn = random.chance(0.5) && flip ? flipHorizontally : (same: RgbImage) => same;
      return { image: turn(image), others: others.map((one) => ({ ...one, image: turn(one.image) })) };
    });
    return {
      number: batch,
      isEmpty: chosen.length === 0,
      pictures: () =>
        streams().map((random, i) => {
          // The stream's first number has chosen the side.
          random.next();
          const { sample } = chosen[i] as Chosen;
          const { image, others } = shown[i] as Pick<Chosen, "image" | "others">;
          return { sample, random, image, ...(others.length > 0 && { others }) };
        }),
    };
  }

  /** The usable ones of the other pictures of a set. */
  async #others(sample: Sample): Promise<Chosen["others"]> {
    const { pixels } = this.parts;
    const images = await Promise.all(othersOf(sample).map((other) => pixels.of(other)));
    return othersOf(sample).flatMap((other, i) => {
      const image = images[i];
      return image ? [{ sample: other, image }] : [];
    });
  }

  /** The sample of an index; a picture that is skipped is replaced by the next usable one. */
  async #usable(index: number): Promise<Chosen> {
    const { samples, pixels } = this.parts;
    for (let step = 0; step < samples.length; step++) {
      const at = (index + step) % samples.length;
      const sample = samples[at] as Sample;
      const image = await pixels.of(sample);
      if (image) return { index: at, sample, image, others: await this.#others(sample) };
    }
    throw new RocError("DATA_INVALID", "None of the pictures to train on can be used; see the notes above.");
  }
}

interface Chosen {
  readonly index: number;
  readonly sample: Sample;
  readonly image: RgbImage;
  /** Of its set. */
  readonly others: readonly Pick<Picture, "sample" | "image">[];
}
