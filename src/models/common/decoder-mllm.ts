/** What the families' models have in common: a decoder with a vocabulary, and all that follows from it. */
import { Decoder, disposeParameters, KvCache } from "../../nn/index.js";
import { uploaded, type DType, type Tensor } from "../../torch/index.js";
import type { Cache, CacheOptions, ImageBatch } from "../types.js";

/** What a forward of a decoder takes beside the embeddings; decoders of families may take more. */
export type LanguageOptions = Parameters<Decoder["forward"]>[1];

/** What the models need of a decoder: that of LLaMA and Qwen2, or a family's own. */
export interface LanguageDecoder extends Pick<Decoder, "vocabulary" | "norm"> {
  forward(embeddings: Tensor, options?: LanguageOptions): Tensor;
}

export interface DecoderMllmParts<D extends LanguageDecoder = Decoder> {
  /** The checkpoint's `config.json`, which the model keeps true. */
  readonly config: Record<string, unknown>;
  readonly decoder: D;
  /** Every parameter, by the name that the model asked for. */
  readonly tensors: Map<string, Tensor>;
  /** `vocab_size` is in the config's `text_config`; some files repeat it at the top. */
  readonly nested: boolean;
  /** What that is called where it is not `text_config`. */
  readonly textKey?: string;
}

export abstract class DecoderMllm<D extends LanguageDecoder = Decoder> {
  readonly config: Record<string, unknown>;
  /** For callers that want to look inside. */
  readonly decoder: D;
  readonly hiddenSize: number;
  readonly dtype: DType;
  readonly device: string;
  protected readonly tensors: Map<string, Tensor>;
  readonly #nested: boolean;
  readonly #textKey: string;

  constructor({ config, decoder, tensors, nested, textKey = "text_config" }: DecoderMllmParts<D>) {
    this.config = config;
    this.decoder = decoder;
    this.tensors = tensors;
    this.#nested = nested;
    this.#textKey = textKey;
    const { shape, dtype, device } = decoder.norm.weight;
    this.hiddenSize = shape[0] ?? 0;
    this.dtype = dtype;
    this.device = device;
    this.#writeVocabSize();
  }

  get vocabSize(): number {
    return this.decoder.vocabulary.size;
  }

  get maxPositions(): number | undefined {
    const text = this.config[this.#textKey];
    const fields: Record<string, unknown> = { ...this.config, ...(typeof text === "object" ? text : {}) };
    const positions = fields["max_position_embeddings"];
    return typeof positions === "number" && positions > 0 ? positions : undefined;
  }

  logits(hidden: Tensor, rows?: readonly number[]): Tensor {
    return this.decoder.vocabulary.logits(hidden, rows);
  }

  newCache(options?: CacheOptions): Cache {
    return new KvCache(options);
  }

  parameters(): Map<string, Tensor> {
    return new Map(this.tensors);
  }

  growVocabulary(ids: readonly number[], realRows: number): void {
    this.decoder.vocabulary.grow(ids, realRows);
    this.#writeVocabSize();
  }

  dispose(): void {
    disposeParameters(this.tensors.values());
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  abstract imageFeatures(images: ImageBatch): Tensor;

  /** The rows of an input's pictures: those that came with them, else computed. */
  protected features(images: ImageBatch | undefined): Tensor | undefined {
    return images && (images.features ?? this.imageFeatures(images));
  }

  /** The tensor on the model's device, in its own dtype or in `dtype`. */
  protected here(tensor: Tensor, dtype?: DType): Tensor {
    return uploaded(tensor, { device: this.device, ...(dtype && { dtype }) });
  }

  #writeVocabSize(): void {
    const { config, vocabSize: vocab_size } = this;
    const text = config[this.#textKey];
    if (this.#nested) config[this.#textKey] = { ...(typeof text === "object" ? text : {}), vocab_size };
    if (!this.#nested || "vocab_size" in config) config["vocab_size"] = vocab_size;
  }
}
