/** Ceilings of each format's labels: the correlation of the truth itself with the noisy ratings. */
import type { SeedPart } from "../random.js";
import { aadbTruths, colourTruth, paraTruths } from "./attributes.js";
import { compose } from "./factors.js";
import { correlationsOf, makeRaters, votesOn, type RaterCeiling } from "./raters.js";
import { rateAadb, rateColour, ratePara } from "./ratings.js";
import { voteStatistics } from "../data/ava.js";

/** A label of a format, and the correlations of the composed truth with its ratings. */
export interface LabelCeiling extends RaterCeiling {
  readonly format: "ava" | "icaa17k" | "aadb" | "para";
  readonly label: string;
}

/**
 * The ceilings of every label, simulated on the pictures 0..count-1 of a studio with patterns, without rendering them.
 */
export function labelCeilings(seed: SeedPart, count = 2000): LabelCeiling[] {
  const raters = makeRaters(seed);
  const pairs = new Map<string, { truths: number[]; means: number[] }>();
  const note = (format: LabelCeiling["format"], label: string, truth: number, mean: number): void => {
    const key = `${format} ${label}`;
    const pair = pairs.get(key) ?? { truths: [], means: [] };
    pairs.set(key, pair);
    pair.truths.push(truth);
    pair.means.push(mean);
  };
  for (let index = 0; index < count; index++) {
    const composition = compose(seed, index, { patterns: true });
    const { latent } = composition;
    note("ava", "score", latent, voteStatistics(votesOn(seed, index, latent, raters)).mean);
    note("icaa17k", "color", colourTruth(composition), rateColour(composition, raters).mean);
    const [aadb, para] = [rateAadb(composition, raters), ratePara(composition, raters)];
    note("aadb", "score", latent, aadb.score);
    for (const [name, truth] of entries(aadbTruths(composition))) note("aadb", name, truth, aadb.attributes[name].mean);
    note("para", "aestheticScore", latent, para.score.mean);
    for (const [name, truth] of entries(paraTruths(composition))) note("para", name, truth, para.attributes[name].mean);
  }
  return [...pairs].map(([key, { truths, means }]) => {
    const [format, label = ""] = key.split(" ");
    return { format: format as LabelCeiling["format"], label, ...correlationsOf(truths, means) };
  });
}

function entries<Name extends string>(values: Readonly<Record<Name, number>>): [Name, number][] {
  return Object.entries(values) as [Name, number][];
}
