/** Pictures of one moment: the same scene with other luck, so that one of them is the best composed. */
import type { Random } from "../random.js";
import { factorsOf, latentQuality, rounded, type Composition, type Factor, type Merits } from "./factors.js";

/** What differs from one picture of a moment to the next. */
const MOMENTARY: readonly Factor[] = ["motion", "depth", "exposure", "placement"];

/** The same scene with other luck. @param most by how much a merit differs at most */
export function varied(random: Random, { scene, merits }: Composition, most: number): Merits {
  const drawn = MOMENTARY.filter((factor) => factorsOf(scene).includes(factor)).map((factor) => {
    const reach = factor === "placement" ? most / 4 : most;
    const merit = (merits[factor] ?? 1) + random.uniform(-reach, reach);
    return [factor, rounded(Math.min(1, Math.max(0, merit)))] as const;
  });
  return { ...merits, ...Object.fromEntries(drawn) };
}

/** A composition with other merits, and the quality that these give. */
export function changed(composition: Composition, merits: Merits): Composition {
  const latent = rounded(latentQuality(composition.scene, merits, composition.patterns));
  return { ...composition, merits, latent };
}
