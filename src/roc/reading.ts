/** A score read from the logits of the score tokens (Eq. 5). */
import type { Scale, ScoreVocabulary } from "./vocabulary.js";

/**
 * A score as it was read from an answer.
 *
 * @category The method
 */
export interface ScoreReading {
  /** Expected value of {@link distribution}, on the vocabulary's scale. */
  readonly value: number;
  /** Standard deviation of {@link distribution}; null where there is none (a score written as digits). */
  readonly std: number | null;
  /** Probability of each s_i, N of them, summing to 1; null where there is none (a score written as digits). */
  readonly distribution: readonly number[] | null;
}

/**
 * A score read from logits (Eq. 5): with its distribution.
 *
 * @category The method
 */
export interface LogitReading extends ScoreReading {
  /** Standard deviation of {@link distribution}, in units of the vocabulary's scale. */
  readonly std: number;
  /** Probability of each s_i, N of them, summing to 1. */
  readonly distribution: readonly number[];
}

/**
 * Eq. 5 on the raw logits of the T_s (as the released code; the equation as printed exponentiates probabilities).
 *
 * In double precision whatever the model's dtype, so that reading adds no rounding of its own.
 *
 * @param logits finite numbers, see `checkFinite()`
 */
export function readScore(logits: ArrayLike<number>, { values }: Pick<ScoreVocabulary, "values">): LogitReading {
  const numbers = Array.from(logits);
  const top = Math.max(...numbers);
  const weights = numbers.map((logit) => Math.exp(logit - top));
  const total = sum(weights);
  const distribution = weights.map((weight) => weight / total);
  const value = sum(distribution.map((probability, index) => probability * (values[index] as number)));
  const variance = sum(
    distribution.map((probability, index) => probability * ((values[index] as number) - value) ** 2),
  );
  return { value, std: Math.sqrt(variance), distribution };
}

/** Evenly spaced scores over a scale, its ends among them. */
export function evenly(count: number, { min, max }: Scale): number[] {
  return Array.from({ length: count }, (_, index) => min + (index * (max - min)) / (count - 1));
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
