/** Plain greedy generation, without scores (for those: `roc/`). */
import { fromTypedArray, inferenceMode, scope, type Tensor } from "../torch/index.js";
import type { ImageBatch, Mllm } from "./types.js";

export interface GreedyStep {
  /** 0 for the first new token. */
  readonly index: number;
  /** `[1, hiddenSize]` and `[1, vocabSize]` that the token was chosen from; they live during the call only. */
  readonly hidden: Tensor;
  readonly logits: Tensor;
  readonly tokenId: number;
}

export interface GreedyOptions {
  readonly maxNewTokens: number;
  /** Any of these ends the text and is not part of it. */
  readonly stopIds: readonly number[];
  readonly onStep?: (step: GreedyStep) => void;
}

/**
 * The likeliest next token, again and again.
 *
 * @param inputIds of one sequence, placeholders expanded
 * @returns the new ids, without a stop id
 */
export function generate(
  model: Mllm,
  inputIds: readonly number[],
  images: ImageBatch | undefined,
  options: GreedyOptions,
): number[] {
  const { maxNewTokens, stopIds, onStep } = options;
  using cache = model.newCache();
  const generated: number[] = [];
  let input = inputIds;
  while (generated.length < maxNewTokens) {
    const index = generated.length;
    const tokenId = inferenceMode(() =>
      scope(() => {
        const ids = fromTypedArray(BigInt64Array.from(input, BigInt), [1, input.length], { device: model.device });
        const hidden = model.forward({ inputIds: ids, ...(index === 0 && images && { images }) }, cache).select(1, -1);
        const logits = model.logits(hidden);
        const chosen = logits.argmax().item();
        onStep?.({ index, hidden, logits, tokenId: chosen });
        return chosen;
      }),
    );
    if (stopIds.includes(tokenId)) break;
    generated.push(tokenId);
    input = [tokenId];
  }
  return generated;
}
