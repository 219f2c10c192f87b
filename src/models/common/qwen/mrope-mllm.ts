/**
 * What Qwen's families have in common as models: pictures of any size as rows in the sequence of a decoder, whose positions
 * have three axes (M-RoPE: arXiv 2409.12191).
 */
import { RocError } from "../../../errors.js";
import { insertRows, interleavedRopeTable, ropeTable, sectionedRopeTable } from "../../../nn/index.js";
import type { Decoder, Rope } from "../../../nn/index.js";
import { aten, fromTypedArray, type Tensor } from "../../../torch/index.js";
import type { Cache, CacheOptions, ImageBatch, MllmInput } from "../../types.js";
import { DecoderMllm, type DecoderMllmParts, type LanguageDecoder, type LanguageOptions } from "../decoder-mllm.js";
import type { VisualTokens } from "./config.js";
import { PositionCache } from "./position-cache.js";
import { positionsOf, type Grid, type Positions } from "./positions.js";

const either = aten("logical_or");

/** A vision tower of pictures in any shape. */
export interface GridVision {
  /**
   * @param patches `[patches, values per patch]` of all pictures, block by block
   * @param grids of each picture or video
   * @returns `[rows, width]`: the pictures' rows in order; see {@link MropeMllm.insert} for rows that are wider than the
   *   decoder's
   * @throws RocError USAGE where patches and grids do not go together
   */
  forward(patches: Tensor, grids: readonly Grid[]): Tensor;
}

export interface MropeMllmParts<D extends LanguageDecoder> extends DecoderMllmParts<D> {
  readonly vision: GridVision;
  readonly tokens: VisualTokens;
  /** Patches a side that make one row of the language model. */
  readonly merge: number;
  /** The frames of a video are placed as pictures of their own, with text between (Qwen3-VL, Qwen3.5); default: as one. */
  readonly framesApart?: boolean;
}

/** What the decoder's first layer sees, and what else its forward gets of the pictures. */
export interface Embedded {
  /** `[batch, T, hiddenSize]` */
  readonly embeddings: Tensor;
  readonly options?: LanguageOptions;
}

export abstract class MropeMllm<D extends LanguageDecoder = Decoder> extends DecoderMllm<D> {
  readonly #vision: GridVision;
  readonly #tokens: VisualTokens;
  readonly #merge: number;
  readonly #framesApart: boolean;

  constructor({ vision, tokens, merge, framesApart = false, ...parts }: MropeMllmParts<D>) {
    super(parts);
    this.#vision = vision;
    this.#tokens = tokens;
    this.#merge = merge;
    this.#framesApart = framesApart;
  }

  get placeholderIds(): readonly number[] {
    return [this.#tokens.imageTokenId, this.#tokens.videoTokenId];
  }

  forward(input: MllmInput, cache?: Cache): Tensor {
    if (cache !== undefined && !(cache instanceof PositionCache)) {
      throw new RocError("USAGE", "forward: the cache is not one of this model's newCache().");
    }
    const { embeddings, options } = this.embed(input, cache);
    // The cache knows the positions of its steps by itself.
    if (cache?.takesStep(input.inputIds.size(1), input.attentionMask) && !input.images) {
      return this.decoder.forward(embeddings, { cache, rows: input.rows });
    }
    const { rope, next, picturesEnd } = this.#turns(input, cache);
    const { attentionMask, rows } = input;
    const mark = picturesEnd > 0 ? picturesEnd : undefined;
    const given = { ...options, attentionMask, cache, rows, mark, ...(rope && { rope }) };
    const hidden = this.decoder.forward(embeddings, given);
    if (cache) {
      if (picturesEnd > 0) cache.picturesEnd = cache.length - input.inputIds.size(1) + picturesEnd;
      cache.next = next;
    }
    return hidden;
  }

  imageFeatures({ pixelValues, imageGridThw }: ImageBatch): Tensor {
    if (!imageGridThw) throw new RocError("USAGE", "This model's images need a grid: imageGridThw (image_grid_thw).");
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

  /**
   * The rotary factors of positions.
   *
   * @param positions `[3, batch, T]`, or `[1, batch, T]` where the axes are alike; int32
   */
  protected abstract rope(positions: Tensor): Rope;

  /**
   * The pictures put where their placeholders are. Families whose pictures also reach later layers override it: their tower
   * gives wider rows (so that features computed before hold all of it), of which the first `hiddenSize` columns go here.
   *
   * @param placeholders `[batch, T]` bool, on the CPU
   * @param features what the tower gave; undefined: there are none
   */
  protected insert(embeddings: Tensor, placeholders: Tensor, features: Tensor | undefined): Embedded {
    return { embeddings: insertRows(embeddings, placeholders, features) };
  }

  /**
   * How many positions the frames of a video are apart.
   *
   * @param _seconds that a grid of frames lasts; undefined: nobody says
   */
  protected frameStep(_seconds: number | undefined): number {
    return 1;
  }

  /** What the decoder's first layer sees: embeddings with the images in place; and what goes on to later layers. */
  embed({ inputIds, images }: MllmInput, cache?: Cache): Embedded {
    const embeddings = this.decoder.vocabulary.embed(this.here(inputIds));
    if (images === undefined && cache !== undefined && cache.length > 0) return { embeddings };
    const { imageTokenId, videoTokenId } = this.#tokens;
    const placeholders = either(inputIds.eq(imageTokenId), inputIds.eq(videoTokenId));
    return this.insert(embeddings, placeholders, this.features(images));
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
    // Without pictures the axes are alike, and one is enough.
    const axes = input.images ? 3 : 1;
    const positions = fromTypedArray(values.subarray(0, axes * batch * T), [axes, batch, T], { device: this.device });
    return { rope: this.rope(positions), ...places };
  }

  #positions({ inputIds, attentionMask, images }: MllmInput, starts?: readonly number[]): Positions {
    const { imageTokenId, videoTokenId } = this.#tokens;
    const real = attentionMask && rowsOf(attentionMask);
    const isVisual = (id: number): boolean => images !== undefined && (id === imageTokenId || id === videoTokenId);
    // Where there are no pictures the ids do not matter.
    const [batch = 0, T = 0] = inputIds.shape;
    const ids = images ? rowsOf(inputIds) : Array.from({ length: batch }, () => new Array<number>(T).fill(0));
    const isFilm = (id: number): boolean => this.#framesApart && id === videoTokenId;
    const frameStep = (id: number, picture: number): number =>
      id === videoTokenId ? this.frameStep(images?.secondsPerGrid?.[picture]) : 1;
    const grids = images?.imageGridThw ?? [];
    return positionsOf({ ids, real, grids }, { isVisual, isFilm, frameStep, merge: this.#merge, starts });
  }
}

/** Rotary factors of positions by a table of several axes; arguments as of the table. */
type AxesRope = typeof sectionedRopeTable;

/** Where the axes are alike, one is enough. */
function withOneAxis(table: AxesRope): AxesRope {
  return (positions, frequencies, sections, dtype) =>
    positions.size(0) > 1
      ? table(positions, frequencies, sections, dtype)
      : ropeTable(positions.select(0, 0), frequencies, dtype);
}

/** Frequencies that turn with the axes section by section (Qwen2-VL, Qwen2.5-VL); for {@link MropeMllm.rope}. */
export const sectionedRope = withOneAxis(sectionedRopeTable);

/** Frequencies whose axes take turns (Qwen3-VL, Qwen3.5); for {@link MropeMllm.rope}. */
export const interleavedRope = withOneAxis(interleavedRopeTable);

function rowsOf(matrix: Tensor): number[][] {
  const [values, T] = [matrix.toNumbers(), matrix.size(1)];
  return Array.from({ length: matrix.size(0) }, (_, b) => values.slice(b * T, (b + 1) * T));
}
