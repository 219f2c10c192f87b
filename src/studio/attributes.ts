/**
 * The attributes that AADB, PARA, ICAA17K and SPAQ rate, as documented functions of a composition. These are the true values;
 * the labels are simulated ratings of them (ratings.ts).
 *
 * Every attribute is a weighted mean of signed merits, s_f = 2 m_f - 1 in [-1, 1], over the factors that the scene has,
 * then shifted by the subject's interest and by patterns:
 *
 *     value = clamp((1 - |i|) Σ w_f s_f / Σ w_f + i · interest + r · repetition + y · symmetry, -1, 1)
 *
 * Where the scene has none of the factors, the mean is 0: neutral, AADB's "null".
 */
import { AADB_ATTRIBUTES } from "../data/aadb.js";
import { PARA_ATTRIBUTES, PARA_SCALE } from "../data/para.js";
import { SPAQ_ATTRIBUTES, SPAQ_SCALE } from "../data/spaq.js";
import type { ScoreScale } from "../data/types.js";
import { chromaOf, subjectOf, SUBJECTS } from "./facts.js";
import { deviation, factorsOf, type Composition, type Factor, type SceneName } from "./factors.js";

export interface AttributeRule {
  /** Weights of the signed merits. */
  readonly factors?: Readonly<Partial<Record<Factor, number>>>;
  /** Weight, beside the factors', of {@link vividness} (which garish colours do not lack). */
  readonly vividness?: number;
  /** Weight of the subject's interest, in [0, 1]. */
  readonly interest?: number;
  /** Increments at full repetition and full symmetry. */
  readonly repetition?: number;
  readonly symmetry?: number;
}

export type AadbAttribute = (typeof AADB_ATTRIBUTES)[number];
export type SpaqAttribute = (typeof SPAQ_ATTRIBUTES)[number];
/** PARA's attributes, and its score of technical quality. */
export type ParaAttribute = (typeof PARA_ATTRIBUTES)[number] | "qualityScore";

/** AADB's eleven attributes. Repetition and Symmetry are in 0..1, the others in -1..1. */
export const AADB_RULES: Readonly<Record<AadbAttribute, AttributeRule>> = {
  BalacingElements: { factors: { placement: 2, clutter: 1 }, symmetry: 0.5 },
  ColorHarmony: { factors: { harmony: 3, saturation: 1 } },
  Content: { factors: { clutter: 1, placement: 1, depth: 1, contrast: 1 }, interest: 0.4, repetition: 0.15 },
  DoF: { factors: { depth: 1 } },
  Light: { factors: { exposure: 2, contrast: 1 } },
  MotionBlur: { factors: { motion: 1 } },
  Object: { factors: { placement: 1, depth: 1, clutter: 1 }, interest: 0.2 },
  Repetition: { repetition: 1 },
  RuleOfThirds: { factors: { placement: 1 } },
  Symmetry: { symmetry: 1 },
  VividColor: { factors: { contrast: 1 }, vividness: 2 },
};

/** PARA's attributes, before scaling from -1..1 to 1..5. */
export const PARA_RULES: Readonly<Record<ParaAttribute, AttributeRule>> = {
  compositionScore: { factors: { placement: 2, clutter: 2 }, repetition: 0.3, symmetry: 0.3 },
  colorScore: { factors: { harmony: 2, saturation: 2, contrast: 1 } },
  dofScore: { factors: { depth: 3, motion: 1 } },
  lightScore: { factors: { exposure: 2, contrast: 1, noise: 1 } },
  contentScore: AADB_RULES.Content,
  qualityScore: { factors: { motion: 1, noise: 1, exposure: 1 } },
};

/** SPAQ's attributes, before scaling from -1..1 to 0..100; higher is better, Noisiness included. */
const SPAQ_RULES: Readonly<Record<SpaqAttribute, AttributeRule>> = {
  Brightness: { factors: { exposure: 1 } },
  Colorfulness: { vividness: 1 },
  Contrast: { factors: { contrast: 1 } },
  Noisiness: { factors: { noise: 1 } },
  Sharpness: { factors: { motion: 2, depth: 1 } },
};

/** Repetition inherent in a scene: windows, wallpaper, rings. */
export const SCENE_REPETITION: Readonly<Record<SceneName, number>> = {
  landscape: 0,
  "still-life": 0.1,
  portrait: 0,
  architecture: 0.2,
  abstract: 0.25,
};

/** ICAA17K's colour score: weights of the merits in a quality of mean 5.5 and standard deviation 1.5, within 1..10. */
export const COLOUR_RULE = { harmony: 1.6, saturation: 1.4, contrast: 0.8 } as const;
const COLOUR = { mean: 5.5, spread: 1.5 } as const;

/** AADB's attributes, in -1..1. */
export function aadbTruths(composition: Composition): Record<AadbAttribute, number> {
  return truths(composition, AADB_ATTRIBUTES, AADB_RULES);
}

/** PARA's attributes, on its scale 1..5. */
export function paraTruths(composition: Composition): Record<ParaAttribute, number> {
  return onScale(truths(composition, [...PARA_ATTRIBUTES, "qualityScore"], PARA_RULES), PARA_SCALE);
}

/** SPAQ's attributes, on its scale 0..100. */
export function spaqTruths(composition: Composition): Record<SpaqAttribute, number> {
  return onScale(truths(composition, SPAQ_ATTRIBUTES, SPAQ_RULES), SPAQ_SCALE);
}

/** Values in -1..1 on another scale. */
function onScale<Name extends string>(values: Record<Name, number>, { min, max }: ScoreScale): Record<Name, number> {
  for (const name of Object.keys(values) as Name[]) values[name] = min + ((values[name] + 1) / 2) * (max - min);
  return values;
}

/** Quality of the colours only, 1..10. */
export function colourTruth({ scene, merits }: Composition): number {
  const weights = Object.entries(COLOUR_RULE) as [keyof typeof COLOUR_RULE, number][];
  return Math.min(10, Math.max(1, COLOUR.mean + deviation(scene, merits, weights, COLOUR.spread)));
}

function truths<Name extends string>(
  composition: Composition,
  names: readonly Name[],
  rules: Readonly<Record<Name, AttributeRule>>,
): Record<Name, number> {
  const values = {} as Record<Name, number>;
  for (const name of names) values[name] = attributeValue(composition, rules[name]);
  return values;
}

/** The formula at the head of this file. @returns in -1..1 */
function attributeValue(composition: Composition, rule: AttributeRule): number {
  const { scene, patterns } = composition;
  const { interest = 0, repetition = 0, symmetry = 0 } = rule;
  const own = SCENE_REPETITION[scene];
  const rows = own + (1 - own) * (patterns?.repetition ?? 0);
  const subject = SUBJECTS[subjectOf(composition)].interest;
  const value = (1 - interest) * meanMerit(composition, rule) + interest * subject;
  return Math.min(1, Math.max(-1, value + repetition * rows + symmetry * (patterns?.symmetry ?? 0)));
}

function meanMerit(composition: Composition, { factors = {}, vividness = 0 }: AttributeRule): number {
  let [sum, weights] = [vividness * vividnessOf(composition), vividness];
  for (const factor of factorsOf(composition.scene)) {
    const weight = factors[factor] ?? 0;
    sum += weight * (2 * (composition.merits[factor] ?? 0.5) - 1);
    weights += weight;
  }
  return weights === 0 ? 0 : sum / weights;
}

/** Vividness of the colours: -1 = grey, 1 = natural; oversaturation decreases it down to 0. */
function vividnessOf(composition: Composition): number {
  const chroma = chromaOf(composition);
  return chroma <= 1 ? 2 * chroma - 1 : 1 - (chroma - 1) / 2;
}
