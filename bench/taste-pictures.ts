/** Pictures of simulated photographers, what a checkpoint has seen of them, and how stars are given. */
import { load } from "../src/engine/index.js";
import { MomentsSum } from "../src/library/taste/head.js";
import type { Material } from "../src/library/taste/learn.js";
import type { Random } from "../src/random.js";
import { compose, type Composition } from "../src/studio/factors.js";
import { JPEG_QUALITY, renderPhoto } from "../src/studio/render.js";

/** Standard deviation of a photographer's own ratings around their taste, whose own is 1. */
export const NOISE = 0.5;
/** Where the stars begin, as a photographer gives them: few of the highest. */
export const STARS = [-1.1, -0.3, 0.5, 1.2];
const LONG_EDGE = 128;

/** Composed pictures, as a checkpoint has seen them. */
export interface Seen {
  readonly compositions: readonly Composition[];
  readonly scores: readonly number[];
  readonly vectors: readonly Float32Array[];
}

export async function seenBy(checkpoint: string, seed: string, count: number): Promise<Seen> {
  using model = await load(checkpoint, { dtype: "float32" });
  const compositions = Array.from({ length: count }, (_, index) => compose(seed, index));
  async function* pictures(): AsyncGenerator<{ name: string; data: Buffer }> {
    for (const [i, composition] of compositions.entries()) {
      yield { name: `${i}`, data: renderPhoto(composition, LONG_EDGE).toBuffer("image/jpeg", JPEG_QUALITY) };
    }
  }
  const [scores, vectors]: [number[], Float32Array[]] = [[], []];
  for await (const result of model.score(pictures(), { embedding: true })) {
    if ("error" in result) throw new Error(result.error.message);
    if (!result.embedding) throw new Error("bench: the model gives no vectors");
    scores.push(result.score);
    vectors.push(result.embedding);
    if (scores.length % 200 === 0) console.error(`${scores.length} of ${count} scored`);
  }
  return { compositions, scores, vectors };
}

export function standardised(numbers: readonly number[]): number[] {
  const sum = new MomentsSum(1);
  for (const number of numbers) sum.add([number]);
  const { mean, spread } = sum.moments();
  return numbers.map((number) => (number - (mean[0] ?? 0)) / (spread[0] || 1));
}

/** One to five. @param taste in standard deviations */
export function starsOf(taste: number, random: Random): number {
  const felt = taste + random.gaussian(0, NOISE);
  return 1 + STARS.filter((limit) => felt > limit * Math.hypot(1, NOISE)).length;
}

/** What a head learns of some of the pictures. */
export function material(pool: Seen, rows: readonly number[]): Material {
  const [vectors, scores] = [new MomentsSum(pool.vectors[0]?.length ?? 0), new MomentsSum(1)];
  for (const [i, vector] of pool.vectors.entries()) {
    vectors.add(vector);
    scores.add([pool.scores[i] as number]);
  }
  return {
    vectors: rows.map((row) => pool.vectors[row] as Float32Array),
    scores: rows.map((row) => pool.scores[row] as number),
    groups: rows.map((_, i) => i),
    moments: { vectors: vectors.moments(), scores: scores.moments() },
  };
}
