/** CIDEr and CIDEr-D against their references, the tokenizer, and SPICE's tuple score by hand. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { z } from "zod";
import { isRocError } from "../../src/errors.js";
import { meanSpice, scoreCaptions, spice, tokenize, type SceneGraph } from "../../src/captions/index.js";
import { fixture } from "../support.js";

const figures = z.object({ cider: z.number(), cider_d: z.number() });
const { cases } = z
  .object({
    cases: z.array(
      figures.extend({
        name: z.string(),
        hypotheses: z.record(z.string(), z.string()),
        references: z.record(z.string(), z.array(z.string())),
        per_item: z.record(z.string(), figures),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(fixture("captions/captions.json"), "utf8")));

function close(actual: number | null | undefined, wanted: number | undefined, what: string): void {
  const error = Math.abs((actual ?? NaN) - (wanted ?? NaN));
  assert.ok(error <= 1e-9, `${what}: ${actual} instead of ${wanted}`);
}

for (const { name, hypotheses, references, per_item: items, ...wanted } of cases) {
  test(`${name}: CIDEr and CIDEr-D of the corpus and of every item to 1e-9`, () => {
    const scores = scoreCaptions({ hypotheses, references, tokenized: true });
    close(scores.cider, wanted.cider, "cider");
    close(scores.ciderD, wanted.cider_d, "cider_d");
    assert.deepEqual(
      scores.items.map(({ id }) => id),
      Object.keys(hypotheses),
    );
    for (const { id, cider, ciderD } of scores.items) {
      close(cider, items[id]?.cider, `${id}: cider`);
      close(ciderD, items[id]?.cider_d, `${id}: cider_d`);
    }
  });
}

test("an empty corpus has no score; a hypothesis and its references need each other", () => {
  assert.deepEqual(scoreCaptions({ hypotheses: {}, references: {} }), { cider: null, ciderD: null, items: [] });
  const usage = (id: string) => (error: unknown) =>
    isRocError(error) && error.code === "USAGE" && error.message.includes(`"${id}"`);
  assert.throws(() => scoreCaptions({ hypotheses: { a: "x" }, references: {} }), usage("a"));
  assert.throws(() => scoreCaptions({ hypotheses: { a: "x" }, references: { a: [] } }), usage("a"));
  assert.throws(() => scoreCaptions({ hypotheses: { a: "x" }, references: { a: ["x"], b: ["y"] } }), usage("b"));
  assert.throws(() => scoreCaptions({ hypotheses: { toString: "x" }, references: {} }), usage("toString"));
});

test("texts that are not tokenized lose case and punctuation first", () => {
  const references = { a: ["A blue sky, wide and calm."], b: ["Two dogs play."] };
  const plain = scoreCaptions({ hypotheses: { a: "a BLUE sky wide and calm", b: "Two dogs play!" }, references });
  close(plain.cider, (10 * (1 + 3 / 4)) / 2, "cider: the second item has no n-gram of 4");
  const asIs = scoreCaptions({ hypotheses: { a: "sky", b: "Two" }, references, tokenized: true });
  assert.equal(asIs.items[0]?.cider, 0, '"sky," is another token than "sky"');
});

test("the tokenizer gives the reference's tokens of comments on photographs", () => {
  const rows = z.object({ cases: z.array(z.tuple([z.string(), z.string()])) });
  const { cases: texts } = rows.parse(JSON.parse(readFileSync(fixture("captions/tokens.json"), "utf8")));
  assert.ok(texts.length >= 28);
  for (const [text, tokens] of texts) assert.equal(tokenize(text).join(" "), tokens, text);
});

test("tokens of what is tokenized already, and of nothing", () => {
  const expected: [string, string][] = [
    ["it 's do n't", "it 's do n't"],
    [" \n\t ", ""],
    ["...--``''", ""],
  ];
  for (const [text, tokens] of expected) assert.deepEqual(tokenize(text), tokens.split(" ").filter(Boolean), text);
});

const REFERENCES: SceneGraph = {
  objects: ["girl", "court", "racket"],
  attributes: [
    ["girl", "young"],
    ["girl", "standing"],
    ["court", "tennis"],
  ],
  relations: [["girl", "on-top-of", "court"]],
};
const NOTHING: SceneGraph = { objects: [], attributes: [], relations: [] };

test("SPICE's tuple score: equal tuples", () => {
  const caption: SceneGraph = {
    objects: ["girl", "court", "ball"],
    attributes: [["girl", "young"]],
    relations: [["girl", "beside", "court"]],
  };
  const found = spice(caption, REFERENCES);
  close(found.precision, 3 / 5, "precision");
  close(found.recall, 3 / 7, "recall");
  close(found.f, 0.5, "f");
  assert.deepEqual(found.objects, { f: 2 / 3, precision: 2 / 3, recall: 2 / 3 });
  assert.deepEqual(found.attributes, { f: 0.5, precision: 1, recall: 1 / 3 });
  assert.deepEqual(found.relations, { f: 0, precision: 0, recall: 0 });
});

test("SPICE's tuple score: synonyms word by word, repeated tuples once", () => {
  const pairs = new Set(["woman girl", "girl woman"]);
  const synonyms = (a: string, b: string): boolean => pairs.has(`${a} ${b}`);
  const caption: SceneGraph = {
    objects: ["woman", "girl"],
    attributes: [["woman", "young"]],
    relations: [["woman", "on-top-of", "court"]],
  };
  const found = spice(caption, REFERENCES, synonyms);
  assert.deepEqual([found.precision, found.recall], [1, 3 / 7]);
  assert.deepEqual([spice(caption, REFERENCES).precision, spice(caption, REFERENCES).recall], [1 / 4, 1 / 7]);
});

test("SPICE's tuple score of nothing", () => {
  const zero = { f: 0, precision: 0, recall: 0 };
  const none = { objects: null, attributes: null, relations: null };
  assert.deepEqual(spice(REFERENCES, NOTHING), { ...zero, ...none });
  assert.deepEqual(spice(NOTHING, REFERENCES), { ...zero, objects: zero, attributes: zero, relations: zero });
  assert.equal(meanSpice([]), null);
  assert.equal(meanSpice([spice(REFERENCES, REFERENCES), spice(NOTHING, REFERENCES)]), 0.5);
});
