/** Which persons' ratings a run trains on: one rater after another, or those of one. */
import { FLICKR_AES_SCORES, FLICKR_AES_WORKERS } from "../../data/flickr-aes.js";
import type { LoadedDataset, Sample, ScoreScale } from "../../data/index.js";
import { RocError } from "../../errors.js";
import { Random } from "../../random.js";
import { toScale } from "../../roc/index.js";
import { setsOf } from "../data/sets.js";
import { isTask, raterOf, ratingsByRater, taskSizes, type RatingSample } from "../data/raters.js";
import { runData, type RunData } from "./data.js";
import type { CheckedSpec } from "./spec.js";

/** Pictures that a person is learnt from by default, as published. */
const OF_A_PERSON = 100;

/**
 * The pictures of a run, or the ratings of them where it is of raters.
 * @throws RocError DATA_INVALID where nobody's ratings are known, or too few
 */
export function dataOf(dataset: LoadedDataset, spec: CheckedSpec): RunData {
  const { data, train } = spec;
  if (data.rater === undefined && !train.raters) return runData(dataset, data, train.seed);
  const ratings = ratingsByRater(dataset.samples);
  if (ratings.size === 0) throw unknownRaters(dataset, spec);
  const scale = dataset.ratingScale ?? dataset.scale;
  return data.rater === undefined
    ? ofAllRaters(dataset, spec, ratings, scale)
    : { ...ofOneRater(data.rater, ratings, spec), scale };
}

/** What `epochs` count: pictures, sets or raters. @throws RocError DATA_INVALID as {@link setsOf} */
export function unitsOf(data: RunData, spec: CheckedSpec): number {
  const { train } = data;
  return setCount(data, spec) ?? (spec.train.raters ? new Set(train.map(raterOf)).size : train.length);
}

/** The sets of the strategy `set`; undefined of other runs. @throws RocError DATA_INVALID as {@link setsOf} */
export function setCount({ train }: RunData, { strategy }: CheckedSpec): number | undefined {
  return strategy === "set" ? setsOf(train).length : undefined;
}

function unknownRaters({ name }: LoadedDataset, { data, dataset }: CheckedSpec): RocError {
  const keys = data.rater === undefined ? "train.raters (--raters)" : "data.rater (--rater)";
  const where = dataset === undefined ? `${name} in ${data.folder}` : name;
  const remedy = `FLICKR-AES says it in ${FLICKR_AES_WORKERS}: put that file beside ${FLICKR_AES_SCORES}`;
  return new RocError("DATA_INVALID", `${where} does not say who gave which rating, which ${keys} needs. ${remedy}.`);
}

/** Every rater's ratings, except those of raters apart and of what these have rated. */
function ofAllRaters(
  dataset: LoadedDataset,
  spec: CheckedSpec,
  ratings: ReadonlyMap<string, readonly RatingSample[]>,
  scale: ScoreScale,
): RunData {
  const { data, train: recipe } = spec;
  const { train, validation } = runData(dataset, data, recipe.seed);
  const apart = ratersApart(ratings, spec);
  const kept = train.filter((sample) => !(sample.ratings ?? []).some(({ rater }) => apart.has(rater)));
  const [tasks, few] = [[] as RatingSample[], [] as string[]];
  for (const [rater, own] of ratingsByRater(kept)) {
    if (isTask(own.length, recipe.batchSize)) tasks.push(...own);
    else few.push(rater);
  }
  if (tasks.length === 0) throw noTask(dataset.name, apart.size, few.length);
  const onRatings = ({ id, image, split, score }: Sample): Sample => ({
    ...{ id, image, split, score: toScale(score, dataset.scale, scale) },
  });
  const dropped = train.length - kept.length;
  const notes = [
    ...(apart.size > 0
      ? [`raters apart, whose ${dropped} pictures nothing is trained on: ${[...apart].join(", ")}.`]
      : []),
    ...(few.length > 0 ? [`left out, ${few.length} raters with too few pictures for a task, as ${few[0] ?? ""}.`] : []),
  ];
  return { train: tasks, validation: validation.map(onRatings), scale, notes };
}

function noTask(name: string, apart: number, others: number): RocError {
  const text = `None of ${others} raters of ${name} has rated enough pictures of the training part`;
  const left = apart > 0 ? `, without those that the ${apart} raters apart (data.apart) have rated` : "";
  return new RocError(
    "DATA_INVALID",
    `${text}${left}. A task needs 10 of one rater, and batchSize (--batch) 8 or more.`,
  );
}

/** @throws RocError DATA_INVALID for a name that nobody has, or more raters than there are */
function ratersApart(ratings: ReadonlyMap<string, readonly RatingSample[]>, { data, train }: CheckedSpec): Set<string> {
  const { apart = 0 } = data;
  if (typeof apart !== "number") {
    const unknown = apart.filter((rater) => !ratings.has(rater));
    if (unknown.length === 0) return new Set(apart);
    throw new RocError(
      "DATA_INVALID",
      `data.apart: nobody is called ${unknown.slice(0, 3).join(", ")}; ${named(ratings)}.`,
    );
  }
  const able = [...ratings].filter(([, own]) => own.length > OF_A_PERSON).map(([rater]) => rater);
  const order = new Random(train.seed, "raters apart").permutation(able.length);
  if (apart <= able.length) return new Set([...order.subarray(0, apart)].flatMap((index) => able[index] ?? []));
  const text = `data.apart is ${apart}, but ${able.length} raters have rated more than ${OF_A_PERSON} pictures`;
  throw new RocError("DATA_INVALID", `${text}. Give at most so many, or names.`);
}

/** Some pictures of a person to learn from, and the others to validate with: another seed divides them in another way. */
function ofOneRater(
  rater: string,
  ratings: ReadonlyMap<string, readonly RatingSample[]>,
  { data, train: { seed } }: CheckedSpec,
): Pick<RunData, "train" | "validation"> {
  const own = ratings.get(rater);
  if (own === undefined) {
    throw new RocError("DATA_INVALID", `data.rater (--rater): nobody is called ${rater}; ${named(ratings)}.`);
  }
  const most = data.mostTraining ?? OF_A_PERSON;
  const { first } = own.length > most ? { first: most } : taskSizes(own.length, most);
  const order = [...new Random(seed, "pictures of a rater", rater).permutation(own.length)];
  const at = (indices: readonly number[]): RatingSample[] => indices.flatMap((index) => own[index] ?? []);
  if (first < 2) throw new RocError("DATA_INVALID", `The rater ${rater} has rated ${own.length} pictures, too few to learn from.`); // prettier-ignore
  return { train: at(order.slice(0, first)), validation: at(order.slice(first)).slice(0, data.mostValidation) };
}

function named(ratings: ReadonlyMap<string, unknown>): string {
  return `there are ${ratings.size} raters, such as ${[...ratings.keys()].slice(0, 3).join(", ")}`;
}
