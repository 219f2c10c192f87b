/**
 * From logits to the next token: the processors of transformers' `generate` that this project offers, in its order
 * (repetition penalty, suppressed tokens, temperature, top-k, top-p), then the likeliest token or a seeded draw.
 */
import { Random } from "../random.js";
import { aten, fromTypedArray, tensor, type Tensor } from "../torch/index.js";
import type { GenerationOptions, Sampling } from "./types.js";

const topk = aten("topk");
const sort = aten("sort");
const scatter = aten("scatter.src");
const indexFill = aten("index_fill.int_Scalar");
const searchsorted = aten("searchsorted.Tensor");

/** Divides positive logits of `seen` tokens by `penalty` and multiplies negative ones (CTRL, arXiv 1909.05858). */
export function penalize(logits: Tensor, seen: Tensor, penalty: number): Tensor {
  return logits.mul(penalty).where(logits.lt(0), logits.div(penalty)).where(seen, logits);
}

/** -Infinity for all tokens of a row that are less likely than its k-th. @param logits `[batch, vocabSize]` */
export function keepTopK(logits: Tensor, k: number): Tensor {
  const [best] = topk(logits, Math.min(k, logits.size(-1)), -1);
  return logits.maskedFill(logits.lt(best.slice(-1, -1)), -Infinity);
}

/**
 * -Infinity for the unlikely tokens of a row that together have no more than `1 - p` of its probability; the likeliest
 * one always stays (nucleus sampling, arXiv 1904.09751).
 */
export function keepTopP(logits: Tensor, p: number): Tensor {
  const [sorted, order] = sort(logits, -1, false);
  const unlikely = sorted
    .softmax(-1)
    .cumsum(-1)
    .le(1 - p);
  unlikely.slice(-1, -1).fill_(0);
  return logits.maskedFill(scatter(unlikely, 1, order, unlikely), -Infinity);
}

/** Temperature, top-k, top-p. @param logits `[batch, vocabSize]` */
export function warp(logits: Tensor, { temperature = 1, topK, topP = 1 }: Sampling): Tensor {
  const tempered = temperature === 1 ? logits : logits.div(temperature);
  const likely = topK === undefined ? tempered : keepTopK(tempered, topK);
  return topP < 1 ? keepTopP(likely, topP) : likely;
}

/** Chooses the next tokens of a batch; remembers which tokens every row holds, and where its random numbers are. */
export class Sampler {
  readonly #seen: Uint8Array | undefined;
  readonly #streams: readonly Random[];

  /** @param prompts ids outside of the vocabulary (placeholders of pictures) are no tokens */
  constructor(
    prompts: readonly (readonly number[])[],
    private readonly vocabSize: number,
    private readonly options: GenerationOptions,
  ) {
    const { repetitionPenalty = 1, sampling } = options;
    const seed = sampling?.seed ?? Math.floor(Math.random() * 2 ** 32);
    this.#streams = sampling ? prompts.map((_, row) => new Random(seed + row, "generation")) : [];
    this.#seen = repetitionPenalty === 1 ? undefined : new Uint8Array(prompts.length * vocabSize);
    prompts.forEach((ids, row) => ids.forEach((id) => this.#see(row, id)));
  }

  /** The next token of every row. Opens no scope. @param logits `[batch, vocabSize]`, left as they are */
  choose(logits: Tensor): number[] {
    const { sampling } = this.options;
    const allowed = this.#process(logits);
    const chosen = (sampling ? this.#draw(warp(allowed, sampling)) : allowed.argmax(-1)).toNumbers();
    chosen.forEach((id, row) => this.#see(row, id));
    return chosen;
  }

  #process(logits: Tensor): Tensor {
    const { repetitionPenalty = 1, suppressIds = [] } = this.options;
    const { device } = logits;
    const seen = this.#seen && fromTypedArray(this.#seen, logits.shape, { dtype: "bool", device });
    const penalized = seen ? penalize(logits, seen, repetitionPenalty) : logits;
    if (suppressIds.length === 0) return penalized;
    return indexFill(penalized, 1, tensor(suppressIds, { dtype: "int64", device }), -Infinity);
  }

  /** Where a row's next random number falls in the cumulated probabilities of its tokens. */
  #draw(logits: Tensor): Tensor {
    const sums = logits.softmax(-1).to("float64").cumsum(-1);
    const numbers = this.#streams.map((stream) => [stream.next()]);
    const points = tensor(numbers, { dtype: "float64", device: logits.device }).mul(sums.slice(-1, -1));
    return searchsorted(sums, points, { right: true }).squeeze(1);
  }

  #see(row: number, id: number): void {
    if (this.#seen && id >= 0 && id < this.vocabSize) this.#seen[row * this.vocabSize + id] = 1;
  }
}
