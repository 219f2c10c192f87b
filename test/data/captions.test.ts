/** AVA-Captions joined with AVA, and the reader of large JSON lists underneath. */
import assert from "node:assert/strict";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  AVA_CAPTIONS_FILE,
  detectKind,
  keepOut,
  readAva,
  readAvaCaptions,
  voteStatistics,
} from "../../src/data/index.js";
import { jsonItems } from "../../src/data/json-items.js";
import { datasetFolder, paint } from "./support.js";

test("the pictures of both, one comment each, AVA's scores; neither test list is trained on", async (t) => {
  const folder = await datasetFolder(t, "ava-captions");
  await paint(folder, ["images/800001.jpg", "images/800003.jpg", "images/800004.jpg"]);
  assert.equal(await detectKind(folder), "ava-captions");
  const data = await readAvaCaptions(folder);
  const all = [...data.samples, ...data.missing];
  assert.deepEqual(
    all.map(({ id, split, comments }) => [id, split, comments]),
    [
      ["800001", "train", ["nice sky really great"]],
      ["800003", "test", ["a quote and brackets"]],
      ["800004", "test", ["soft focus"]],
      ["800005", "validation", ["good light"]],
    ],
  );
  for (const { score, std, votes } of all) {
    const { mean, std: spread } = voteStatistics(votes ?? []);
    assert.deepEqual([score, std], [mean, spread]);
  }
  assert.deepEqual([data.keptOut, data.unrated], [["800002"], ["800009"]]);
  assert.deepEqual([...data.testIds].sort(), ["800002", "800003", "800004", "800006"]);
  assert.deepEqual(data.notes, [
    "Kept out, being in AVA's test part but not in that of AVA-Captions: 1.",
    "Left out, having comments but no row in AVA.txt: 1.",
    "Comments that are not read, being no picture's first: 1.",
  ]);
});

test("AVA beside it trains on no picture of either test list", async (t) => {
  const folder = await datasetFolder(t, "ava-captions");
  await paint(
    folder,
    [1, 2, 3, 4, 5, 6].map((i) => `images/80000${i}.jpg`),
  );
  const { testIds } = await readAvaCaptions(folder);
  const { samples } = await readAva(folder);
  const kept = keepOut(samples, testIds);
  assert.deepEqual(
    kept.map(({ id, split }) => [id, split]),
    [
      ["800001", "train"],
      ["800002", "test"],
      ["800003", "test"],
      ["800005", "train"],
      ["800006", "test"],
    ],
  );
});

test("all comments, as they were written; what has no raw text is counted", async (t) => {
  const folder = await datasetFolder(t, "ava-captions");
  const data = await readAvaCaptions(folder, { comments: "all", text: "raw" });
  const comments = Object.fromEntries(data.missing.map(({ id, comments: texts }) => [id, texts]));
  assert.deepEqual(comments["800001"], ["Nice sky! [really] {great}", "I like it..."]);
  assert.deepEqual(comments["800003"], ['A "quote" \\ and ] } brackets']);
  assert.deepEqual(comments["800005"], ["good light"]);
  assert.equal(data.notes[2], "Comments without raw text, whose cleaned text stands in: 1.");
});

test("AVA's files may lie elsewhere, with the images", async (t) => {
  const folder = await datasetFolder(t, "ava-captions");
  const inner = join(folder, "captions");
  await mkdir(inner);
  await rename(join(folder, AVA_CAPTIONS_FILE), join(inner, AVA_CAPTIONS_FILE));
  await paint(folder, ["images/800001.jpg"]);
  await assert.rejects(readAvaCaptions(inner), { code: "FILE_NOT_FOUND", message: /AVA\.txt/ });
  const data = await readAvaCaptions(inner, { ava: ".." });
  assert.equal(data.samples[0]?.image, join(folder, "images", "800001.jpg"));
});

/** How the file is broken, the error. */
const BROKEN: readonly [(text: string) => string, RegExp][] = [
  [(s) => s.replace('"clean": "soft focus"', '"clean": 7'), /JSON, picture 4: sentences\.0\.clean: /],
  [(s) => s.replace('"split": "val"', '"split": "other"'), /JSON, picture 5: split is "other", not train, val or test/],
  [
    (s) => s.replace("800004.jpg", "800003.jpg"),
    /JSON, picture 4: filename "800003\.jpg" stands here for the second time/,
  ],
  [(s) => s.replace('"filename": "800002.jpg"', '"file": "800002.jpg"'), /JSON, picture 2: filename: /],
  [(s) => s.replace('"split": "val"', '"split": val'), /JSON, picture 5: is no JSON/],
  [(s) => s.slice(0, 600), /JSON: ends in the middle/],
  [(s) => s.replace(', "images": [{', ', "pictures": [{'), /JSON: has no list "images"/],
];

for (const [breakIt, pattern] of BROKEN) {
  test(`a broken file is named with the picture and the key: ${pattern.source}`, async (t) => {
    const folder = await datasetFolder(t, "ava-captions");
    const file = join(folder, AVA_CAPTIONS_FILE);
    await writeFile(file, breakIt(await readFile(file, "utf8")));
    const message = new RegExp(pattern.source.replace("JSON", `${AVA_CAPTIONS_FILE.replace(".", "\\.")}`));
    await assert.rejects(readAvaCaptions(folder), { code: "DATA_INVALID", message });
  });
}

async function itemsOf(t: TestContext, text: string): Promise<string[]> {
  const file = join(await datasetFolder(t, "own-csv"), "list.json");
  await writeFile(file, text);
  const items: string[] = [];
  for await (const { text: item } of jsonItems(file, "list", "")) items.push(item);
  return items;
}

test("items of a list: nested, with brackets and quotes in strings, between other keys, over the edge of a chunk", async (t) => {
  const value = { a: { list: [9] }, list: [{ x: '[{"\\' }, [1, [2]], "s,]", 5, true, {}], z: [{ list: [1] }] };
  const compact = await itemsOf(t, JSON.stringify(value));
  assert.deepEqual(
    compact.map((item) => JSON.parse(item) as unknown),
    value.list,
  );
  const spaced = await itemsOf(t, JSON.stringify(value, null, 3));
  assert.deepEqual(
    spaced.map((item) => JSON.parse(item) as unknown),
    value.list,
  );
  assert.deepEqual(await itemsOf(t, '{"list": []}'), []);
  const long = { list: Array.from({ length: 9 }, (_, i) => ({ i, text: `ä"${"é\\".repeat(100_000 + i)}` })) };
  assert.deepEqual(
    (await itemsOf(t, JSON.stringify(long))).map((item) => JSON.parse(item) as unknown),
    long.list,
  );
});
