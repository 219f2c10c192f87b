/** What the systems predict that predict one score. */
import { SCORE, type Output } from "../types.js";

/** The overall score of a config: a distribution over so many values from end to end of its scale, or one number. */
export function scoreOutput({
  scale,
  bins,
}: {
  readonly scale: Output["scale"];
  readonly bins: number | undefined;
}): Output {
  if (bins === undefined) return { name: SCORE, scale };
  const step = (scale.max - scale.min) / (bins - 1);
  return { name: SCORE, scale, values: Array.from({ length: bins }, (_, i) => scale.min + i * step) };
}
