/**
 * The composition of a studio photograph, and its quality.
 *
 * Every factor is a merit in [0, 1], 1 = best possible, 0 = a gross flaw. Merits are uniform, and correlated by {@link
 * CORRELATION}: a careful photographer is careful in all respects (a Gaussian copula with one common "care" per picture).
 * A picture's latent quality is the standardised weighted mean of its merits:
 *
 *     latent = 5.5 + 1.3 Σ w_f (m_f - 1/2) / sd,   clamped to 1..10
 *     sd²    = (Σ w_f² + CORRELATION ((Σ w_f)² - Σ w_f²)) / 12
 *
 * over the factors f that the scene has. So it is roughly normal, with mean 5.5 and standard deviation 1.3, in every
 * scene. Weights are the table {@link FACTORS}; the larger ones belong to what is visible at a glance. Where a composition
 * has patterns (patterns.ts), they add to it.
 */
import { RocError } from "../errors.js";
import { Random, type SeedPart } from "../random.js";
import { drawPatterns, patternBonus, type Patterns } from "./patterns.js";

interface FactorRule {
  /** Weight in the latent quality. */
  readonly weight: number;
  /** Appearance at merit 1, and at merit 0 on the faulty side(s); a side is drawn per picture. */
  readonly best: string;
  readonly worst: readonly [string] | readonly [string, string];
}

/** The factors, their weights and their meaning. */
export const FACTORS = {
  exposure: { weight: 1.7, best: "mid-grey mean", worst: ["30% of the light", "twice the light, clipped"] },
  contrast: { weight: 1.5, best: "full tonal range", worst: ["27% of it: grey haze"] },
  saturation: { weight: 1.4, best: "natural chroma", worst: ["grey", "three times the chroma: garish"] },
  harmony: { weight: 0.8, best: "neighbouring hues and one complement", worst: ["hues spread around the circle"] },
  motion: { weight: 0.8, best: "no motion blur", worst: ["smeared by 11% of the long edge, any direction"] },
  noise: { weight: 0.8, best: "no noise", worst: ["heavy grain"] },
  depth: { weight: 0.6, best: "sharp subject, soft ground", worst: ["soft subject, sharp ground"] },
  clutter: { weight: 0.8, best: "nothing but the scene", worst: ["16 stray things"] },
  placement: { weight: 0.6, best: "subject on a point of thirds", worst: ["at the frame's edge", "dead centre"] },
} as const satisfies Record<string, FactorRule>;

export type Factor = keyof typeof FACTORS;
const FACTOR_NAMES = Object.keys(FACTORS) as readonly Factor[];

/** The scenes and the factors that each of them lacks (such a factor is not in its latent quality). */
export const SCENE_LACKS = {
  landscape: ["depth"],
  "still-life": [],
  portrait: [],
  architecture: ["depth"],
  abstract: ["depth", "clutter", "placement"],
} as const satisfies Record<string, readonly Factor[]>;

export type SceneName = keyof typeof SCENE_LACKS;
export const SCENE_NAMES = Object.keys(SCENE_LACKS) as readonly SceneName[];

/** Merits of the factors that a scene has. */
export type Merits = Readonly<Partial<Record<Factor, number>>>;

/** Width to height. */
export const ASPECTS = { "3:2": 3 / 2, "4:3": 4 / 3, "1:1": 1, "2:3": 2 / 3, "16:9": 16 / 9 } as const;
export type Aspect = keyof typeof ASPECTS;
const ASPECT_NAMES = Object.keys(ASPECTS) as [Aspect, ...Aspect[]];

const MEAN = 5.5;
const SPREAD = 1.3;
/** Correlation of the normal numbers behind the merits. */
const CARE = 0.3;
/** Correlation of any two merits: that of the uniform margins of a Gaussian copula. */
export const CORRELATION = (6 / Math.PI) * Math.asin(CARE / 2);

/** Everything that determines a picture except its size. */
export interface Composition {
  readonly seed: SeedPart;
  readonly index: number;
  readonly scene: SceneName;
  readonly aspect: Aspect;
  readonly merits: Merits;
  /** For factors with two faulty sides: which (0 or 1, as in {@link FACTORS}). */
  readonly sides: Readonly<Partial<Record<Factor, number>>>;
  /** Repetition and symmetry; absent where the studio composes none. */
  readonly patterns?: Patterns;
  /** The picture whose subject it has, at its place, where that is another's: the same ground once more. */
  readonly subject?: number;
  /** Latent quality, 1..10. */
  readonly latent: number;
}

/** Parts of a composition to choose instead of drawing them. Merits of factors that the scene lacks are refused. */
export interface CompositionOverrides {
  readonly scene?: SceneName;
  readonly aspect?: Aspect;
  readonly merits?: Merits;
  readonly sides?: Composition["sides"];
  /** `true` draws patterns; default: a composition without any. */
  readonly patterns?: boolean | Patterns;
}

/** The factors that a scene has, in the order of {@link FACTORS}. */
export function factorsOf(scene: SceneName): Factor[] {
  const lacks: readonly Factor[] = SCENE_LACKS[scene];
  return FACTOR_NAMES.filter((factor) => !lacks.includes(factor));
}

/** The documented formula: quality 1..10 of a scene with these merits (for all factors of the scene). */
export function latentQuality(scene: SceneName, merits: Merits, patterns?: Patterns): number {
  const weights = factorsOf(scene).map((factor) => [factor, FACTORS[factor].weight] as const);
  const bonus = patterns === undefined ? 0 : patternBonus(patterns);
  return Math.min(10, Math.max(1, MEAN + deviation(scene, merits, weights, SPREAD) + bonus));
}

/** The weighted mean of merits as a number of mean 0 and standard deviation `spread` over all pictures. */
export function deviation(
  scene: SceneName,
  merits: Merits,
  weighted: readonly (readonly [Factor, number])[],
  spread: number,
): number {
  let [sum, weights, squares] = [0, 0, 0];
  for (const [factor, weight] of weighted) {
    sum += weight * (checkedMerit(scene, factor, merits[factor]) - 0.5);
    weights += weight;
    squares += weight ** 2;
  }
  const sd = Math.sqrt((squares + CORRELATION * (weights ** 2 - squares)) / 12);
  return (spread * sum) / sd;
}

/** Composes picture `index` of studio `seed`; independent of the number of pictures. */
export function compose(seed: SeedPart, index: number, overrides: CompositionOverrides = {}): Composition {
  const random = new Random(seed, index, "composition");
  const scene = overrides.scene ?? random.pick(SCENE_NAMES as readonly [SceneName, ...SceneName[]]);
  const aspect = overrides.aspect ?? new Random(seed, index, "aspect").pick(ASPECT_NAMES);
  const care = new Random(seed, index, "care").gaussian();
  const merits: Partial<Record<Factor, number>> = {};
  const sides: Partial<Record<Factor, number>> = {};
  for (const factor of factorsOf(scene)) {
    const drawn = new Random(seed, index, factor);
    merits[factor] = rounded(normalCdf(Math.sqrt(CARE) * care + Math.sqrt(1 - CARE) * drawn.gaussian()));
    if (FACTORS[factor].worst.length > 1) sides[factor] = drawn.int(2);
  }
  for (const factor of Object.keys(overrides.merits ?? {})) refuseLacking(scene, factor);
  Object.assign(merits, overrides.merits);
  Object.assign(sides, overrides.sides);
  const patterns = overrides.patterns === true ? drawPatterns(seed, index) : overrides.patterns || undefined;
  const latent = rounded(latentQuality(scene, merits, patterns));
  return { seed, index, scene, aspect, merits, sides, ...(patterns && { patterns }), latent };
}

/** Share of a standard normal below x, to 1e-7 (Abramowitz and Stegun, 7.1.26). */
function normalCdf(x: number): number {
  const t = 1 / (1 + (0.3275911 * Math.abs(x)) / Math.SQRT2);
  const poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = (poly * Math.exp((-x * x) / 2)) / 2;
  return x > 0 ? 1 - tail : tail;
}

/** Four decimals, so that `studio.json` holds exactly what was rendered. */
export function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

function checkedMerit(scene: SceneName, factor: Factor, merit: number | undefined): number {
  if (merit !== undefined && merit >= 0 && merit <= 1) return merit;
  throw new RocError("USAGE", `The merit "${factor}" of scene ${scene} is ${merit}; give a number from 0 to 1.`);
}

function refuseLacking(scene: SceneName, factor: string): void {
  if ((factorsOf(scene) as string[]).includes(factor)) return;
  throw new RocError("USAGE", `Scene ${scene} has no factor "${factor}"; it has ${factorsOf(scene).join(", ")}.`);
}
