/** `compare()`: which of a few pictures is the best, by what a model says of each, or of all of them in one prompt. */
import { Readable } from "node:stream";
import { RocError } from "../errors.js";
import { bestOf, type BestOf, type ComparedBy } from "../metrics/best-of.js";
import {
  chancesToBeLast,
  luce,
  pairOrders,
  pairStrengths,
  permutations,
  strengthsOf,
  turns,
} from "../metrics/orders.js";
import type { LogitReading } from "../roc/reading.js";
import { plainOutcome } from "./plain-outcome.js";
import type { Model, ScoreInput, ScoreOptions, ScoreResult, SetAnswer } from "./types.js";

/** Pictures that are compared at a time: from so many to {@link MOST_COMPARED}. */
export const FEWEST_COMPARED = 2;
const MOST_COMPARED = 8;

/** The same in messages. */
export const SO_MANY = `${FEWEST_COMPARED} to ${MOST_COMPARED}`;

/** So many are shown in every order in one prompt; of more, every pair in both orders. */
const MOST_PERMUTED = 3;

/** Shares of ratings that differ by less do so by float32's rounding alone: a picture's, computed beside other ones. */
const ROUNDING = 1e-7;

/** The answers for the places of a question. */
const PLACES = ["First", "Second", "Third"] as const;

/**
 * How {@link compare} compares.
 *
 * @category Scoring
 */
export interface CompareOptions extends ScoreOptions {
  /**
   * Asks the model about the pictures together, where its prompts hold several: "Which image is better?". They are shown in every
   * order (of more than three, every pair in both orders), the probabilities of the answers First, Second and Third are read, and
   * what the order adds is taken out. Default: by the scores.
   */
  readonly ask?: string | undefined;
}

/**
 * What a place in a prompt is worth to the model, whichever picture stands there.
 *
 * @category Scoring
 */
export interface PlaceEffect {
  /** Prompts that were computed. */
  readonly orders: number;
  /**
   * By place. By a question: the chance that each place would be chosen of pictures that are alike, so that 1/n each is no effect.
   * By the strategy `set`: how much is added to a score there, so that 0 is no effect.
   */
  readonly favour: readonly number[];
}

/**
 * What {@link compare} gives: indices are those of the pictures that were given.
 *
 * @category Scoring
 */
export interface PictureComparison extends Omit<BestOf, "by"> {
  /**
   * What the chances were taken from: as in {@link BestOf}; of a question; of distributions that a checkpoint of the strategy `set`
   * predicts for the pictures together.
   */
  readonly by: ComparedBy | "question" | "set";
  /** Where pictures were shown together: the order's effect, which is taken out of the chances. */
  readonly places?: PlaceEffect;
  /** Each picture's score, in their order; of the strategy `set` what it says of them together. */
  readonly results: readonly ScoreResult[];
}

/**
 * Compares two to eight pictures: their order, and how likely each is to be the best, the worst, and preferred to each other one.
 * Chances are those of {@link bestOf}, of the distributions that the model predicts: for each picture by itself, or for all of them
 * in one prompt, where the checkpoint was trained by the strategy `set`. With {@link CompareOptions.ask} they are those of its
 * answers.
 *
 * @param model what {@link load} or {@link createModel} gave, in a worker or on this thread
 * @param options as of {@link Model.score}, and what is asked
 * @throws RocError USAGE for fewer or more pictures, and for a model that looks at single pictures alone where something is asked;
 *   with the code of the {@link ScoreFailure} where a picture cannot be scored; ABORTED
 *
 * @example
 * ```ts
 * import { compare, DEMO_MODEL, load } from "roc4mllm";
 *
 * using model = await load(DEMO_MODEL);
 * const { order, best, wins, results } = await compare(model, ["a.jpg", "b.jpg"]);
 * for (const index of order) console.error(results[index]?.file, best[index]);
 * console.log(Math.round(100 * ((wins[0]?.[1] ?? 0) + (wins[1]?.[0] ?? 0)))); // 100
 * ```
 *
 * @category Scoring
 */
export async function compare(
  model: Pick<Model, "score" | "judge" | "method">,
  pictures: readonly ScoreInput[],
  { ask, ...options }: CompareOptions = {},
): Promise<PictureComparison> {
  if (!Array.isArray(pictures)) throw new RocError("USAGE", `compare() takes a list of pictures: give ${SO_MANY}.`);
  checkCompared(pictures.length);
  checkAsking(model, ask);
  const isTogether = ask !== undefined || isOfSets(model);
  if (isTogether) checkReadable(pictures);
  const results: ScoreResult[] = [];
  for await (const outcome of model.score(pictures, options)) {
    if ("error" in outcome) throw new RocError(outcome.error.code, outcome.error.message);
    results.push(outcome);
  }
  const { onProgress: _, onPicture: __, ...judging } = options;
  return comparisonOf(model, pictures, results, { ask, ...judging });
}

/** The comparison of pictures that were scored. @param pictures read once more where they are shown together */
export async function comparisonOf(
  model: Pick<Model, "judge" | "method">,
  pictures: readonly ScoreInput[],
  results: readonly ScoreResult[],
  { ask, ...options }: CompareOptions = {},
): Promise<PictureComparison> {
  if (ask !== undefined) return askedComparison(model, pictures, results, ask, options);
  if (!isOfSets(model) || !model.judge) return { ...bestOf(results), results };
  const row = rowOf(results);
  const orders = ordersOf(row);
  const answer = await model.judge(pictures, { orders }, options);
  if (answer.type !== "scores") throw new RocError("INTERNAL", "A set was asked for scores and gave none.");
  const readingsOf = (equals: readonly number[]): LogitReading[] =>
    answer.scores.flatMap((places, i) => places.filter((_, place) => equals.includes(orders[i]?.[place] ?? -1)));
  const means = new Map(
    equalsOf(row, results).flatMap((equals) => {
      const mean = meanOf(readingsOf(equals));
      return equals.map((picture) => [picture, mean] as const);
    }),
  );
  // An interval was calibrated for a score of the picture by itself.
  const together = results.map(({ interval: _, ...result }, i) => ({ ...result, ...means.get(i) }));
  return { ...bestOf(together), by: "set", places: shiftsOf(orders, answer, together), results: together };
}

/**
 * Orders that have each picture at each place equally often: all of them, or of more than three pictures a row and the same from its
 * end, turned round. Of so few turns, neighbours are not balanced: a picture stands beside its neighbours of the row in most of them.
 */
function ordersOf(row: readonly number[]): number[][] {
  const rows = row.length <= MOST_PERMUTED ? [row] : [row, row.toReversed()];
  const places = row.length <= MOST_PERMUTED ? permutations(row.length) : turns(row.length);
  return rows.flatMap((one) => places.map((order) => order.map((at) => one[at] as number)));
}

/** Pictures by their scores, then by their names, so that it does not matter in which order they are given. */
function rowOf(results: readonly ScoreResult[]): number[] {
  const named = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
  return [...results.keys()].sort((i, j) => {
    const [a, b] = [results[i] as ScoreResult, results[j] as ScoreResult];
    return a.score - b.score || named(a.file, b.file) || i - j;
  });
}

/**
 * The row in groups of pictures of which the same is said when each is alone, as of a photo and its copy. Which of them stands where is
 * arbitrary, and they have other neighbours: the group's mean is said of each.
 */
function equalsOf(row: readonly number[], results: readonly ScoreResult[]): number[][] {
  const isSame = (a: ScoreResult, b: ScoreResult): boolean =>
    a.distribution?.length === b.distribution?.length &&
    (a.distribution?.every((share, k) => Math.abs(share - (b.distribution?.[k] ?? NaN)) < ROUNDING) ??
      a.score === b.score);
  const groups: number[][] = [];
  for (const picture of row) {
    const group = groups.find(([one = -1]) => isSame(results[one] as ScoreResult, results[picture] as ScoreResult));
    if (group) group.push(picture);
    else groups.push([picture]);
  }
  return groups;
}

/** Whether a checkpoint scores several pictures in one prompt. */
function isOfSets({ method }: Pick<Model, "method">): boolean {
  return method?.strategy === "set";
}

/** A rating drawn of one of several distributions: their mean. */
function meanOf(readings: readonly LogitReading[]): Pick<ScoreResult, "score" | "std" | "distribution"> {
  const mean = (of: (reading: LogitReading) => number): number =>
    readings.reduce((sum, reading) => sum + of(reading), 0) / readings.length;
  const score = mean(({ value }) => value);
  const square = mean(({ value, std }) => std ** 2 + (value - score) ** 2);
  const length = readings[0]?.distribution.length ?? 0;
  const distribution = Array.from({ length }, (_, k) => mean((reading) => reading.distribution[k] ?? 0));
  return { score, std: Math.sqrt(square), distribution };
}

/** How much a score is higher at each place than the picture's mean over the places. */
function shiftsOf(
  orders: readonly (readonly number[])[],
  { scores }: SetAnswer & { type: "scores" },
  means: readonly ScoreResult[],
): PlaceEffect {
  const favour = new Array<number>(means.length).fill(0);
  orders.forEach((order, i) =>
    order.forEach((picture, place) => {
      const above = (scores[i]?.[place]?.value ?? NaN) - (means[picture]?.score ?? NaN);
      favour[place] = (favour[place] as number) + above / orders.length;
    }),
  );
  return { orders: orders.length, favour };
}

async function askedComparison(
  model: Pick<Model, "judge">,
  pictures: readonly ScoreInput[],
  results: readonly ScoreResult[],
  ask: string,
  options: ScoreOptions,
): Promise<PictureComparison> {
  const { length } = pictures;
  const orders = length <= MOST_PERMUTED ? permutations(length) : pairOrders(length);
  const words = PLACES.slice(0, orders[0]?.length);
  const choice = `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  const prompt = `${ask.trim()}\nAnswer with one word: ${choice}.`;
  const answer = await model.judge?.(pictures, { orders, question: { prompt, words } }, options);
  if (answer?.type !== "logits") throw new RocError("INTERNAL", "A question about a set has no answer.");
  return { ...chancesOf(orders, answer.logits, length), by: "question", results };
}

/** Chances from the logits of every order. */
function chancesOf(
  orders: readonly (readonly number[])[],
  logits: readonly (readonly number[])[],
  count: number,
): Omit<PictureComparison, "by" | "results"> {
  const answers = orders.map((order, i) => ({ order, logits: logits[i] ?? [] }));
  const pairs = count > MOST_PERMUTED ? pairStrengths(answers, count) : undefined;
  const { strengths, favour } = pairs ?? strengthsOf(answers);
  const wins = pairs?.wins ?? strengths.map((a) => strengths.map((b) => 1 / (1 + Math.exp(b - a))));
  const order = [...strengths.keys()].sort((a, b) => (strengths[b] as number) - (strengths[a] as number) || a - b);
  const places = { orders: orders.length, favour: luce(favour) };
  return { order, best: luce(strengths), worst: chancesToBeLast(strengths), wins, places };
}

/** @throws RocError USAGE for an empty question, one with `<image>`, or a model that looks at single pictures */
export function checkAsking({ judge, method }: Pick<Model, "judge" | "method">, ask: string | undefined): void {
  if (ask === undefined) return;
  if (typeof ask !== "string" || ask.trim() === "" || ask.includes("<image>"))
    throw new RocError("USAGE", "ask: give a question in words, without <image>: the pictures come before it.");
  if (judge && method?.system === undefined) return;
  throw new RocError("USAGE", "ask: this model writes no answers; compare by its scores alone.");
}

/** Pictures are read twice: scored, and shown together. @throws RocError USAGE for a stream */
function checkReadable(pictures: readonly ScoreInput[]): void {
  const isStream = (data: unknown): boolean => data instanceof Readable || data instanceof ReadableStream;
  if (!pictures.some((one) => isStream(typeof one === "object" && "data" in one ? one.data : one))) return;
  throw new RocError("USAGE", "Pictures that are shown together are read twice: give paths or bytes, no streams.");
}

/**
 * A comparison as plain data, with its keys in the documented order: what the command line and the server write. By the scores alone
 * there are no chances (null): nothing says how sure such scores are.
 */
export function plainComparison({ order, best, worst, wins, by, places, results }: PictureComparison) {
  const chances = by === "scores" ? { best: null, worst: null, wins: null } : { best, worst, wins };
  return {
    order,
    ...chances,
    by,
    ...(places && { places }),
    results: results.map((result) => plainOutcome(result)),
  };
}

/** @throws RocError USAGE for too few or too many pictures. @param remedy what its message says to do */
export function checkCompared(count: number, remedy = `give ${SO_MANY} to compare`): void {
  if (Number.isInteger(count) && count >= FEWEST_COMPARED && count <= MOST_COMPARED) return;
  throw new RocError("USAGE", `${count} picture${count === 1 ? "" : "s"}: ${remedy}.`);
}
