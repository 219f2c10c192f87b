/**
 * Pictures that are asked several things. The vision part runs once; of every text, the model computes only what follows
 * the part that its cache holds already.
 */
import { beginning, RocError } from "../errors.js";
import { decodingOf, generate, type GeneratedSequence, type GenerationOptions } from "../generation/index.js";
import type { Cache, ImageBatch, Mllm, MllmProcessor } from "../models/types.js";
import { inferenceMode, keep, scope, type Tensor } from "../torch/index.js";
import { idTensor } from "./ids.js";
import { promptImages, rowsPerImage } from "./images.js";
import { checkPositions } from "./positions.js";

/**
 * What the model reads for one picture: prompt and answer, or the beginning of it.
 *
 * @category The method
 */
export interface PictureText {
  /** Token ids, image placeholders expanded. */
  readonly ids: readonly number[];
  /** Positions whose hidden states are wanted. */
  readonly at: readonly number[];
}

interface PicturesOptions {
  readonly once?: boolean;
  readonly fixed?: boolean;
  readonly states?: boolean;
  readonly each?: number;
  readonly check?: (() => void) | undefined;
}

/** Padding among the tokens of a cache. */
const PADDING = -1;

/**
 * A batch of pictures and what a model remembers of them.
 *
 * @category The method
 */
export class Pictures {
  readonly #model: Mllm;
  readonly #images: ImageBatch;
  readonly #each: number;
  readonly #cache: Cache | undefined;
  /** The tokens in the cache, `[picture][position]`. */
  #held: readonly (readonly number[])[];
  readonly #check: PicturesOptions["check"];
  #features: Tensor | undefined;
  /** Rows of {@link hidden} by picture and position, where they are kept. */
  readonly #states: Map<number, Float32Array<ArrayBuffer>>[] | undefined;

  /**
   * @param images stay the caller's, alive as long as this
   * @param options.once nothing is remembered: for one text of each picture
   * @param options.each pictures that each text is about, in reading order; default 1: what is said of a picture then holds of a
   *   set of them
   * @param options.states whether {@link state} is asked for
   * @param options.check called after every token that is written, to end it by what it throws
   * @param options.fixed the cache has a capacity, so that generation can be recorded; default: where it can be
   */
  constructor(model: Mllm, images: ImageBatch, options: PicturesOptions = {}) {
    const { once = false, states = false, each = 1, fixed = decodingOf(model.device, Infinity).fixed } = options;
    this.#model = model;
    this.#check = options.check;
    this.#images = images;
    this.#each = each;
    this.#cache = once ? undefined : model.newCache(fixed ? { capacity: 1 } : {});
    this.#held = this.#none();
    this.#states = states ? this.#none().map(() => new Map<number, Float32Array<ArrayBuffer>>()) : undefined;
  }

  /** How many there are. */
  get count(): number {
    return rowsPerImage(this.#images).length / this.#each;
  }

  /**
   * Token ids of a prompt about each of them.
   *
   * @param checked whether it has to fit: false where the caller says what does not
   * @throws RocError USAGE where it has more than the model's positions; IMAGE_TOO_LARGE where only a picture has too many
   */
  prompts(processor: MllmProcessor, prompt: string, checked = true): number[][] {
    const prompts = promptImages(this.#images, this.#each).map((image) => processor.prompt(prompt, image));
    if (!checked) return prompts;
    checkPositions(this.#model, prompts, 0, (longest) => {
      const what = `The prompt has ${longest} tokens with the picture's, and the model ${this.#model.maxPositions} positions`;
      const text = JSON.stringify(beginning(prompt.replace("<image>", "").trim()));
      return new RocError("USAGE", `${what}. Shorten it (${text}), or what --text puts into it.`);
    });
    return prompts;
  }

  /**
   * Hidden states at the texts' positions, `[positions of all texts, hiddenSize]`, by one forward. Inside the caller's
   * scope and `inferenceMode()`.
   *
   * @param texts one a picture; where they end at different positions, the shorter ones are padded
   */
  hidden(texts: readonly PictureText[]): Tensor {
    const { held, behind } = this.#rewind(texts);
    const width = Math.max(...behind.map((ids) => ids.length));
    const padding = behind.map((ids) => new Array<number>(width - ids.length).fill(PADDING));
    const rows = texts.flatMap(({ ids, at }, b) => {
      const skipped = ids.length - (behind[b]?.length ?? 0);
      return at.map((position) => b * width + position - skipped);
    });
    // Padded at the end, where a causal model does not look: a mask is for those who continue behind the padding.
    const fresh = behind.map((ids, b) => [...ids, ...(padding[b] ?? [])]);
    const shape = [fresh.length, width];
    const mask = this.#cache !== undefined &&
      padding.some(({ length }) => length > 0) && {
        attentionMask: idTensor(
          fresh.flat().map((id) => Number(id !== PADDING)),
          "cpu",
          shape,
        ),
      };
    const inputIds = idTensor(
      fresh.flat().map((id) => (id === PADDING ? 0 : id)),
      "cpu",
      shape,
    );
    const images = this.#imagesBehind(held);
    this.#cache?.reserve?.((held[0]?.length ?? 0) + width);
    const hidden = this.#model.forward({ inputIds, rows, ...mask, ...(images && { images }) }, this.#cache);
    if (this.#cache) this.#held = held.map((ids, b) => [...ids, ...(fresh[b] ?? [])]);
    this.#keepStates(hidden, texts);
    return hidden;
  }

  /**
   * The hidden state that was computed last at a position of a picture's text, of `hiddenSize` numbers; undefined where
   * none was, or none is kept.
   */
  state(picture: number, position: number): Float32Array<ArrayBuffer> | undefined {
    return this.#states?.[picture]?.get(position);
  }

  #keepStates(hidden: Tensor, texts: readonly PictureText[]): void {
    if (!this.#states) return;
    const [size, values] = [this.#model.hiddenSize, hidden.toFloat32Array()];
    let row = 0;
    texts.forEach(({ at }, b) => {
      for (const position of at) this.#states?.[b]?.set(position, values.slice(row * size, ++row * size));
    });
  }

  /** Has the model write on behind `texts`, one a picture. What it writes is not remembered. */
  generate(texts: readonly (readonly number[])[], options: Omit<GenerationOptions, "cache">): GeneratedSequence[] {
    const { held, behind } = this.#rewind(texts.map((ids) => ({ ids, at: [ids.length - 1] })));
    const images = inferenceMode(() => scope(() => this.#imagesBehind(held)));
    checkPositions(this.#model, behind, 0, (longest) => {
      const what = `The prompt and what is written behind it have ${longest} tokens with the picture's`;
      return new RocError("USAGE", `${what}, and the model ${this.#model.maxPositions} positions. Shorten it.`);
    });
    const prompts = behind.map((ids, b) => ({ ids, seen: texts[b], ...(images && b === 0 && { images }) }));
    const width = Math.max(...behind.map((ids) => ids.length));
    const start = held[0]?.length ?? 0;
    this.#cache?.reserve?.(start + width);
    const { maxPositions: maxLength } = this.#model;
    const sequences = generate(this.#model, prompts, {
      maxLength,
      ...options,
      ...(this.#cache && { cache: this.#cache }),
      onStep: (step) => {
        options.onStep?.(step);
        this.#check?.();
      },
    });
    if (this.#cache) {
      // A forward of one token leaves no state to go back to.
      const end = this.#cache.rewindable?.(start + width) ?? start + width;
      this.#cache.rewind(end);
      // As generation pads.
      const padded = (ids: readonly number[]): number[] => [
        ...new Array<number>(width - ids.length).fill(PADDING),
        ...ids,
      ];
      this.#held = held.map((ids, b) => [...ids, ...padded(behind[b] ?? [])].slice(0, end));
    }
    return sequences;
  }

  /** Frees what is remembered. Twice is harmless. */
  dispose(): void {
    this.#cache?.dispose();
    this.#features?.dispose();
    this.#features = undefined;
    this.#held = this.#none();
  }

  /** {@link dispose} at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #none(): number[][] {
    return Array.from({ length: this.count }, () => []);
  }

  /**
   * Cuts the cache to what all texts begin with, before the first wanted position and not within the pictures.
   *
   * @returns the tokens that are left in it, and those of each text that follow
   */
  #rewind(texts: readonly PictureText[]): { held: readonly (readonly number[])[]; behind: readonly number[][] } {
    const lengths = texts.map(({ ids, at }, b) => sharedLength(this.#held[b] ?? [], ids, Math.min(...at)));
    const shared = Math.min(...lengths);
    const ends = this.#held.map((ids) => ids.findLastIndex((id) => this.#model.placeholderIds.includes(id)) + 1);
    const kept = this.#cache?.rewindable?.(shared) ?? shared;
    const length = ends.every((end) => kept >= end) ? kept : 0;
    const held = this.#held.map((ids) => ids.slice(0, length));
    // Until the forward has succeeded, the cache counts as empty.
    this.#held = this.#none();
    this.#cache?.rewind(length);
    return {
      held,
      behind: texts.map(({ ids }, b) => ids.slice((held[b] ?? []).filter((id) => id !== PADDING).length)),
    };
  }

  /** What a forward behind `held` needs: the pictures, unless they are in the cache. */
  #imagesBehind([held = []]: readonly (readonly number[])[]): ImageBatch | undefined {
    if (held.length > 0) return undefined;
    if (!this.#cache) return this.#images;
    this.#features ??= keep(this.#model.imageFeatures(this.#images));
    return { ...this.#images, features: this.#features };
  }
}

/** Pictures that were read before, or a batch that is read by `body` only. Inside `inferenceMode()` and a scope. */
export function withPictures<T>(
  model: Mllm,
  pictures: ImageBatch | Pictures,
  body: (pictures: Pictures) => T,
  options?: PicturesOptions,
): T {
  return inferenceMode(() =>
    scope(() => {
      if (pictures instanceof Pictures) return body(pictures);
      using own = new Pictures(model, pictures, options);
      return body(own);
    }),
  );
}

/** Positions of a cache that hold nothing but the first tokens of `ids`, and no more than `most` of them. */
function sharedLength(held: readonly number[], ids: readonly number[], most: number): number {
  let count = 0;
  for (const [position, id] of held.entries()) {
    if (id === PADDING) continue;
    if (count >= most || ids[count] !== id) return position;
    count += 1;
  }
  return held.length;
}
