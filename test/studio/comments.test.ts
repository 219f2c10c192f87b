import assert from "node:assert/strict";
import { test } from "node:test";
import {
  commentsOn,
  compose,
  makeRaters,
  subjectOf,
  SUBJECTS,
  votesOn,
  type Composition,
} from "../../src/studio/index.js";
import { voteStatistics } from "../../src/data/index.js";
import { srcc } from "../../src/metrics/scores.js";

const SEED = "comments";
const RATERS = makeRaters(SEED);

interface Commented {
  readonly score: number;
  readonly comments: readonly string[];
}

function commented(from: number, to: number): Commented[] {
  return Array.from({ length: to - from }, (_, i) => {
    const composition = compose(SEED, from + i, { patterns: true });
    const { mean } = voteStatistics(votesOn(SEED, from + i, composition.latent, RATERS));
    return { score: mean, comments: commentsOn(composition, RATERS) };
  });
}

/** Words and pairs of words. */
function features(text: string): string[] {
  const words = text.toLowerCase().match(/[a-z]+/g) ?? [];
  return [...words, ...words.slice(1).map((word, i) => `${words[i] ?? ""} ${word}`)];
}

/** A bag of words, fitted by stochastic gradient descent with weight decay: text to score. */
function fit(rows: readonly (readonly [string, number])[]): (text: string) => number {
  const mean = rows.reduce((sum, [, score]) => sum + score, 0) / rows.length;
  const weights = new Map<string, number>();
  const raw = (found: readonly string[]): number => found.reduce((sum, name) => sum + (weights.get(name) ?? 0), 0);
  for (let epoch = 0; epoch < 30; epoch++) {
    for (const [text, score] of rows) {
      const found = features(text);
      const step = (0.3 / (1 + epoch) / found.length) * (score - mean - raw(found));
      for (const name of found) weights.set(name, (weights.get(name) ?? 0) * (1 - 1e-3) + step);
    }
  }
  return (text) => mean + raw(features(text));
}

test("comments carry information about the score: a bag of words predicts it on pictures that it never saw", (t) => {
  const train = commented(0, 800).flatMap(({ comments, score }) => comments.map((text) => [text, score] as const));
  const predict = fit(train);
  const held = commented(5000, 5400);
  const scores = held.map(({ score }) => score);
  const first = held.map(({ comments }) => predict(comments[0] ?? ""));
  const one = srcc(first, scores);
  const all = srcc(
    held.map(({ comments }) => comments.reduce((sum, text) => sum + predict(text), 0) / comments.length),
    scores,
  );
  t.diagnostic(`SRCC of a bag of words on held-out pictures: one comment ${one?.toFixed(3)}, all ${all?.toFixed(3)}`);
  assert.ok(one !== null && one > 0.6, `one comment: ${one}`);
  assert.ok(all !== null && all > 0.8, `all comments: ${all}`);
});

test("no comment has a number in it, or a word for a rating", () => {
  const number =
    /\d|\b(zero|one|two|three|four|five|six|seven|eight|nine|ten|half|score|rating|rate|points?|stars?|percent)\b/i;
  for (const text of commented(0, 1500).flatMap(({ comments }) => comments)) {
    assert.doesNotMatch(text, number);
    assert.doesNotMatch(text, /[{}!]\w|undefined| {2}|^[a-z]|[.] [a-z]/, text);
    assert.match(text, /[.!]$/);
  }
});

/** What only a picture with this fault, or this merit, may be told. */
const TELLING: readonly (readonly [RegExp, (made: Composition) => boolean])[] = [
  [/\b(dark|darkness|underexpos\w+)\b/i, ({ merits, sides }) => (merits.exposure ?? 1) < 0.45 && sides.exposure === 0],
  [/\b(too bright|overexpos\w+|burnt)\b/i, ({ merits, sides }) => (merits.exposure ?? 1) < 0.45 && sides.exposure === 1],
  [/\b(garish|oversaturat\w+|too loud)\b/i, ({ merits, sides }) => (merits.saturation ?? 1) < 0.45 && sides.saturation === 1],
  [/\b(pale|drained|dull)\b/i, ({ merits, sides }) => (merits.saturation ?? 1) < 0.45 && sides.saturation === 0],
  [/\b(haze|flat|washed)\b/i, ({ merits }) => (merits.contrast ?? 1) < 0.4],
  [/\b(grainy|noisy)\b/i, ({ merits }) => (merits.noise ?? 1) < 0.5],
  [/\b(cluttered|mess|stray)\b/i, ({ merits }) => (merits.clutter ?? 1) < 0.5],
  [/\b(shaken|smeared|motion blur)\b/i, ({ merits }) => (merits.motion ?? 1) < 0.65],
  [/\b(crisp|sharpness|very sharp)\b/i, ({ merits }) => (merits.motion ?? 0) > 0.88],
  [/\bedge\b/i, ({ merits, sides }) => (merits.placement ?? 1) < 0.4 && sides.placement === 0],
  [/\b(middle|centre|static|central)\b/i, ({ merits, sides }) => (merits.placement ?? 1) < 0.4 && sides.placement === 1],
  [/\b(symmetry|mirrored)\b/i, ({ patterns }) => (patterns?.symmetry ?? 0) > 0],
  [/\b(rhythm|repeating)\b/i, ({ patterns }) => (patterns?.repetition ?? 0) > 0],
]; // prettier-ignore

test("a comment says what is true of the picture, and names its subject only", () => {
  const told = TELLING.map(() => 0);
  for (let index = 0; index < 1500; index++) {
    const composition = compose(SEED, index, { patterns: true });
    const others = Object.entries(SUBJECTS).filter(([name]) => name !== subjectOf(composition));
    for (const text of commentsOn(composition, RATERS)) {
      TELLING.forEach(([words, holds], i) => {
        if (!words.test(text)) return;
        told[i] = (told[i] ?? 0) + 1;
        assert.ok(holds(composition), `${index}: "${text}" ${JSON.stringify(composition)}`);
      });
      for (const [, { noun }] of others) assert.ok(!text.includes(noun), `${index}: "${text}" names ${noun}`);
    }
  }
  told.forEach((times, i) => assert.ok(times > 20, `${String(TELLING[i]?.[0])} was said ${times} times`));
});

test("nobody likes a fault, or minds what is good", () => {
  const texts = commented(0, 1500).flatMap(({ comments }) => comments);
  const liked = texts.flatMap((text) => /\b(?:I like|Love|enjoy most is) ([^.;,!]+)/.exec(text)?.[1] ?? []);
  const minded = texts.flatMap((text) => /\b(?:bothered by|care for|Shame about|spoils it for me:) ([^.;,]+)/.exec(text)?.[1] ?? []); // prettier-ignore
  const good =
    /^the (light|exposure|contrast|rich|natural|colours|palette|colour harmony|sharpness|steady|clean|fine|shallow|soft|tidy|simplicity|composition|placing|rhythm|repeating|symmetry|mirrored)\b/;
  assert.ok(liked.length > 500 && minded.length > 500, `${liked.length} ${minded.length}`);
  assert.deepEqual(
    liked.filter((what) => !good.test(what)),
    [],
  );
  assert.deepEqual(
    minded.filter((what) => good.test(what)),
    [],
  );
});

test("people say different things in different lengths, the same every time", () => {
  const rows = commented(0, 300);
  const texts = rows.flatMap(({ comments }) => comments);
  assert.deepEqual(commented(0, 300), rows);
  for (const { comments } of rows) {
    assert.ok(comments.length >= 3 && comments.length <= 6, `${comments.length}`);
    assert.equal(new Set(comments).size, comments.length);
  }
  const lengths = texts.map((text) => text.split(" ").length);
  assert.ok(Math.min(...lengths) <= 5 && Math.max(...lengths) >= 25, `${Math.min(...lengths)} ${Math.max(...lengths)}`);
  assert.ok(new Set(texts).size > 0.8 * texts.length, `${new Set(texts).size} of ${texts.length}`);
  assert.notDeepEqual(commentsOn(compose("other", 0), RATERS), commentsOn(compose(SEED, 0), RATERS));
});
