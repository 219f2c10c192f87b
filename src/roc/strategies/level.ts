/**
 * Levels as words (Q-Align, arXiv 2312.17090): the answer says "good", the score is the expectation over the five
 * words' logits.
 */
import { evenly } from "../reading.js";
import type { Strategy } from "../strategy.js";
import { LEVELS } from "../template.js";
import type { Scale } from "../vocabulary.js";
import { readByCandidates } from "./candidates.js";

/**
 * @param scale the worst word means its lower end, the best one for its upper (Q-Align: 1 to 5); in training the
 *   words are bins of equal width over it
 * @param levels worst first; the words of Q-Align by default
 */
export function levelStrategy(scale: Scale, levels: readonly string[] = LEVELS): Strategy {
  const values = evenly(levels.length, scale);
  return {
    name: "level",
    scale,
    write: (score) => levels[bin(score, scale, levels.length)] ?? "",
    slotIds: [],
    levels: { texts: levels, values },
    generates: false,
    read: (parts, pictures, answers) => readByCandidates(parts, pictures, { texts: levels, values }, answers),
  };
}

/** Which of `count` bins of equal width over the scale; values outside belong to the outermost. */
function bin(score: number, { min, max }: Scale, count: number): number {
  return Math.min(count - 1, Math.max(0, Math.floor(((score - min) / (max - min)) * count)));
}
