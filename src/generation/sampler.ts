/**
 * From logits to the next token: the processors of transformers' `generate` that this project offers, in its order
 * (repetition penalty, tokens that may not come next, temperature, top-k, top-p), then the likeliest token or a seeded draw.
 */
import { Random } from "../random.js";
import { aten, fromTypedArray, keep, scope, stack, tensor, zeros, type Tensor } from "../torch/index.js";
import { Forbidden, isForbidding } from "./forbidden.js";
import type { GenerationOptions, Sampling } from "./types.js";

const topk = aten("topk");
const sort = aten("sort");
const scatter = aten("scatter.src");
const indexFill = aten("index_fill.int_Scalar");
const searchsorted = aten("searchsorted.Tensor");
const markSeen = aten("scatter_.value");
const isFinite = aten("isfinite");
const allDim = aten("all.dim");

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

/** What was chosen for a batch. */
export interface Choice {
  /** One token a row. */
  readonly ids: readonly number[];
  /** Whether all logits of a row were finite; else its token means nothing. */
  readonly finite: readonly boolean[];
}

/**
 * Chooses the next tokens of a batch; remembers which tokens every row holds, and where its random numbers are. What it needs
 * on the device stays there, in the same tensors, so that a choice can be recorded with the forward before it.
 */
export class Sampler implements Disposable {
  /** `[batch, vocabSize]` bool */
  readonly #seen: Tensor | undefined;
  readonly #suppressed: Tensor | undefined;
  readonly #forbidden: Forbidden | undefined;
  /** `[batch, 1]`: the random numbers of the next choice. */
  readonly #numbers: Tensor | undefined;
  readonly #streams: readonly Random[];

  /** @param prompts ids outside of the vocabulary (placeholders of pictures) are no tokens */
  constructor(
    prompts: readonly (readonly number[])[],
    vocabSize: number,
    private readonly options: GenerationOptions,
    device = "cpu",
  ) {
    const { repetitionPenalty = 1, sampling, suppressIds = [] } = options;
    const seed = sampling?.seed ?? Math.floor(Math.random() * 2 ** 32);
    const kept = (make: () => Tensor): Tensor => keep(scope(make));
    this.#streams = sampling ? prompts.map((_, row) => new Random(seed + row, "generation")) : [];
    if (sampling) this.#numbers = kept(() => zeros([prompts.length, 1], { dtype: "float64", device }));
    if (suppressIds.length > 0) this.#suppressed = kept(() => tensor(suppressIds, { dtype: "int64", device }));
    if (isForbidding(options)) this.#forbidden = new Forbidden(prompts, vocabSize, options, device);
    if (repetitionPenalty !== 1) {
      const seen = new Uint8Array(prompts.length * vocabSize);
      prompts.forEach((ids, row) => {
        for (const id of ids) if (id >= 0 && id < vocabSize) seen[row * vocabSize + id] = 1;
      });
      this.#seen = kept(() => fromTypedArray(seen, [prompts.length, vocabSize], { dtype: "bool", device }));
    }
  }

  /** The next token of every row. Opens no scope. @param logits `[batch, vocabSize]`, left as they are */
  choose(logits: Tensor): readonly number[] {
    this.prepare();
    return this.read(this.pick(logits)).ids;
  }

  /** Draws the random numbers of the next {@link pick}, and finds what it may not choose. */
  prepare(): void {
    this.#forbidden?.prepare();
    const numbers = this.#numbers;
    if (numbers) scope(() => numbers.copy_(tensor(this.#streams.map((stream) => [stream.next()]), { dtype: "float64" }))); // prettier-ignore
  }

  /** What {@link read} takes, computed on the device alone: no number comes from here or goes there. */
  pick(logits: Tensor): Tensor {
    const { sampling } = this.options;
    const allowed = this.#process(logits);
    const chosen = sampling ? this.#draw(warp(allowed, sampling)) : allowed.argmax(-1);
    if (this.#seen) markSeen(this.#seen, 1, chosen.unsqueeze(1), 1);
    return stack([chosen, allDim(isFinite(logits), 1).to("int64")]);
  }

  /** In one transfer. */
  read(picked: Tensor): Choice {
    const numbers = picked.toNumbers();
    const rows = numbers.length / 2;
    this.#forbidden?.push(numbers.slice(0, rows));
    return { ids: numbers.slice(0, rows), finite: numbers.slice(rows).map((flag) => flag !== 0) };
  }

  [Symbol.dispose](): void {
    for (const kept of [this.#seen, this.#suppressed, this.#forbidden, this.#numbers]) kept?.dispose();
  }

  #process(logits: Tensor): Tensor {
    const { repetitionPenalty = 1 } = this.options;
    const penalized = this.#seen ? penalize(logits, this.#seen, repetitionPenalty) : logits;
    const allowed = this.#suppressed ? indexFill(penalized, 1, this.#suppressed, -Infinity) : penalized;
    return this.#forbidden?.apply(allowed) ?? allowed;
  }

  /** Where a row's random number falls in the cumulated probabilities of its tokens. */
  #draw(logits: Tensor): Tensor {
    const sums = logits.softmax(-1).to("float64").cumsum(-1);
    const points = (this.#numbers as Tensor).mul(sums.slice(-1, -1));
    // Rounded up, a point may be the sum itself.
    return searchsorted(sums, points, { right: true })
      .squeeze(1)
      .clamp(null, logits.size(-1) - 1);
  }
}
