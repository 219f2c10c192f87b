/** The adapters of TAD66K, ICAA17K, AADB and PARA on files in the official formats. */
import assert from "node:assert/strict";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  AADB_ATTRIBUTES,
  attributeScale,
  detectKind,
  readAadb,
  readDataset,
  readIcaa17k,
  readPara,
  readTad66k,
  type LoadedDataset,
} from "../../src/data/index.js";
import { datasetFolder, paint } from "./support.js";

const TAD_IMAGES = ["100001a.jpg", "100002b.jpg", "100003c.jpg", "100004d.jpg", "100005e.jpg"];

/** Ids by split, missing ones included. */
function idsOf(data: LoadedDataset, split: string): string[] {
  return [...data.samples, ...data.missing].filter((sample) => sample.split === split).map(({ id }) => id);
}

test("TAD66K: merged files, official split, BOM, CRLF, quotes and another order of columns; themes from unmerge", async (t) => {
  const folder = await datasetFolder(t, "tad66k");
  await paint(
    folder,
    TAD_IMAGES.map((name) => `imgs/${name}`),
  );
  const data = await readTad66k(folder);
  assert.deepEqual([data.name, data.scale, data.missing], ["TAD66K", { min: 1, max: 10 }, []]);
  assert.deepEqual(
    data.samples.map(({ id, score, split, theme }) => [id, score, split, theme]),
    [
      ["100001a.jpg", 5.431818, "train", "animal"],
      ["100002b.jpg", 3.2, "train", "sky"],
      ["100003c.jpg", 7.913043, "train", undefined],
      ["100004d.jpg", 6.5, "test", "animal"],
      ["100005e.jpg", 2.25, "test", "wedding"],
    ],
  );
  assert.equal(data.samples[0]?.image, join(folder, "imgs", "100001a.jpg"));
  assert.deepEqual(data.notes, ["Pictures under several themes in unmerge/, which have none here: 1."]);
});

test("TAD66K: unmerged files give a sample a row, each with its theme", async (t) => {
  const data = await readTad66k(await datasetFolder(t, "tad66k"), { labels: "unmerge" });
  assert.deepEqual(
    data.missing.map(({ id, score, split, theme }) => [id, score, split, theme]),
    [
      ["100001a.jpg", 5.431818, "train", "animal"],
      ["100003c.jpg", 7.5, "train", "animal"],
      ["100002b.jpg", 3.2, "train", "sky"],
      ["100003c.jpg", 7.913043, "train", "sky"],
      ["100004d.jpg", 6.5, "test", "animal"],
      ["100005e.jpg", 2.25, "test", "wedding"],
    ],
  );
});

test("TAD66K without unmerge, in a folder `labels`; a missing image is reported", async (t) => {
  const folder = await datasetFolder(t, "tad66k");
  await rm(join(folder, "unmerge"), { recursive: true });
  await paint(folder, ["images/100001a.jpg"]);
  await writeFile(join(folder, "images", "extra.jpg"), "");
  const labels = join(folder, "labels");
  await rename(join(folder, "merge"), join(folder, "m"));
  await mkdir(labels);
  await rename(join(folder, "m"), join(labels, "merge"));
  assert.equal(await detectKind(folder), "tad66k");
  const data = await readDataset({ folder });
  assert.deepEqual([data.samples.length, data.missing.length], [1, 4]);
  assert.equal(data.missing[0]?.image, join(folder, "images", "100002b.jpg"));
  assert.ok(data.missing.every(({ theme }) => theme === undefined));
});

test("a seeded validation share comes out of the training part only", async (t) => {
  const folder = await datasetFolder(t, "tad66k");
  const drawn = new Set<string>();
  for (let seed = 0; seed < 8; seed++) {
    const data = await readTad66k(folder, { validationFraction: 0.34, seed });
    assert.deepEqual(idsOf(data, "test"), ["100004d.jpg", "100005e.jpg"]);
    assert.equal(idsOf(data, "validation").length, 1);
    drawn.add(idsOf(data, "validation").join());
  }
  assert.ok(drawn.size > 1);
});

test("ICAA17K: color or MOS is the score, the other an attribute; ids are nested paths", async (t) => {
  const folder = await datasetFolder(t, "icaa17k");
  await paint(folder, ["images/complementary/orange_blue/one@N01.jpg", "images/monochromatic/white/five.jpg"]);
  assert.equal(await detectKind(folder), "icaa17k");
  const color = await readIcaa17k(folder);
  assert.deepEqual(color.scale, { min: 0, max: 10 });
  assert.deepEqual(
    color.samples.map(({ id, score, attributes, split }) => [id, score, attributes, split]),
    [
      ["complementary/orange_blue/one@N01.jpg", 6.415993, { MOS: 4.6430487632751465 }, "train"],
      ["monochromatic/white/five.jpg", 3.581374, { MOS: 2.031306743621826 }, "test"],
    ],
  );
  assert.deepEqual([idsOf(color, "train").length, idsOf(color, "test").length, color.missing.length], [3, 2, 3]);
  assert.equal(color.probabilities.get("monochromatic/white/three.jpg"), 0.9136051535606384);
  const mos = await readIcaa17k(folder, { column: "MOS" });
  assert.deepEqual([mos.samples[0]?.score, mos.samples[0]?.attributes], [4.6430487632751465, { color: 6.415993 }]);
});

test("ICAA17K: the names of the authors' repository, no probability", async (t) => {
  const folder = await datasetFolder(t, "icaa17k");
  await rename(join(folder, "train.csv"), join(folder, "1train.csv"));
  const without = (await readFile(join(folder, "test.csv"), "utf8")).replace(/,[^,\n]*$/gm, "");
  await rm(join(folder, "test.csv"));
  await writeFile(join(folder, "1test.csv"), without.replace("ID,color,MOS", "id,Color,mos"));
  assert.equal(await detectKind(folder), "icaa17k");
  const data = await readIcaa17k(folder);
  assert.deepEqual([data.missing.length, data.probabilities.size], [5, 3]);
});

test("AADB: three official parts, eleven attributes on a scale of their own", async (t) => {
  const folder = await datasetFolder(t, "aadb");
  await paint(folder, [
    "datasetImages_originalSize/farm1_255_1_a.jpg",
    "datasetImages_originalSize/farm3_1_4_d.jpg",
    "AADB_newtest_originalSize/farm4_1_6_f.jpg",
    // The copy at 256 pixels has the score before the name.
    "AADB_newtest/0.450_farm4_2_7_g.jpg",
  ]);
  assert.equal(await detectKind(folder), "aadb");
  const data = await readAadb(folder);
  assert.deepEqual(
    [...data.samples, ...data.missing].map(({ id, score, split }) => [id, score, split]),
    [
      ["farm1_255_1_a.jpg", 0.2, "train"],
      ["farm3_1_4_d.jpg", 0.25, "validation"],
      ["farm4_1_6_f.jpg", 0.2, "test"],
      ["farm4_2_7_g.jpg", 0.45, "test"],
      ["farm1_256_2_b.jpg", 0.45, "train"],
      ["farm2_9_3_c.jpg", 0.7, "train"],
      ["farm3_2_5_e.jpg", 0.5, "validation"],
    ],
  );
  const [first] = data.samples;
  assert.deepEqual(Object.keys(first?.attributes ?? {}), [...AADB_ATTRIBUTES]);
  // make.py: -1 + (3 j + 5) mod 21 tenths, for the j-th attribute of the first picture of "Train".
  assert.equal(first?.attributes?.["BalacingElements"], -0.5);
  assert.equal(first?.attributes?.["VividColor"], 0.4);
  assert.deepEqual(
    [data.scale, attributeScale(data, "DoF")],
    [
      { min: 0, max: 1 },
      { min: -1, max: 1 },
    ],
  );
  assert.equal(data.samples[3]?.image, join(folder, "AADB_newtest", "0.450_farm4_2_7_g.jpg"));
  assert.deepEqual(data.notes, []);
});

test("AADB: attribute files that are not there, or rate other pictures, are notes", async (t) => {
  const folder = await datasetFolder(t, "aadb");
  const labels = join(folder, "imgListFiles_label");
  await rm(join(labels, "imgListTrainRegression_Light.txt"));
  await writeFile(join(labels, "imgListTestNewRegression_DoF.txt"), "farm4_1_6_f.jpg 0.5\nstranger.jpg 0.1\n");
  const data = await readAadb(folder, { validationFraction: 0.5 });
  assert.deepEqual(data.notes, [
    "No file imgListTrainRegression_Light.txt: the train part lacks Light.",
    "Left out, rated in imgListTestNewRegression_DoF.txt but without a score: 1.",
    "Pictures of the test part that imgListTestNewRegression_DoF.txt does not rate: 1.",
  ]);
  const lacks = data.missing.filter(({ attributes }) => attributes?.["Light"] === undefined);
  assert.ok(lacks.length === 3 && lacks.every(({ split }) => split === "train"), "the official validation part stays");
});

test("PARA: means, standard deviations, votes and scenes by the columns' names; ids with and without .jpg", async (t) => {
  const folder = await datasetFolder(t, "para");
  await paint(folder, ["imgs/session1/iaa_pub1_.jpg", "imgs/session1/iaa_pub3_.jpg"]);
  assert.equal(await detectKind(folder), "para");
  const data = await readPara(folder);
  assert.deepEqual(data.scale, { min: 1, max: 5 });
  assert.deepEqual(data.samples[0], {
    id: "session1/iaa_pub1_",
    image: join(folder, "imgs", "session1", "iaa_pub1_.jpg"),
    score: 3.24,
    std: 0.51225,
    votes: [0, 0, 1, 3, 8, 9, 4, 0, 0],
    attributes: { compositionScore: 4.4, colorScore: 3.4, dofScore: 1.4, lightScore: 2.4, contentScore: 3.4 },
    attributeStds: {
      compositionScore: 0.489898,
      colorScore: 1.95959,
      dofScore: 0.489898,
      lightScore: 0.489898,
      contentScore: 0.489898,
    },
    theme: "portrait",
    split: "train",
  });
  assert.deepEqual([data.samples[1]?.id, data.samples[1]?.split], ["session1/iaa_pub3_", "test"]);
  assert.deepEqual(idsOf(data, "train"), ["session1/iaa_pub1_", "session1/iaa_pub2_", "session2/iaa_pub71_"]);
});

test("PARA: another order of columns, spaces, CRLF and a byte order mark read the same", async (t) => {
  const folder = await datasetFolder(t, "para");
  const file = join(folder, "annotation", "PARA-GiaaTrain.csv");
  const before = await readPara(folder);
  const rows = (await readFile(file, "utf8")).trim().split("\n");
  const turned = rows.map((row) =>
    row
      .split(",")
      .reverse()
      .map((field) => ` "${field}"`)
      .join(",")
      .trim(),
  );
  await writeFile(file, `\ufeff${turned.map((row) => row.replaceAll(' "', '"')).join("\r\n")}\r\n\r\n`);
  const { id, score, attributes, votes } = (await readPara(folder)).missing[0] ?? assert.fail();
  const first = before.missing[0] ?? assert.fail();
  assert.deepEqual({ id, score, votes }, { id: first.id, score: first.score, votes: first.votes });
  assert.deepEqual(attributes, first.attributes);
});

test("AADB and PARA: an attribute may be the score, on its own scale; pictures without it are left out", async (t) => {
  const aadb = await datasetFolder(t, "aadb");
  const labels = join(aadb, "imgListFiles_label");
  await writeFile(join(labels, "imgListTestNewRegression_DoF.txt"), "farm4_1_6_f.jpg 0.5\n");
  await paint(aadb, ["datasetImages_originalSize/farm1_255_1_a.jpg", "AADB_newtest_originalSize/farm4_1_6_f.jpg"]);
  const dof = await readDataset({ folder: aadb, column: "DoF" });
  assert.deepEqual([dof.name, dof.scale], ["AADB, DoF", { min: -1, max: 1 }]);
  assert.deepEqual(dof.samples.map(({ id, score }) => [id, score]).at(-1), ["farm4_1_6_f.jpg", 0.5]);
  assert.deepEqual([dof.samples.length, dof.missing.length, dof.rated?.length], [2, 4, 6]);
  assert.equal(dof.notes.at(-1), "Left out, without a rating of DoF: 1.");
  const para = await readDataset({ folder: await datasetFolder(t, "para"), column: "lightScore" });
  const { score, std, votes, attributes } = para.rated?.[0] ?? assert.fail();
  // The votes are of the score.
  assert.deepEqual([score, std, votes, attributes], [2.4, 0.489898, undefined, undefined]);
  await assert.rejects(readDataset({ folder: aadb, column: "MOS" }), { code: "USAGE", message: /known: .*DoF/ });
});

/** Fixture, file, how it is broken, the error. */
const BROKEN: readonly [string, string, (text: string) => string, RegExp][] = [
  [
    "tad66k",
    "merge/train.csv",
    (s) => s.replace("3.2", "three"),
    /train\.csv, line 3, column "score": "three" is not a number/,
  ],
  [
    "tad66k",
    "merge/train.csv",
    (s) => s.replace("3.2", ""),
    /line 3, column "score": is empty where a number is needed/,
  ],
  ["tad66k", "merge/train.csv", (s) => s.replace("3.2", "nan"), /line 3, column "score": "nan" is not a finite number/],
  [
    "tad66k",
    "merge/train.csv",
    (s) => s.replace("image,", "picture,"),
    /line 1: no column "image" in the header \(picture, score\)/,
  ],
  ["tad66k", "merge/train.csv", (s) => s.replace("3.2", "3.2,7"), /train\.csv: Invalid Record Length.* line 3/],
  ["tad66k", "merge/train.csv", () => "image,score\n", /train\.csv: no row under the header/],
  ["tad66k", "merge/test.csv", () => "", /test\.csv: is empty/],
  [
    "tad66k",
    "unmerge/test/wedding.csv",
    (s) => s.replace("100005e.jpg", ""),
    /wedding\.csv, line 2, column "image": is empty/,
  ],
  ["icaa17k", "test.csv", (s) => s.replace("2.031306743621826", "2,03"), /test\.csv: .* line 3/],
  [
    "icaa17k",
    "test.csv",
    (s) => s.replace("ID,color", "ID,colour"),
    /line 1: no column "color" in the header \(ID, colour, MOS/,
  ],
  [
    "aadb",
    "imgListFiles_label/imgListTestNewRegression_score.txt",
    (s) => s.replace(" 0.2", " x"),
    /score\.txt, line 1, column 2 \(value\): "x" is not a number/,
  ],
  [
    "aadb",
    "imgListFiles_label/imgListTrainRegression_DoF.txt",
    (s) => s.replace(/ .*/, ""),
    /DoF\.txt, line 1: "farm1_255_1_a\.jpg" is not "filename value"/,
  ],
  [
    "para",
    "annotation/PARA-GiaaTest.csv",
    (s) => s.replace(",dofScore_mean", ",dof_mean"),
    /GiaaTest\.csv, line 1: no column "dofScore_mean"/,
  ],
  [
    "para",
    "annotation/PARA-GiaaTest.csv",
    (s) => s.replace("2.74", "-"),
    /GiaaTest\.csv, line 2, column "aestheticScore_mean": "-" is not a number/,
  ],
];

for (const [name, file, breakIt, message] of BROKEN) {
  test(`a broken ${name} file is named with line, column and a remedy: ${message.source}`, async (t) => {
    const folder = await datasetFolder(t, name);
    const path = join(folder, file);
    await writeFile(path, breakIt(await readFile(path, "utf8")));
    await assert.rejects(readDataset({ folder, kind: name as "tad66k" }), (error: Error & { code?: string }) => {
      assert.equal(error.code, "DATA_INVALID");
      assert.match(error.message, message);
      assert.match(error.message, /official/);
      return true;
    });
  });
}

test("an absent official file is named, and an image folder that was named and is none", async (t) => {
  const absent: readonly [string, string][] = [
    ["tad66k", "merge/test.csv"],
    ["icaa17k", "test.csv"],
    ["aadb", "imgListFiles_label/imgListValidationRegression_score.txt"],
    ["para", "annotation/PARA-GiaaTest.csv"],
  ];
  for (const [name, file] of absent) {
    const folder = await datasetFolder(t, name);
    await assert.rejects(readDataset({ folder, images: "nowhere" }), { code: "FILE_NOT_FOUND", message: /nowhere/ });
    await rm(join(folder, file));
    const message = new RegExp(`${file.replaceAll(".", "\\.")} does not exist\\. .*official`);
    await assert.rejects(readDataset({ folder }), { code: "FILE_NOT_FOUND", message });
  }
});

test("a folder without any data set says what was looked for", async (t) => {
  const folder = await datasetFolder(t, "para");
  await rm(join(folder, "annotation"), { recursive: true });
  assert.equal(await detectKind(folder), undefined);
  const message = /holds no data set that is known here\. Looked for .*AVA\.txt.*PARA-GiaaTrain\.csv/;
  await assert.rejects(readDataset({ folder }), { code: "DATA_INVALID", message });
  await assert.rejects(readDataset({ folder: join(folder, "gone") }), { code: "FILE_NOT_FOUND", message: /gone/ });
});
