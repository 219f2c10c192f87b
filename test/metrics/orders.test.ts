/** Strengths out of orders against cases made by hand: what was put in comes out, and the places' favour with it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import {
  bradleyTerry,
  chancesToBeLast,
  luce,
  pairOrders,
  pairStrengths,
  permutations,
  strengthsOf,
  turns,
  type Answered,
} from "../../src/metrics/orders.js";

/** Of mean 0. */
const STRENGTHS = [0.9, -0.7, 0.3, -0.5];
const ERROR = 1e-9;

function close(actual: readonly number[], wanted: readonly number[], what: string, error = ERROR): void {
  assert.equal(actual.length, wanted.length, what);
  actual.forEach((value, i) => assert.ok(Math.abs(value - (wanted[i] ?? NaN)) <= error, `${what} ${i}: ${value}`));
}

/** What a judge with these strengths and favours says; each order shifted by a constant, which nobody knows. */
function judged(orders: readonly (readonly number[])[], favour: readonly number[], strengths = STRENGTHS): Answered[] {
  return orders.map((order, i) => ({
    order,
    logits: order.map((thing, place) => (strengths[thing] ?? 0) + (favour[place] ?? 0) + 3 * i),
  }));
}

test("orders: all of them, both of each pair, and each thing at each place once", () => {
  assert.deepEqual(permutations(3).map((order) => order.join("")).sort(), ["012", "021", "102", "120", "201", "210"]); // prettier-ignore
  assert.deepEqual(pairOrders(3).map((pair) => pair.join("")), ["01", "10", "02", "20", "12", "21"]); // prettier-ignore
  for (const place of [0, 1, 2, 3]) assert.deepEqual(turns(4).map((order) => order[place]).sort(), [0, 1, 2, 3]); // prettier-ignore
});

test("in every order: strengths and favour come out, however large the favour is", () => {
  const [strengths, favour] = [[0.5, -0.7, 0.2], [4, -1, -3]]; // prettier-ignore
  const found = strengthsOf(judged(permutations(3), favour, strengths));
  close(found.strengths, strengths, "strength");
  close(found.favour, favour, "favour");
  // One order alone would have called the first place the best.
  const one = luce(judged([[1, 0, 2]], favour, strengths)[0]?.logits ?? []);
  assert.ok((one[0] ?? 0) > 0.9 && luce(found.strengths).indexOf(Math.max(...luce(found.strengths))) === 0);
});

test("by pairs: chances without the order's effect, and Bradley and Terry's strengths of them", () => {
  const found = pairStrengths(judged(pairOrders(4), [1.5, -1.5]), 4);
  close(found.favour, [1.5, -1.5], "favour");
  for (const a of [0, 1, 2, 3])
    close(found.wins[a] ?? [], STRENGTHS.map((b) => 1 / (1 + Math.exp(b - (STRENGTHS[a] ?? 0)))), `wins of ${a}`); // prettier-ignore
  close(found.strengths, STRENGTHS, "strength");
});

test("chances that contradict each other: the likeliest strengths, where each wins as often as expected", () => {
  // Stone, scissors, paper, of which one is stronger.
  const wins = [
    [0.5, 0.8, 0.4],
    [0.2, 0.5, 0.7],
    [0.6, 0.3, 0.5],
  ];
  const strengths = bradleyTerry(wins);
  const expected = strengths.map((a) => strengths.reduce((sum, b) => sum + 1 / (1 + Math.exp(b - a)), 0));
  close(expected, wins.map((row) => row.reduce((sum, p) => sum + p, 0)), "wins expected"); // prettier-ignore
  close([strengths.reduce((sum, one) => sum + one, 0)], [0], "mean");
  assert.ok(bradleyTerry([[0.5, 1], [0, 0.5]]).every(Number.isFinite), "certain wins have finite strengths"); // prettier-ignore
  assert.throws(() => bradleyTerry([[0.5, 2], [-1, 0.5]]), isRocError); // prettier-ignore
});

test("left to the last: what drawing one after the other gives, by every order", () => {
  const shares = luce(STRENGTHS);
  const last = STRENGTHS.map(() => 0);
  for (const order of permutations(4)) {
    let [chance, left] = [1, 1];
    for (const thing of order) {
      chance *= (shares[thing] ?? 0) / left;
      left -= shares[thing] ?? 0;
    }
    last[order.at(-1) ?? 0] = (last[order.at(-1) ?? 0] ?? 0) + chance;
  }
  close(chancesToBeLast(STRENGTHS), last, "last");
  close(chancesToBeLast([0.3, -0.3]), luce([-0.3, 0.3]), "of two");
});
