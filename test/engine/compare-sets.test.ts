/** `compare()` of a checkpoint of sets: equal pictures get equal results, and the order in which pictures are given does not matter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compare, type PictureComparison } from "../../src/engine/compare.js";
import { resultFor } from "../cli/support.js";

type SetModel = Parameters<typeof compare>[0];

/** Ratings by themselves; of "n" as of "m" up to the rounding of another row of a batch. */
const ALONE: Readonly<Record<string, number>> = { a: 0.2, m: 0.5, n: 0.5 + 1e-8, y: 0.7, z: 0.9 };
const shares = (high: number): number[] => [1 - high, high];
const letterOf = (picture: string): string => picture.at(-1) ?? "";

/** A rating depends on the place, and on who stands on the left of a picture and before that one. */
function readingAt(order: readonly string[], place: number) {
  const of = (at: number): number => ALONE[order.at(at) ?? ""] ?? 0;
  const left = place > 0 ? 0.3 * of(place - 1) + (place > 1 ? 0.1 * of(place - 2) ** 2 : 0) : 0;
  const high = Math.fround(0.5 * of(place) + left * (1 - of(place)) + 0.01 * place);
  return { value: 1 + 9 * high, std: 9 * Math.sqrt(high * (1 - high)), distribution: shares(high) };
}

const MODEL = {
  method: { family: "fake", strategy: "set" },
  async *score(pictures: readonly string[]) {
    await Promise.resolve();
    for (const file of pictures) {
      const high = ALONE[letterOf(file)] ?? 0;
      yield { ...resultFor(file, 1 + 9 * high), distribution: shares(high) };
    }
  },
  judge: (pictures: readonly string[], { orders }: { orders: readonly (readonly number[])[] }) => {
    const rows = orders.map((order) => order.map((index) => letterOf(pictures[index] ?? "")));
    return Promise.resolve({ type: "scores", scores: rows.map((row) => row.map((_, place) => readingAt(row, place))) });
  },
} as unknown as SetModel;

/** Numbers in [0, 10] that were summed in another order. */
const near = (a: number | undefined, b: number | undefined): boolean => Math.abs((a ?? NaN) - (b ?? NaN)) < 1e-12;

const permuted = <T>(all: readonly T[]): T[][] =>
  all.length < 2 ? [[...all]] : all.flatMap((one, i) => permuted(all.toSpliced(i, 1)).map((rest) => [one, ...rest]));

const SETS: readonly (readonly [string, readonly string[]])[] = [
  ["a photo twice", ["1/m", "2/m", "a", "z"]],
  ["a photo three times, of five", ["1/m", "2/m", "3/m", "a", "z"]],
  ["a photo and its copy of another format", ["m", "n", "a", "y"]],
  ["two photos, twice each", ["1/m", "2/m", "1/y", "2/y"]],
];

for (const [what, pictures] of SETS) {
  test(`${what}: equal results, in whatever order they are given`, async () => {
    let first: PictureComparison | undefined;
    for (const given of permuted(pictures)) {
      const compared = await compare(MODEL, given);
      const at = (name: string): number => given.indexOf(name);
      for (const one of pictures) {
        const { score, std, distribution } = compared.results[at(one)] ?? assert.fail();
        // Those that are equal, among themselves; each one, as in the first order.
        const equal = pictures.filter((other) => near(Math.fround(ALONE[letterOf(one)] ?? 0), Math.fround(ALONE[letterOf(other)] ?? 0))); // prettier-ignore
        for (const other of equal) {
          const same = compared.results[at(other)];
          assert.deepEqual([same?.score, same?.std, same?.distribution], [score, std, distribution], given.join(" "));
          assert.ok(near(compared.best[at(one)], compared.best[at(other)]));
          assert.ok(near(compared.wins[at(one)]?.[at(other)], 0.5));
        }
        const before = first?.results[pictures.indexOf(one)];
        if (before) assert.ok(Math.abs(before.score - score) < 1e-5, `${given.join(" ")}: ${one} ${before.score} ${score}`); // prettier-ignore
      }
      const total = compared.places?.favour.reduce((sum, shift) => sum + shift, 0);
      assert.ok(Math.abs(total ?? NaN) < 1e-9, "shifts are around 0");
      first ??= compared;
    }
  });
}

test("photos that differ keep what is said of each", async () => {
  const { results } = await compare(MODEL, ["a", "m", "y", "z"]);
  assert.equal(new Set(results.map(({ score }) => score)).size, 4);
});

test("what is no list of pictures is refused by name", async () => {
  for (const given of [null, undefined, "ab", { length: 2 }])
    await assert.rejects(compare(MODEL, given as unknown as string[]), { code: "USAGE", message: /takes a list of pictures: give 2 to 8/ }); // prettier-ignore
});
