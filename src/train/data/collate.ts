/** Rated pictures and texts to one batch: token ids, what is supervised, and the ground truth of every score. */
import { RocError } from "../../errors.js";
import type { RgbImage } from "../../image/types.js";
import type { ImageBatch, MllmInput, MllmProcessor } from "../../models/types.js";
import { answerSlots, fillSlots, scoreNames, splitSets, type AnswerSlot, type LevelSlot, type Strategy } from "../../roc/index.js"; // prettier-ignore
import { fromTypedArray } from "../../torch/index.js";

/** A rating on the scale of the score vocabulary. */
export interface Label {
  readonly score: number;
  /** Probabilities of the score tokens, where votes are known. */
  readonly distribution: readonly number[] | null;
  /** Standard deviation of the rating on the same scale, where known. */
  readonly std?: number | null;
}

/** A rating in an answer. */
export interface NamedLabel extends Label {
  /** Of the placeholder. */
  readonly name: string;
  /** Ratings of different groups make no pair; default: those of the same name are one. */
  readonly group?: string | undefined;
}

/** Pictures with a question and an answer about them. */
export interface Example {
  readonly image: RgbImage;
  /** The others of a set. */
  readonly others?: readonly RgbImage[];
  /** Holds `<image>` once a picture. */
  readonly prompt: string;
  /** An answer template: `{name}` marks the position of the score of that name. */
  readonly answer: string;
  /** The picture's ratings by name. */
  readonly labels: Readonly<Record<string, Label>>;
  /** Of all its ratings, as {@link NamedLabel.group}. */
  readonly group?: string | undefined;
}

/** What one forward and its loss take. Right-padded to the longest of its sequences, T tokens. */
export interface Batch {
  /** Its `rows` are the positions that predict a supervised token, sequence by sequence. */
  readonly input: MllmInput;
  /** The tokens that they predict: the answers, each with its end token. */
  readonly targets: readonly number[];
  /** The ratings of the scores among `targets`, in their order: of slot tokens, or of `slots`. */
  readonly labels: readonly NamedLabel[];
  /** Where scores are written as words, if that was asked for. */
  readonly slots: readonly LevelSlot[];
}

/** Tokenises texts once each; a run has few of them. */
export class TextCache {
  readonly #prompts = new Map<string, readonly number[]>();
  readonly #answers = new Map<string, readonly number[]>();
  readonly #slots = new Map<string, readonly AnswerSlot[]>();

  constructor(private readonly processor: MllmProcessor) {}

  /** @param image the one that the text is about: in families with a grid or tiles, the ids depend on its size */
  prompt(text: string, image: ImageBatch): readonly number[] {
    const key = JSON.stringify([text, image.imageGridThw, image.tiles, image.imageSizes]);
    return remember(this.#prompts, key, () => this.processor.prompt(text, image));
  }

  /** Token ids with the end token. */
  answer(text: string): readonly number[] {
    return remember(this.#answers, text, () => [...this.processor.answer(text), this.processor.endTokenId]);
  }

  /** The places of an answer's scores, of which `written` are some of `words`. */
  slots(answer: string, written: readonly string[], words: readonly string[]): readonly AnswerSlot[] {
    const key = JSON.stringify([answer, written]);
    return remember(this.#slots, key, () => answerSlots(answer, written, words, (text) => this.processor.answer(text)));
  }
}

/** How scores are written. */
type Writing = Pick<Strategy, "write" | "slotIds" | "levels">;

/**
 * Makes a batch; its tensors belong to the caller's scope.
 *
 * There is no attention mask: padding is on the right, where causal attention never looks.
 * @param places look for scores that are written as words
 * @throws RocError DATA_INVALID where an answer holds a score that the picture has no rating for
 */
export function collate(
  examples: readonly Example[],
  processor: MllmProcessor,
  strategy: Writing,
  texts: TextCache,
  places = false,
): Batch {
  const images = processor.batch(examples.flatMap(imagesOf));
  const each = splitSets(images, examples.map((example) => imagesOf(example).length)); // prettier-ignore
  const sequences = examples.map((example, b) => {
    const prompt = texts.prompt(example.prompt, each[b] as ImageBatch);
    return { prompt, ...answerOf(example, strategy, texts, places) };
  });
  // The end token is predicted, never fed.
  const width = Math.max(...sequences.map(({ prompt, ids }) => prompt.length + ids.length - 1));
  const padding = BigInt(processor.tokenizer.padTokenId ?? processor.endTokenId);
  const tokens = new BigInt64Array(examples.length * width).fill(padding);
  const rows: number[] = [];
  sequences.forEach(({ prompt, ids }, b) => {
    const start = b * width;
    [...prompt, ...ids.slice(0, -1)].forEach((id, t) => (tokens[start + t] = BigInt(id)));
    ids.forEach((_, i) => rows.push(start + prompt.length - 1 + i));
  });
  return {
    input: {
      inputIds: fromTypedArray(tokens, [examples.length, width]),
      images,
      rows,
    },
    targets: sequences.flatMap(({ ids }) => ids),
    labels: strategy.slotIds.length > 0 || places ? sequences.flatMap(({ labels }) => labels) : [],
    slots: slotsOf(sequences),
  };
}

function imagesOf({ image, others = [] }: Example): readonly RgbImage[] {
  return [image, ...others];
}

/** The sequences' places among the supervised tokens of all. */
function slotsOf(
  sequences: readonly { readonly ids: readonly number[]; readonly slots: readonly AnswerSlot[] }[],
): LevelSlot[] {
  let start = 0;
  return sequences.flatMap(({ ids, slots }) => {
    const first = start;
    start += ids.length;
    return slots.map((slot) => ({ row: first + slot.at, ids: slot.ids }));
  });
}

/** The token ids of an example's answer with its end token, the ratings of its placeholders and, if asked for, their places. */
export function answerOf(
  example: Example,
  { write, levels }: Pick<Strategy, "write" | "levels">,
  texts: TextCache,
  places = false,
): { readonly ids: readonly number[]; readonly labels: readonly NamedLabel[]; readonly slots: readonly AnswerSlot[] } {
  const grouped = example.group !== undefined && { group: example.group };
  const labels = scoreNames(example.answer).map((name) => ({ ...labelOf(example, name), name, ...grouped }));
  const written = labels.map(({ score }) => write(score));
  const slots = places && levels ? texts.slots(example.answer, written, levels.texts) : [];
  return { ids: texts.answer(fillSlots(example.answer, written)), labels, slots };
}

function labelOf({ labels }: Example, name: string): Label {
  const label = labels[name];
  if (label !== undefined) return label;
  const known = Object.keys(labels).join(", ");
  throw new RocError("DATA_INVALID", `An answer template holds {${name}}, but the data set rates only ${known}.`);
}

function remember<T>(cache: Map<string, T>, key: string, make: () => T): T {
  const cached = cache.get(key);
  if (cached !== undefined) return cached;
  const made = make();
  cache.set(key, made);
  return made;
}
