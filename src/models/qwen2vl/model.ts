/**
 * Qwen2-VL (arXiv 2409.12191): pictures of any size as rows in the sequence of a Qwen2 decoder, whose positions have
 * three axes. Names are those of the public files.
 */
import { RocError } from "../../errors.js";
import {
  Decoder,
  insertRows,
  inverseFrequencies,
  KvCache,
  Params,
  ropeTable,
  sectionedRopeTable,
} from "../../nn/index.js";
import type { ParamSource, Rope } from "../../nn/index.js";
import { aten, fromTypedArray, scope, type Tensor } from "../../torch/index.js";
import { DecoderMllm } from "../common/decoder-mllm.js";
import type { Cache, CacheOptions, ImageBatch, Mllm, MllmInput } from "../types.js";
import { parseQwen2VlConfig, type Qwen2VlConfig } from "./config.js";
import { memoryName, qwen2VlName } from "./names.js";
import { positionsOf, type Positions } from "./positions.js";
import { Qwen2Vision } from "./vision.js";

const either = aten("logical_or");

/** Counts of positions run behind or ahead of those of tokens once a picture was seen, so each sequence has its own. */
class PositionCache extends KvCache {
  /** How far each sequence's positions are ahead of the number of tokens: the same after a step as before. */
  #ahead: readonly number[] = [];
  /** Tokens up to the end of the last picture. */
  picturesEnd = 0;

  /** Of each sequence: the position of its next token. */
  get next(): readonly number[] {
    return this.#ahead.map((ahead) => ahead + this.length);
  }

  set next(positions: readonly number[]) {
    this.#ahead = positions.map((position) => position - this.length);
  }

  /** The count goes on behind whole pictures only: their rows share positions. */
  override rewind(length: number): void {
    if (length > 0 && length < this.picturesEnd) {
      const remedy = `Give a length from ${this.picturesEnd} on, or 0 and the pictures once more.`;
      throw new RocError("USAGE", `rewind: length is ${length}, which is before the end of a picture. ${remedy}`);
    }
    const before = this.length;
    const forgotten = scope(() => this.real?.slice(1, length).sum(1).toNumbers());
    const behind = this.next;
    super.rewind(length);
    this.next = length === 0 ? [] : behind.map((next, b) => next - (forgotten?.[b] ?? before - length));
    if (length === 0) this.picturesEnd = 0;
  }

  protected override nextPositions(): readonly number[] {
    return this.next;
  }
}

export class Qwen2VlModel extends DecoderMllm implements Mllm {
  readonly family = "qwen2_vl";
  readonly #vision: Qwen2Vision;
  readonly #frequencies: Float32Array;

  /** Asks `source` for every parameter; see {@link createQwen2Vl}. */
  constructor(
    private readonly parsed: Qwen2VlConfig,
    source: ParamSource,
  ) {
    const root = new Params(source);
    const vision = new Qwen2Vision(root.at("visual"), parsed.vision);
    const decoder = new Decoder(root.at("model"), root, parsed.text);
    const text = parsed.raw["text_config"];
    super({ config: parsed.raw, decoder, tensors: root.tensors, nested: typeof text === "object" && text !== null });
    this.#vision = vision;
    this.#frequencies = inverseFrequencies(parsed.text.headDim, parsed.text.ropeTheta);
  }

  get placeholderIds(): readonly number[] {
    return [this.parsed.imageTokenId, this.parsed.videoTokenId];
  }

  forward(input: MllmInput, cache?: Cache): Tensor {
    if (cache !== undefined && !(cache instanceof PositionCache)) {
      throw new RocError("USAGE", "forward: the cache is not one of this model's newCache().");
    }
    const embeddings = this.embed(input, cache);
    // The cache knows the positions of its steps by itself.
    if (cache?.takesStep(input.inputIds.size(1), input.attentionMask) && !input.images) {
      return this.decoder.forward(embeddings, { cache, rows: input.rows });
    }
    const { rope, next, picturesEnd } = this.#turns(input, cache);
    const { attentionMask, rows } = input;
    const hidden = this.decoder.forward(embeddings, { attentionMask, cache, rows, ...(rope && { rope }) });
    if (cache) {
      if (picturesEnd > 0) cache.picturesEnd = cache.length - input.inputIds.size(1) + picturesEnd;
      cache.next = next;
    }
    return hidden;
  }

  /** What the decoder's first layer sees: embeddings with the images in place, `[batch, T, hiddenSize]`. */
  embed({ inputIds, images }: MllmInput, cache?: Cache): Tensor {
    const embeddings = this.decoder.vocabulary.embed(this.here(inputIds));
    if (images === undefined && cache !== undefined && cache.length > 0) return embeddings;
    const { imageTokenId, videoTokenId } = this.parsed;
    const placeholders = either(inputIds.eq(imageTokenId), inputIds.eq(videoTokenId));
    return insertRows(embeddings, placeholders, this.features(images));
  }

  imageFeatures({ pixelValues, imageGridThw }: ImageBatch): Tensor {
    if (!imageGridThw) throw new RocError("USAGE", "Qwen2-VL's images need a grid: imageGridThw (image_grid_thw).");
    return this.#vision.forward(this.here(pixelValues, this.dtype), imageGridThw);
  }

  /** 0 for padding. Text follows its pictures as transformers 5.18 places it. */
  positionIds(input: MllmInput): Tensor {
    const [batch = 0, T = 0] = input.inputIds.shape;
    return fromTypedArray(this.#positions(input).values, [3, batch, T], { dtype: "int64" });
  }

  override newCache(options?: CacheOptions): Cache {
    return new PositionCache(options);
  }

  parameterName(name: string): string {
    return qwen2VlName(name);
  }

  transformersName(name: string): string {
    return memoryName(name);
  }

  /**
   * The rotary factors of an input's tokens, and where its sequences continue. Without pictures, now or in the cache,
   * positions are the plain count that the decoder makes by itself.
   */
  #turns(input: MllmInput, cache: PositionCache | undefined): Omit<Positions, "values"> & { rope?: Rope } {
    const starts = cache && cache.length > 0 ? cache.next : undefined;
    const [batch = 0, T = 0] = input.inputIds.shape;
    if (!input.images && !starts && !cache) return { next: [], picturesEnd: 0 };
    if (!input.images && !starts && !input.attentionMask)
      return { next: new Array<number>(batch).fill(T), picturesEnd: 0 };
    const { values, ...places } = this.#positions(input, starts);
    if (!input.images && !starts) return places;
    return { rope: this.#table(values, [batch, T], input.images !== undefined), ...places };
  }

  /** Without pictures the axes are alike, and one is enough. */
  #table(values: Int32Array, [batch, T]: readonly [number, number], hasAxes: boolean): Rope {
    const { device, dtype } = this;
    if (hasAxes) {
      const positions = fromTypedArray(values, [3, batch, T], { device });
      return sectionedRopeTable(positions, this.#frequencies, this.parsed.sections, dtype);
    }
    return ropeTable(fromTypedArray(values.subarray(0, batch * T), [batch, T], { device }), this.#frequencies, dtype);
  }

  #positions({ inputIds, attentionMask, images }: MllmInput, starts?: readonly number[]): Positions {
    const { imageTokenId, videoTokenId, vision } = this.parsed;
    const real = attentionMask && rowsOf(attentionMask);
    const isVisual = (id: number): boolean => images !== undefined && (id === imageTokenId || id === videoTokenId);
    // Where there are no pictures the ids do not matter.
    const [batch = 0, T = 0] = inputIds.shape;
    const ids = images ? rowsOf(inputIds) : Array.from({ length: batch }, () => new Array<number>(T).fill(0));
    return positionsOf({ ids, real, grids: images?.imageGridThw ?? [] }, { isVisual, merge: vision.merge, starts });
  }
}

function rowsOf(matrix: Tensor): number[][] {
  const [values, T] = [matrix.toNumbers(), matrix.size(1)];
  return Array.from({ length: matrix.size(0) }, (_, b) => values.slice(b * T, (b + 1) * T));
}

/**
 * A Qwen2-VL model with parameters of any source: `createQwen2Vl(config, randomSource({ seed: 1 }))` is a fresh one.
 *
 * @param config a parsed `config.json`
 * @throws RocError CONFIG_INVALID; what the source throws
 */
export function createQwen2Vl(config: unknown, source: ParamSource): Qwen2VlModel {
  return new Qwen2VlModel(parseQwen2VlConfig(config), source);
}
