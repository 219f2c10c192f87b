/**
 * Repetition and symmetry: optional patterns of a composition beyond its merits. Off by default, so that studios without
 * them do not change.
 *
 * Each of the two is present in one of three pictures, with a strength uniform in [0.4, 1], otherwise 0. It is not a
 * merit: a picture without a pattern is not worse. A pattern adds to the latent quality
 *
 *     0.6 Σ_p (strength_p - mean strength),
 *
 * so that the mean stays 5.5; the standard deviation grows from 1.3 to about 1.33.
 */
import { RocError } from "../errors.js";
import { Random, type SeedPart } from "../random.js";

/** Strengths in [0, 1]; 0 = absent. */
export interface Patterns {
  /** A row of equal objects at equal distances behind the subject; their number grows with the strength. */
  readonly repetition: number;
  /** Share of the frame's width that is symmetric about a vertical axis; 1 = its left half mirrors its right half. */
  readonly symmetry: number;
}

export type Pattern = keyof Patterns;
export const PATTERN_NAMES = ["repetition", "symmetry"] as const satisfies readonly Pattern[];

/** Probability of a pattern, its minimum strength, and the increment of the latent quality at full strength. */
export const PATTERN_RULE = { chance: 1 / 3, least: 0.4, bonus: 0.6 } as const;

const MEAN_STRENGTH = (PATTERN_RULE.chance * (1 + PATTERN_RULE.least)) / 2;
const FEWEST = 3;
const MOST = 9;

/** The patterns of picture `index`. Four decimals, like all composed numbers. */
export function drawPatterns(seed: SeedPart, index: number): Patterns {
  const strength = (name: Pattern): number => {
    const random = new Random(seed, index, name);
    return random.chance(PATTERN_RULE.chance) ? Math.round(random.uniform(PATTERN_RULE.least, 1) * 1e4) / 1e4 : 0;
  };
  return { repetition: strength("repetition"), symmetry: strength("symmetry") };
}

/** Increment of the latent quality by patterns. @throws RocError USAGE for a strength outside 0..1 */
export function patternBonus(patterns: Patterns): number {
  const strengths = PATTERN_NAMES.map((name) => {
    const strength = patterns[name];
    if (strength >= 0 && strength <= 1) return strength;
    throw new RocError("USAGE", `The pattern "${name}" has strength ${strength}; give a number from 0 to 1.`);
  });
  return PATTERN_RULE.bonus * strengths.reduce((sum, strength) => sum + strength - MEAN_STRENGTH, 0);
}

/** Number of objects in the row at this strength of repetition. */
export function repeatsOf(strength: number): number {
  return strength > 0 ? Math.round(FEWEST + (MOST - FEWEST) * strength) : 0;
}
