/** Rated pictures and texts to one batch: token ids, what is supervised, and the ground truth of every score. */
import { RocError } from "../../errors.js";
import type { RgbImage } from "../../image/types.js";
import type { ImageBatch, MllmInput, MllmProcessor } from "../../models/types.js";
import { fillSlots, scoreNames, splitImages, type Strategy } from "../../roc/index.js";
import { fromTypedArray } from "../../torch/index.js";

/** A rating on the scale of the score vocabulary. */
export interface Label {
  readonly score: number;
  /** Probabilities of the score tokens, where votes are known. */
  readonly distribution: readonly number[] | null;
}

/** One picture with a question and an answer about it. */
export interface Example {
  readonly image: RgbImage;
  /** Holds one `<image>`. */
  readonly prompt: string;
  /** An answer template: `{name}` marks the position of the score of that name. */
  readonly answer: string;
  /** The picture's ratings by name. */
  readonly labels: Readonly<Record<string, Label>>;
}

/** What one forward and its loss take. Right-padded to the longest of its sequences, T tokens. */
export interface Batch {
  /** Its `rows` are the positions that predict a supervised token, sequence by sequence. */
  readonly input: MllmInput;
  /** The tokens that they predict: the answers, each with its end token. */
  readonly targets: readonly number[];
  /** The ratings of the strategy's slot tokens among `targets`, in their order. */
  readonly labels: readonly Label[];
}

/** Tokenises texts once each; a run has few of them. */
export class TextCache {
  readonly #prompts = new Map<string, readonly number[]>();
  readonly #answers = new Map<string, readonly number[]>();

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
}

/**
 * Makes a batch; its tensors belong to the caller's scope.
 *
 * There is no attention mask: padding is on the right, where causal attention never looks.
 * @throws RocError DATA_INVALID where an answer holds a score that the picture has no rating for
 */
export function collate(
  examples: readonly Example[],
  processor: MllmProcessor,
  strategy: Pick<Strategy, "write" | "slotIds">,
  texts: TextCache,
): Batch {
  const images = processor.batch(examples.map(({ image }) => image));
  const each = splitImages(images);
  const sequences = examples.map((example, b) => {
    const prompt = texts.prompt(example.prompt, each[b] as ImageBatch);
    return { prompt, ...answerOf(example, strategy, texts) };
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
    labels: strategy.slotIds.length > 0 ? sequences.flatMap(({ labels }) => labels) : [],
  };
}

/** The token ids of an example's answer with its end token, and the ratings of its placeholders. */
export function answerOf(
  example: Example,
  strategy: Pick<Strategy, "write">,
  texts: TextCache,
): { readonly ids: readonly number[]; readonly labels: readonly Label[] } {
  const labels = scoreNames(example.answer).map((name) => labelOf(example, name));
  const answer = fillSlots(
    example.answer,
    labels.map(({ score }) => strategy.write(score)),
  );
  return { ids: texts.answer(answer), labels };
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
