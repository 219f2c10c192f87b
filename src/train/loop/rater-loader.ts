/** The pictures of each step of a run over raters (Zhu et al., 2020), read while the step before computes. */
import { groupBy } from "../../data/group-by.js";
import { RocError } from "../../errors.js";
import type { RgbImage } from "../../image/types.js";
import { Random } from "../../random.js";
import type { PixelCache } from "../data/pixels.js";
import { stepsOfTask, taskSizes, type RatingSample } from "../data/raters.js";
import type { TrainOptions } from "../options.js";
import type { Loader, MicroBatch } from "./data-loader.js";

type Options = Pick<TrainOptions, "seed" | "batchSize"> & Required<Pick<TrainOptions, "raters">>;

/** Steps on the same pictures: a task's first ones, or its others. */
interface Phase {
  readonly epoch: number;
  /** The task's place in its epoch. */
  readonly place: number;
  readonly isFirst: boolean;
}

interface Shown {
  readonly index: number;
  readonly sample: RatingSample;
  readonly image: RgbImage;
}

/** What a step sees follows only from (seed, step). */
export class RaterLoader implements Loader {
  /** Tasks of an epoch: one a rater. */
  readonly tasks: number;
  readonly #raters: readonly (readonly RatingSample[])[];
  /** The phases of the current and the next step, by number. */
  #read = new Map<number, Promise<readonly Shown[]>>();

  constructor(
    samples: readonly RatingSample[],
    private readonly pixels: PixelCache,
    private readonly options: Options,
  ) {
    this.#raters = [...groupBy(samples, ({ rater }) => rater).values()];
    this.tasks = this.#raters.length;
  }

  at(step: number): { epoch: number; batch: number } {
    const { epoch, place } = this.#phase(this.#numberOf(step));
    return { epoch, batch: place };
  }

  epochs(step: number): number {
    return step / (this.tasks * stepsOfTask(this.options.raters));
  }

  async take(step: number, next?: number): Promise<MicroBatch[]> {
    const number = this.#numberOf(step);
    const pictures = this.#reading(number);
    if (next !== undefined) this.#reading(this.#numberOf(next)).catch(() => undefined);
    for (const old of this.#read.keys()) if (old < number) this.#read.delete(old);
    return [this.#batch(step, this.#phase(number), await pictures)];
  }

  #numberOf(step: number): number {
    return Math.floor(step / this.options.raters.steps);
  }

  #phase(number: number): Phase {
    const task = Math.floor(number / 2);
    const epoch = Math.floor(task / this.tasks);
    return { epoch, place: task - epoch * this.tasks, isFirst: number % 2 === 0 };
  }

  #reading(number: number): Promise<readonly Shown[]> {
    const found = this.#read.get(number) ?? this.#pictures(this.#phase(number));
    this.#read.set(number, found);
    return found;
  }

  /** Raters come in another order in each epoch, and their pictures are divided anew. */
  async #pictures({ epoch, place, isFirst }: Phase): Promise<readonly Shown[]> {
    const { seed, batchSize } = this.options;
    const rater = new Random(seed, "raters", epoch).permutation(this.tasks)[place] ?? 0;
    const own = this.#raters[rater] ?? [];
    const order = [...new Random(seed, "task", epoch, rater).permutation(own.length)];
    const { first, others } = taskSizes(own.length, batchSize);
    const chosen = isFirst ? order.slice(0, first) : order.slice(first, first + others);
    const images = await Promise.all(chosen.map((index) => this.pixels.of(own[index] as RatingSample)));
    const shown = chosen.flatMap((index, i) => {
      const image = images[i];
      return image ? [{ index, sample: own[index] as RatingSample, image }] : [];
    });
    if (shown.length >= 2) return shown;
    const text = `Of ${chosen.length} pictures of the rater ${own[0]?.rater ?? ""} fewer than two can be used`;
    throw new RocError("DATA_INVALID", `${text}; see the notes above. Repair the files, or leave out his ratings.`);
  }

  /** Only a task's first pictures are cropped and mirrored. */
  #batch(step: number, { epoch, place, isFirst }: Phase, shown: readonly Shown[]): MicroBatch {
    const { seed } = this.options;
    return {
      number: step,
      isEmpty: false,
      pictures: () =>
        shown.map(({ index, sample, image }) => ({
          ...{ sample, image, random: new Random(seed, "rating", epoch, place, index) },
          ...(!isFirst && { asTest: true }),
        })),
    };
  }
}
