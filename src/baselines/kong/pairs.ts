/** Which pictures of a batch are compared, and by how much the better ones are behind (Kong et al., ECCV 2016, equation 2). */
import { fromTypedArray, type Tensor } from "../../torch/index.js";
import type { RatedPair } from "../common/attributes.js";
import { noLoss } from "../common/losses.js";

/** A pair of rows, the better one first. */
type Pair = readonly [better: number, worse: number];

/** Pairs whose ratings lie apart by `gap` or more, and those of one rater, of different ratings. */
export function comparedPairs(
  ratings: readonly number[],
  gap: number,
  raters?: readonly (readonly string[])[],
): Pair[] {
  const sharesRater = (a: number, b: number): boolean => raters?.[a]?.some((one) => raters[b]?.includes(one)) ?? false;
  // Half a step of float32, so that a gap that is one by the ratings' decimals counts.
  const least = gap - 1e-6;
  return ratings.flatMap((rating, a) =>
    ratings.flatMap((other, b) =>
      rating > other && (rating - other >= least || sharesRater(a, b)) ? [[a, b] as const] : [],
    ),
  );
}

/** Mean over the pairs of half of what is missing of `margin`; 0 where nothing is compared. */
export function pairLoss({ predicted }: RatedPair, pairs: readonly Pair[], margin: number): Tensor {
  if (pairs.length === 0) return noLoss(predicted);
  const rows = (side: 0 | 1): Tensor => {
    const index = BigInt64Array.from(pairs, (pair) => BigInt(pair[side]));
    return predicted.indexSelect(0, fromTypedArray(index, [pairs.length], { device: predicted.device }));
  };
  return rows(1).sub(rows(0)).add(margin).relu().mean().mul(0.5);
}
