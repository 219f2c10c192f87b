/** SPICE-lite: WordNet synonyms, scene graphs of captions, the corpus; and the official program where its jar is given. */
import assert from "node:assert/strict";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  loadTagger,
  OFFICIAL,
  PARSER,
  sceneGraph,
  spiceOfCorpus,
  wordnetSynonyms,
  type SceneGraph,
} from "../../src/captions/index.js";
import { temporary } from "../eval/support.js";

const tagger = await loadTagger();
const graph = (text: string): SceneGraph => {
  const { objects, attributes, relations } = sceneGraph(tagger(text));
  return { objects, attributes, relations };
};

test("synonyms stand in a common synset of WordNet", async () => {
  const synonyms = await wordnetSynonyms();
  for (const [a, b] of [["photo", "picture"], ["dog", "domestic dog"], ["big", "large"], ["blurry", "fuzzy"]] as const) {
    assert.ok(synonyms(a, b) && synonyms(b, a), `${a}, ${b}`);
  } // prettier-ignore
  for (const [a, b] of [["dog", "cat"], ["sharp", "soft"], ["photo", "qwertz"], ["light", "dark"]] as const) {
    assert.ok(!synonyms(a, b), `${a}, ${b}`);
  } // prettier-ignore
});

test("objects with their attributes", () => {
  assert.deepEqual(graph("The soft, warm colors of two old wooden boats."), {
    objects: ["color", "boat"],
    attributes: [["color", "soft"], ["color", "warm"], ["boat", "two"], ["boat", "old"], ["boat", "wooden"]],
    relations: [["color", "of", "boat"]],
  }); // prettier-ignore
});

test("linking verbs say how things are, in every clause", () => {
  const { objects, attributes, relations } = graph(
    "The colors are very nice and vivid but the composition looks tight.",
  );
  assert.deepEqual(objects, ["color", "composition"]);
  assert.deepEqual(attributes, [["color", "nice"], ["color", "vivid"], ["composition", "tight"]]); // prettier-ignore
  assert.deepEqual(relations, []);
  assert.deepEqual(graph("Light and shadow are great.").attributes, [["light", "great"], ["shadow", "great"]]); // prettier-ignore
  assert.deepEqual(graph("The result is a mess.").attributes, [["result", "mess"]]);
});

test("verbs and prepositions relate things", () => {
  assert.deepEqual(graph("A young woman in a red dress is standing near the old bridge."), {
    objects: ["woman", "dress", "bridge"],
    attributes: [["woman", "young"], ["dress", "red"], ["bridge", "old"]],
    relations: [["woman", "in", "dress"], ["woman", "stand near", "bridge"]],
  }); // prettier-ignore
  assert.deepEqual(graph("Two dogs playing with a ball on the grass.").relations, [["dog", "play with", "ball"], ["ball", "on", "grass"]]); // prettier-ignore
  assert.deepEqual(graph("A bird is flying.").attributes, [["bird", "fly"]]);
});

test("pronouns stand for nothing, and a text may say nothing", () => {
  assert.deepEqual(graph("I love it."), { objects: [], attributes: [], relations: [] });
  assert.deepEqual(graph(""), { objects: [], attributes: [], relations: [] });
  assert.deepEqual(graph("Very nice.").objects, []);
});

test("a corpus: 1 for what a reference says in other words, 0 for what none says; under a name of its own", async () => {
  const { parser, value, items } = await spiceOfCorpus({
    hypotheses: { same: "A big photo of a dog.", half: "A red boat.", none: "A green tree." },
    references: { same: ["A large picture of a dog."], half: ["A boat.", "A red car."], none: ["The sky is blue."] },
  });
  assert.equal(parser, PARSER);
  assert.notEqual(PARSER, OFFICIAL);
  const [same, half, none] = items.map(({ f }) => f ?? NaN);
  assert.equal(same, 1);
  // (boat), (boat, red) against (boat), (car), (car, red): precision 1/2, recall 1/3.
  assert.ok(Math.abs((half ?? NaN) - 0.4) < 1e-12);
  assert.equal(none, 0);
  assert.ok(Math.abs((value ?? NaN) - 1.4 / 3) < 1e-12);
  assert.equal((await spiceOfCorpus({ hypotheses: {}, references: {} })).value, null);
});

/** A stand-in for Java that keeps its arguments and input, and answers as the official program does. */
async function standIn(folder: string, results: string): Promise<string> {
  const program = join(folder, "java.mjs");
  const text = `#!${process.execPath}
import { copyFileSync, writeFileSync } from "node:fs";
const [, jar, input, , output] = process.argv.slice(3);
copyFileSync(input, ${JSON.stringify(join(folder, "input.json"))});
if (jar.includes("broken")) { console.error("no such jar"); process.exit(1); }
writeFileSync(output, ${JSON.stringify(results)});
`;
  await writeFile(program, text);
  await chmod(program, 0o755);
  return program;
}

test(
  "the official program gets the texts in its form, and its scores bear its name",
  { skip: process.platform === "win32" },
  async (t) => {
    const folder = await temporary(t);
    const results =
      '[{"image_id": "b", "scores": {"All": {"f": 0.5}}}, {"image_id": "a", "scores": {"All": {"f": NaN}}}]';
    const java = await standIn(folder, results);
    const corpus = { hypotheses: { a: "x", b: "y" }, references: { a: ["r"], b: ["s", "t"] } };
    const { parser, value, items } = await spiceOfCorpus(corpus, { jar: "spice-1.0.jar", java });
    assert.equal(parser, OFFICIAL);
    assert.deepEqual(items, [{ id: "a", f: null }, { id: "b", f: 0.5 }]); // prettier-ignore
    assert.equal(value, null);
    assert.deepEqual(JSON.parse(await readFile(join(folder, "input.json"), "utf8")), [
      { image_id: "a", test: "x", refs: ["r"] },
      { image_id: "b", test: "y", refs: ["s", "t"] },
    ]);
    await assert.rejects(spiceOfCorpus(corpus, { jar: "broken.jar", java }), /broken\.jar did not run .*no such jar/s);
    await assert.rejects(
      spiceOfCorpus(corpus, { jar: "spice.jar", java: join(folder, "none") }),
      /spice\.jar did not run/,
    );
    const other = await standIn(folder, "{}");
    await assert.rejects(spiceOfCorpus(corpus, { jar: "spice.jar", java: other }), /wrote no result of SPICE's form/);
  },
);
