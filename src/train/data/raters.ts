/** Single persons' ratings as what a run trains on. */
import { groupBy } from "../../data/group-by.js";
import type { Sample } from "../../data/index.js";
import type { RaterTasks } from "../options.js";

/** A picture as one person rated it: `score` is that rating. */
export interface RatingSample extends Sample {
  readonly rater: string;
}

/** Ratings by the person who gave them, persons and pictures in the order of the samples. */
export function ratingsByRater(samples: readonly Sample[]): Map<string, RatingSample[]> {
  const single = samples.flatMap(({ id, image, split, ratings = [] }) =>
    ratings.map(({ rater, score }): RatingSample => ({ id, image, split, score, rater })),
  );
  return groupBy(single, ({ rater }) => rater);
}

/** Who rated a sample, where it is one person's rating. */
export function raterOf(sample: Sample): string | undefined {
  return "rater" in sample ? (sample as RatingSample).rater : undefined;
}

/** Whoever has so many times the pictures of a task gives them; of others most are taken: the authors' 110 for 80. */
const PLENTY = 1.375;
const MOST = 0.8;
/** The pictures that a task goes on with, over those that it begins with. */
const OTHERS = 1 / 4;
/** Statistics of a batch of one picture are none. */
const FEWEST = 2;

/** How many pictures a task begins with, and how many others it goes on with. */
export interface TaskSizes {
  readonly first: number;
  readonly others: number;
}

/**
 * The sizes of a task (train_meta_model.py, `load_data`).
 *
 * @param count ratings of the rater
 * @param wanted pictures that a task begins with where there are plenty
 */
export function taskSizes(count: number, wanted: number): TaskSizes {
  const first = count >= PLENTY * wanted ? wanted : Math.floor(MOST * count);
  return { first, others: Math.min(Math.floor(first * OTHERS), count - first) };
}

/** Whether so many ratings are enough for a task. */
export function isTask(count: number, wanted: number): boolean {
  return taskSizes(count, wanted).others >= FEWEST;
}

/** Optimizer steps of a rater's task. */
export function stepsOfTask({ steps }: Pick<RaterTasks, "steps">): number {
  return 2 * steps;
}
