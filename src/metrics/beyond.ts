/** Scores beyond the scale that they are of: nothing bounds a network that ends in a linear map. */

interface Scale {
  readonly min: number;
  readonly max: number;
}

/** How many scores lie beyond a scale. */
export function countBeyond(scores: readonly number[], { min, max }: Scale): number {
  return scores.filter((score) => score < min || score > max).length;
}

/** "from 1 to 10", and of a model that the scale does not bound, how many are beyond it. */
export function scaleText({ min, max }: Scale, beyond: number): string {
  return `from ${min} to ${max}${beyond === 0 ? "" : ` (which does not bound this model: ${beyond} beyond it)`}`;
}
