/** The words that ArtiMuse and UniPercept answer with: two letters a score, each a token of Qwen2's vocabulary. */

/** First letters, and the score that each begins at. */
const RANGES = [
  ["a", 0],
  ["c", 26],
  ["d", 51],
  ["e", 76],
] as const;

/** Of the scores 0 to 100: aa ... az, ca ... cy, da ... dy, ea ... ey. */
export const LETTERS: readonly string[] = Array.from({ length: 101 }, (_, score) => {
  const [first, start] = RANGES.findLast(([, start]) => start <= score) ?? RANGES[0];
  return `${first}${String.fromCharCode("a".charCodeAt(0) + score - start)}`;
});
