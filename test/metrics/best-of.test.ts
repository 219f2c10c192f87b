/** The best of a few pictures against drawn ratings, closed forms and cases that are known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { bestOf, type Judged } from "../../src/metrics/best-of.js";
import { normalCdf } from "../../src/metrics/statistics.js";
import { Random } from "../../src/random.js";

function voted(...distribution: number[]): Judged {
  return { score: 0, std: 0, distribution };
}

function close(actual: number | undefined, wanted: number, tolerance: number, what: string): void {
  assert.ok(Math.abs((actual ?? NaN) - wanted) <= tolerance, `${what}: ${actual} instead of ${wanted}`);
}

test("chances to be the best are those of ratings that are drawn, ties shared", () => {
  const pictures = [voted(0.1, 0.2, 0.4, 0.3), voted(0, 0.5, 0.5, 0), voted(0.3, 0.1, 0.1, 0.5), voted(1, 0, 0, 0)];
  const random = new Random("best-of");
  const counts = pictures.map(() => 0);
  const draws = 200_000;
  for (let draw = 0; draw < draws; draw++) {
    const ratings = pictures.map(({ distribution }) => {
      let left = random.next();
      return (distribution ?? []).findIndex((p) => (left -= p) < 0);
    });
    const highest = Math.max(...ratings);
    const winners = ratings.flatMap((rating, i) => (rating === highest ? [i] : []));
    for (const i of winners) counts[i] = (counts[i] ?? 0) + 1 / winners.length;
  }
  const { best } = bestOf(pictures);
  best.forEach((chance, i) => close(chance, (counts[i] ?? NaN) / draws, 0.005, `picture ${i}`));
});

test("two pictures: the chance to be best is that to be preferred, and both sum to 1", () => {
  const { best, wins } = bestOf([voted(1, 2, 3, 4), voted(4, 3, 2, 1)]);
  // By hand: above 0.1·0 + 0.2·0.4 + 0.3·0.7 + 0.4·0.9, and half of the ties 0.04 + 0.06 + 0.06 + 0.04.
  close(wins[0]?.[1], 0.75, 1e-12, "preferred");
  close(best[0], 0.75, 1e-12, "best");
  close((wins[0]?.[1] ?? NaN) + (wins[1]?.[0] ?? NaN), 1, 1e-12, "sum");
});

test("normal ratings without a distribution: Thurstone's closed form", () => {
  const [a, b] = [
    { score: 6, std: 1.5, distribution: null },
    { score: 5, std: 0.7, distribution: null },
  ] as const;
  const { wins, best } = bestOf([a, b]);
  const wanted = normalCdf((a.score - b.score) / Math.hypot(a.std, b.std));
  close(wins[0]?.[1], wanted, 1e-4, "preferred");
  close(best[0], wanted, 1e-4, "best");
});

test("the spreads count: an equal mean is a draw, and a wide rating is less sure to lose", () => {
  const rating = (score: number, std: number): Judged => ({ score, std, distribution: null });
  close(bestOf([rating(5, 0.2), rating(5, 2)]).wins[0]?.[1], 0.5, 1e-3, "equal means");
  const narrow = bestOf([rating(6, 0.3), rating(5, 0.3)]).best[1] ?? NaN;
  const wide = bestOf([rating(6, 0.3), rating(5, 2)]).best[1] ?? NaN;
  assert.ok(narrow < 0.02 && wide > 0.25, `${narrow} and ${wide}`);
});

test("scores without any spread: the higher one wins for certain, equal ones share", () => {
  const bare = (score: number): Judged => ({ score, std: null, distribution: null });
  assert.deepEqual(bestOf([bare(5), bare(7), bare(7), bare(1)]).best, [0, 0.5, 0.5, 0]);
  assert.deepEqual(bestOf([bare(5), bare(7), bare(7), bare(1)]).order, [1, 2, 0, 3]);
  // One without a standard deviation: none has a part in the comparison.
  assert.deepEqual(bestOf([{ score: 5, std: 9, distribution: null }, bare(6)]).best, [0, 1]);
});

test("a single picture is the best; sets of a hundred sum to 1 and follow the better rating", () => {
  assert.deepEqual(bestOf([voted(1, 2)]).best, [1]);
  const many = Array.from({ length: 100 }, (_, i) => voted(...Array.from({ length: 10 }, (_, k) => 1 + ((i * k) % 7))));
  const { best } = bestOf([...many, voted(0, 0, 0, 0, 0, 0, 0, 0, 0, 1)]);
  close(
    best.reduce((sum, chance) => sum + chance, 0),
    1,
    1e-12,
    "sum",
  );
  assert.equal(best.indexOf(Math.max(...best)), 100);
});

test("what cannot be compared is refused by name", () => {
  const refused = (pictures: readonly Judged[], words: RegExp): void =>
    assert.throws(() => bestOf(pictures), (error) => isRocError(error) && error.code === "USAGE" && words.test(error.message)); // prettier-ignore
  refused([], /no picture/);
  refused([voted(1, 1), voted(1, 1, 1)], /2 and 3 ratings/);
  refused([{ score: NaN, std: 1, distribution: null }], /NaN/);
  refused([voted(1, 1), voted(0, 0)], /picture 2/);
});

test("the worst is the best of a scale turned round, and what was compared is said", () => {
  const [a, b, c] = [voted(0.1, 0.2, 0.7), voted(0.3, 0.4, 0.3), voted(0.6, 0.3, 0.1)];
  const turned = (one: Judged): Judged => ({ ...one, distribution: [...(one.distribution ?? [])].reverse() });
  const { worst, by } = bestOf([a, b, c]);
  bestOf([a, b, c].map(turned)).best.forEach((chance, i) => close(worst[i], chance, 1e-12, `picture ${i}`));
  close(
    worst.reduce((sum, chance) => sum + chance, 0),
    1,
    1e-12,
    "sum",
  );
  const spread = { score: 1, std: 1, distribution: null };
  const bare = { score: 1, std: null, distribution: null };
  assert.deepEqual([by, bestOf([spread, a]).by, bestOf([bare, spread]).by], ["distributions", "spreads", "scores"]);
});
