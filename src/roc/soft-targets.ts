/**
 * DeQA's soft distribution (You et al., CVPR 2025; build_soft_labels/gen_soft_label.py with `density_type` "cdf"): a
 * rating's mean and deviation as the probabilities of a few evenly spaced scores.
 */
import { aten, fromTypedArray, scope } from "../torch/index.js";
import { sum } from "./reading.js";
import { RocError } from "../errors.js";
import type { ScoreVocabulary } from "./vocabulary.js";

/** Below so many steps between scores a deviation is none (DeQA's `thre_std`). */
const LEAST_STD = 0.2;
/** Steps by which an adjusted distribution may miss the mean (DeQA's `thre_diff`). */
const MOST_SHIFT = 0.1;
/** Steps from the middle of the scale within which the adjustment is that at this distance: at the middle it is 0/0. */
const MIDDLE = 1e-3;

/** A rating's mean and the standard deviation of its votes, on one scale. */
export interface SoftLabel {
  readonly mean: number;
  /** 0: unknown, or all agree. */
  readonly std: number;
}

/**
 * A rating as the N probabilities that the T_s are trained towards (DeQA-Score, CVPR 2025).
 *
 * The normal distribution of the given mean and deviation is integrated over the interval around each s_i, and its
 * probabilities are stretched and shifted linearly, so that they sum to 1 and keep the mean. Where that makes one negative
 * it becomes 0, and the others are divided by their sum, which moves the mean (DeQA leaves the sum above 1). A deviation below
 * a fifth of the step between two s_i, or a mean that DeQA would miss by more than a tenth of it, gives the two s_i around
 * the mean instead, the nearer one more.
 *
 * @param mean on the vocabulary's scale; beyond an end it counts as that end
 * @param std of the ratings on the same scale, from 0
 * @returns N probabilities, which sum to 1
 * @throws RocError DATA_INVALID where one is no finite number, or `std` is negative
 *
 * @example
 * ```ts
 * import { softTargets, vocabularyFromConfig } from "roc4mllm";
 *
 * const config = { score_id: 4, output_first_id: 5, output_last_id: 9, min_score: 1, max_score: 5 };
 * const vocabulary = vocabularyFromConfig(config);
 * if (vocabulary) console.log(softTargets(3, 1, vocabulary).map((p) => p.toFixed(2)).join()); // 0.05,0.25,0.41,0.25,0.05
 * ```
 *
 * @category The method
 */
export function softTargets(mean: number, std: number, { values }: Pick<ScoreVocabulary, "values">): number[] {
  return softRows([{ mean, std }], values)[0] ?? [];
}

/** {@link softTargets} of several ratings. @param values evenly spaced, lowest first, at least 2 */
export function softRows(labels: readonly SoftLabel[], values: readonly number[]): number[][] {
  const [first = 0, last = 1] = [values[0], values.at(-1)];
  const step = (last - first) / (values.length - 1);
  // In steps, with the lowest score at 0.
  const placed = labels.map(({ mean, std }) => {
    if (!Number.isFinite(mean) || !(std >= 0) || !Number.isFinite(std)) {
      throw new RocError("DATA_INVALID", `A rating of mean ${mean} and deviation ${std}; give finite numbers from 0.`);
    }
    return { mean: Math.min(values.length - 1, Math.max(0, (mean - first) / step)), std: std / step };
  });
  const middle = (values.length - 1) / 2;
  const probes = placed.map(({ mean, std }) => {
    const probe = Math.abs(mean - middle) < MIDDLE ? middle + MIDDLE : mean;
    return { mean: probe, std };
  });
  const [exact, probed] = [normalRows(placed, values.length), normalRows(probes, values.length)];
  return placed.map(({ mean, std }, row) => {
    const found =
      std < LEAST_STD ? undefined : adjusted(mean, exact[row] ?? [], probes[row]?.mean ?? 0, probed[row] ?? []);
    return found ?? between(mean, values.length);
  });
}

/**
 * `alpha * p + beta` with the mean of the label and the sum 1.
 *
 * @param probe a mean beside the middle, whose probabilities `probed` say alpha
 * @returns undefined where the mean is lost
 */
function adjusted(
  mean: number,
  exact: readonly number[],
  probe: number,
  probed: readonly number[],
): number[] | undefined {
  const middle = (exact.length - 1) / 2;
  const alpha = (probe - middle) / sum(probed.map((p, level) => p * (level - middle)));
  const beta = (1 - alpha * sum(exact)) / exact.length;
  const found = exact.map((p) => Math.max(0, alpha * p + beta));
  // As DeQA measures it, with its levels from 1 and before the sum is 1 again.
  const shift = sum(found.map((p, level) => p * (level + 1))) - (mean + 1);
  if (!(Math.abs(shift) <= MOST_SHIFT)) return undefined;
  const total = sum(found);
  return found.map((p) => p / total);
}

/** The two scores around the mean, or the one that it is. */
function between(mean: number, count: number): number[] {
  return Array.from({ length: count }, (_, level) => Math.max(0, 1 - Math.abs(mean - level)));
}

/** Probabilities of the intervals of width 1 around 0, 1, 2, ... */
function normalRows(labels: readonly SoftLabel[], count: number): number[][] {
  const bounds = labels.flatMap(({ mean, std }) =>
    Array.from({ length: count + 1 }, (_, level) => (level - 0.5 - mean) / Math.max(std, LEAST_STD)),
  );
  const below = normalBelow(bounds);
  return labels.map((_, row) =>
    Array.from({ length: count }, (__, level) => {
      const at = row * (count + 1) + level;
      return (below[at + 1] ?? 0) - (below[at] ?? 0);
    }),
  );
}

/** Probability that a standard normal variable is below each of some numbers, in double precision. */
export function normalBelow(bounds: readonly number[]): number[] {
  const values = Float64Array.from(bounds, (bound) => -bound * Math.SQRT1_2);
  return scope(() =>
    aten("erfc")(fromTypedArray(values, [values.length]))
      .mul(0.5)
      .toNumbers(),
  );
}
