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
    "Left out, being in AVA's test part but not in that of AVA-Captions: 1.",
    "Left out, having comments but no row in AVA.txt: 1.",
    "Comments that are not read, not being a picture's first: 1.",
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
  assert.equal(data.notes[2], "Comments without raw text, whose cleaned text is used instead: 1.");
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
  [(s) => s.replace("800004.jpg", "800003.jpg"), /JSON, picture 4: filename "800003\.jpg" occurs for the second time/],
  [(s) => s.replace('"filename": "800002.jpg"', '"file": "800002.jpg"'), /JSON, picture 2: filename: /],
  [(s) => s.replace('"split": "val"', '"split": val'), /JSON, picture 5: is not JSON/],
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

async function itemsOf(t: TestContext, text: string | Uint8Array): Promise<unknown[]> {
  const file = join(await datasetFolder(t, "own-csv"), "list.json");
  await writeFile(file, text);
  const items: unknown[] = [];
  for await (const { value } of jsonItems(file, "list", { item: "thing", remedy: "Mend it." })) items.push(value);
  return items;
}

test("items of a list: nested, with brackets and quotes in strings, between other keys, over the edge of a chunk", async (t) => {
  const value = { a: { list: [9] }, list: [{ x: '[{"\\' }, [1, [2]], "s,]", 5, true, {}], z: [{ list: [1] }] };
  assert.deepEqual(await itemsOf(t, JSON.stringify(value)), value.list);
  assert.deepEqual(await itemsOf(t, JSON.stringify(value, null, 3)), value.list);
  assert.deepEqual(await itemsOf(t, `\ufeff${JSON.stringify(value)}`), value.list, "behind a byte order mark");
  assert.deepEqual(await itemsOf(t, '{"list": []}'), []);
  assert.deepEqual(await itemsOf(t, '{"li\\u0073t": [1, 2], "list": [3], "z": "list", "y": [4]}'), [1, 2]);
  const long = { list: Array.from({ length: 9 }, (_, i) => ({ i, text: `ä"${"é\\".repeat(100_000 + i)}` })) };
  assert.deepEqual(await itemsOf(t, JSON.stringify(long)), long.list);
  const own = (await itemsOf(t, '{"list": [{"__proto__": {"a": 1}}]}'))[0] as object;
  assert.deepEqual([Object.keys(own), Object.getPrototypeOf(own)], [["__proto__"], Object.prototype]);
});

test("what is not JSON is named with the item and its place; items before it are read", async (t) => {
  const broken: [string | Uint8Array, string, RegExp][] = [
    ['{"list": [1, 2 3]}', "DATA_INVALID", /list\.json, thing 3: is not JSON near byte 15 \(Unexpected NUMBER/],
    ['{"list": [1, {"a" 5}]}', "DATA_INVALID", /list\.json, thing 2: is not JSON near byte 18/],
    ['{"a": tru, "list": []}', "DATA_INVALID", /list\.json: is not JSON near byte/],
    ['{"list": [1]} {"list": [2]}', "DATA_INVALID", /list\.json: is not JSON near byte 14/],
    [
      Buffer.from('{"list": [1,\n "\xe9\xe9"]}', "latin1"),
      "FILE_UNREADABLE",
      /list\.json, item 2, line 2: not UTF-8 \(byte 0xe9\)/,
    ],
    [
      Buffer.from('{"a": "\xfc", "list": []}', "latin1"),
      "FILE_UNREADABLE",
      /list\.json, line 1: not UTF-8 \(byte 0xfc\)/,
    ],
    ['{"list": [1, "a', "DATA_INVALID", /list\.json: ends in the middle/],
    ['{"list": [1], "b": [1, tr', "DATA_INVALID", /list\.json: ends in the middle/],
    ['{"list": [1]', "DATA_INVALID", /list\.json: ends in the middle/],
    ['{"list": {"0": 1}}', "DATA_INVALID", /list\.json: has no list "list"/],
    ['["list", [1]]', "DATA_INVALID", /list\.json: has no list "list"/],
    ["", "DATA_INVALID", /list\.json: has no list "list"/],
  ];
  for (const [text, code, message] of broken) await assert.rejects(itemsOf(t, text), { code, message }, String(text));
  // Characters over the edges of all chunks, then a byte that is none.
  for (let shift = 0; shift < 3; shift++) {
    const text = `{"list": ["${"x".repeat(shift)}${"€".repeat(1_000_000)}"`;
    const spoilt = Buffer.concat([Buffer.from(`${text}, "`), Buffer.from([0xe2, 0x82, 0x22, 0x5d, 0x7d])]);
    await assert.rejects(itemsOf(t, spoilt), { message: /item 2, line 1: not UTF-8 \(byte 0xe2\)/ });
    assert.deepEqual(await itemsOf(t, `${text}]}`), [`${"x".repeat(shift)}${"€".repeat(1_000_000)}`]);
  }
});
