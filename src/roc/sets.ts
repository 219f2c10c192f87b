/**
 * Sets of pictures in one prompt: read in several orders, so that what a place is worth to the model can be told from what a
 * picture is. Families whose prompts hold several pictures do it: the vision part runs once a picture.
 */
import { RocError } from "../errors.js";
import type { ImageBatch, Mllm } from "../models/types.js";
import { cat, inferenceMode, scope } from "../torch/index.js";
import { Pictures } from "./pictures.js";
import { prefill } from "./prefill.js";
import type { LogitReading } from "./reading.js";
import { readByCandidates } from "./strategies/candidates.js";
import type { StrategyParts } from "./strategy.js";
import { scoreName } from "./template.js";

/** Mark a picture in a prompt. */
const IMAGE = "<image>";

/** A prompt about one picture as one about several. */
export function setPrompt(prompt: string, size: number): string {
  return prompt.replace(IMAGE, IMAGE.repeat(size));
}

/** Names of a set's scores in {@link setAnswer}. */
export function setNames(name: string, size: number): string[] {
  return Array.from({ length: size }, (_, i) => `${name}_${i + 1}`);
}

/** An answer about one picture as one about several: "The rates are {overall}." with "{overall_1}, {overall_2}" in it. */
export function setAnswer(answer: string, name: string, size: number): string {
  return answer.replace(`{${name}}`, setNames(name, size).map((one) => `{${one}}`).join(", ")); // prettier-ignore
}

/** Pictures of a set in the order in which a prompt shows them. */
export type SetOrder = readonly number[];

/**
 * The scores of a checkpoint of the strategy `set`, `[order][place]`: by one forward an order, at a position token a picture.
 *
 * @param images of the set
 * @param orders each with every picture of the set once
 * @throws RocError USAGE where the strategy has no position tokens; SCORE_NOT_FINITE; IMAGE_TOO_LARGE
 */
export function readSets(
  parts: StrategyParts,
  images: readonly ImageBatch[],
  orders: readonly SetOrder[],
): LogitReading[][] {
  const { strategy, templates } = parts;
  const { vocabulary } = strategy;
  if (!vocabulary) throw new RocError("USAGE", "Sets are scored at position tokens; this checkpoint has none.");
  const [prompt = "", answer = ""] = [templates.prompts[0], templates.answers[0]];
  const name = scoreName(templates);
  return readOrders(parts.model, images, orders, (pictures, { length }) => {
    const texts = { ...templates, prompts: [setPrompt(prompt, length)], answers: [setAnswer(answer, name, length)] };
    const [reading] = prefill({ ...parts, vocabulary, templates: texts }, pictures);
    return reading?.scores ?? [];
  });
}

/** What a model says to a question whose answer is the place of a picture. */
export interface SetQuestion {
  /** Asked behind the pictures. */
  readonly prompt: string;
  /** The answer for each place, first to last; as many as a prompt shows at most, or more. */
  readonly words: readonly string[];
}

/**
 * Logits of the words, `[order][place]`: of what a prompt that shows them in that order is answered with.
 * Within an order, they are known up to a constant.
 *
 * @throws RocError USAGE for fewer words than pictures; TOKENIZER_INVALID where two words have the same tokens;
 *   SCORE_NOT_FINITE; IMAGE_TOO_LARGE
 */
export function askSets(
  parts: StrategyParts,
  images: readonly ImageBatch[],
  orders: readonly SetOrder[],
  { prompt, words }: SetQuestion,
): number[][] {
  return readOrders(parts.model, images, orders, (pictures, { length }) => {
    const texts = words.slice(0, length);
    if (texts.length < length)
      throw new RocError("USAGE", `${words.length} words for ${length} pictures; give one each.`);
    const templates = { ...parts.templates, prompts: [`${IMAGE.repeat(length)}\n${prompt}`], answers: ["{overall}"] };
    const candidates = { texts, values: texts.map((_, place) => place) };
    const [reading] = readByCandidates({ ...parts, templates }, pictures, candidates);
    return (reading?.scores[0]?.distribution ?? []).map(Math.log);
  });
}

/** What `read` says of each order: of its places. */
function readOrders<T>(
  model: Mllm,
  images: readonly ImageBatch[],
  orders: readonly SetOrder[],
  read: (pictures: Pictures, order: SetOrder) => T,
): T[] {
  return inferenceMode(() =>
    scope(() => {
      const seen = images.map((image) => ({ ...image, features: model.imageFeatures(image) }));
      return orders.map((order) =>
        scope(() => {
          using pictures = new Pictures(model, joined(order.map((index) => seen[index] as Seen)), { each: order.length, once: true }); // prettier-ignore
          return read(pictures, order);
        }),
      );
    }),
  );
}

type Seen = ImageBatch & Required<Pick<ImageBatch, "features">>;

/** Images one behind the other. */
function joined(images: readonly Seen[]): ImageBatch {
  const list = <K extends "imageGridThw" | "secondsPerGrid" | "tiles" | "imageSizes">(key: K) => {
    const all = images.flatMap((image) => (image[key] ?? []) as unknown[]);
    return all.length > 0 && { [key]: all };
  };
  return {
    pixelValues: cat(images.map(({ pixelValues }) => pixelValues), 0), // prettier-ignore
    features: cat(images.map(({ features }) => features), 0), // prettier-ignore
    ...list("imageGridThw"),
    ...list("secondsPerGrid"),
    ...list("tiles"),
    ...list("imageSizes"),
  };
}
