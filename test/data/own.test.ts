/** Your own CSV and JSON Lines files with their card. */
import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { attributeScale, detectKind, readDataset, readOwn } from "../../src/data/index.js";
import { datasetFolder, paint } from "./support.js";

test("CSV: every column that has a meaning, attributes on their own scales, empty fields", async (t) => {
  const folder = await datasetFolder(t, "own-csv");
  await paint(folder, ["images/a.jpg", "b.jpg", "images/sub/c.jpg"]);
  assert.equal(await detectKind(folder), "csv");
  const data = await readDataset({ folder });
  assert.deepEqual([data.name, data.scale], ["Harbour", { min: 1, max: 5 }]);
  assert.deepEqual(attributeScale(data, "composition"), { min: -1, max: 1 });
  assert.deepEqual(attributeScale(data, "light"), { min: 1, max: 5 });
  assert.deepEqual(data.samples, [
    {
      id: "a.jpg",
      score: 3,
      std: 1,
      votes: [1, 2, 4, 2, 1],
      attributes: { composition: 0.5, light: 4 },
      comments: ["calm, but flat"],
      theme: "sea",
      split: "train",
      image: join(folder, "images", "a.jpg"),
    },
    {
      id: "b.jpg",
      score: 4.2,
      std: 0.8,
      votes: [0, 0, 2, 4, 4],
      attributes: { composition: -0.5, light: 2.5 },
      theme: "city",
      split: "train",
      image: join(folder, "b.jpg"),
    },
    {
      id: "sub/c.jpg",
      score: 1.5,
      attributes: { light: 3 },
      comments: ['says "no"'],
      split: "validation",
      image: join(folder, "images", "sub", "c.jpg"),
    },
  ]);
  assert.deepEqual(
    data.missing.map(({ id, image }) => [id, image]),
    [["d.jpg", join(folder, "d.jpg")]],
  );
});

test("the label file itself may be given, and the scale by the caller", async (t) => {
  const folder = await datasetFolder(t, "own-csv");
  await rm(join(folder, "dataset.json"));
  const file = join(folder, "labels.csv");
  assert.equal(await detectKind(file), "csv");
  const message = /does not state the scale.*dataset\.json there: \{"name": .*"scale": \{"min": 1, "max": 10\}\}/;
  await assert.rejects(readDataset({ folder: file }), { code: "DATA_INVALID", message });
  const data = await readOwn(file, { scale: { min: 0, max: 5 } });
  assert.deepEqual([data.name, data.scale.min, data.missing.length], ["labels", 0, 4]);
});

test("JSON Lines: lists, nested attributes, blank lines", async (t) => {
  const folder = await datasetFolder(t, "own-jsonl");
  const { missing, name } = await readDataset({ folder });
  assert.equal(name, "Percent");
  assert.deepEqual(
    missing.map(({ score, std, votes, attributes, comments, theme, split }) => {
      return { score, std, votes, attributes, comments, theme, split };
    }),
    [
      {
        ...{ score: 72, std: undefined, votes: [0, 1, 5, 3, 1], attributes: { sharpness: 60 } },
        ...{ comments: ["one", "two"], theme: undefined, split: "train" },
      },
      {
        ...{ score: 15.5, std: 4, votes: undefined, attributes: { sharpness: 20 } },
        ...{ comments: ["dull"], theme: undefined, split: "test" },
      },
      {
        ...{ score: 40, std: undefined, votes: undefined, attributes: undefined },
        ...{ comments: undefined, theme: "night", split: "train" },
      },
    ],
  );
});

test("without a column split the test part is drawn by the seed, and said", async (t) => {
  const folder = await datasetFolder(t, "own-csv");
  const rows = Array.from({ length: 40 }, (_, i) => `p${i}.jpg;${1 + (i % 5)}`);
  await writeFile(join(folder, "labels.csv"), `image;score\r\n${rows.join("\r\n")}`);
  const partOf = async (seed: number, split: string): Promise<string> => {
    const data = await readOwn(folder, { seed, testFraction: 0.25, validationFraction: 0.2 });
    assert.equal(data.notes[0], `No column "split": the test part is drawn by seed ${seed}, 10 of 40.`);
    return data.missing
      .filter((sample) => sample.split === split)
      .map(({ id }) => id)
      .join();
  };
  assert.equal((await partOf(1, "test")).split(",").length, 10);
  assert.equal((await partOf(1, "validation")).split(",").length, 6);
  assert.equal(await partOf(1, "test"), await partOf(1, "test"));
  assert.notEqual(await partOf(1, "test"), await partOf(2, "test"));
});

test("a card that lists the attributes leaves other columns unread, and says so", async (t) => {
  const folder = await datasetFolder(t, "own-csv");
  const card = { scale: { min: 1, max: 5 }, attributes: ["light", "depth"], images: "." };
  await writeFile(join(folder, "dataset.json"), JSON.stringify(card));
  const data = await readDataset({ folder });
  assert.deepEqual(data.missing[0]?.attributes, { light: 4 });
  assert.deepEqual(data.notes, [
    "Columns that are not read, since dataset.json does not name them: composition.",
    'dataset.json names the attribute "depth", which no picture has.',
  ]);
});

test("votes as a JSON list in a CSV field", async (t) => {
  const folder = await datasetFolder(t, "own-csv");
  await writeFile(join(folder, "labels.csv"), 'image,score,votes\na.jpg,3,"[1, 2, 1]"\nb.jpg,2,\n');
  const { missing } = await readOwn(folder);
  assert.deepEqual(
    missing.map(({ votes }) => votes),
    [[1, 2, 1], undefined],
  );
});

/** The file's new text, the error. */
const BROKEN_CSV: readonly [(text: string) => string, RegExp][] = [
  [
    (s) => s.replace(",4,1.0", ",bright,1.0"),
    /labels\.csv, line 2, column "light": "bright" is not a number\. .*"attributes"/,
  ],
  [(s) => s.replace("a.jpg,3,", "a.jpg,,"), /labels\.csv, line 2, column "score": is empty where a number is needed/],
  [(s) => s.replace("b.jpg", ""), /labels\.csv, line 3, column "image": is empty/],
  [
    (s) => s.replace("val\n", "someday\n"),
    /labels\.csv, line 4, column "split": "someday" is not a split\. Write train/,
  ],
  [(s) => s.replace("val\n", "\n"), /labels\.csv, line 4, column "split": is empty, but other rows name one/],
  [
    (s) => s.replace("1,2,4,2,1", "1,2,4,2,"),
    /labels\.csv, line 2, column "votes_5": is empty where a number is needed/,
  ],
  [(s) => s.replace("composition", "Light"), /labels\.csv, header: the column "light" occurs twice/],
  [(s) => s.replace("Score", "points"), /labels\.csv, line 1: no column "score" in the header \(Image, points, /],
  [(s) => s.replace('"calm, but flat"', '"calm'), /labels\.csv: Invalid Closing Quote: .* at line 4/],
];

for (const [breakIt, message] of BROKEN_CSV) {
  test(`a broken CSV is named with line and column: ${message.source}`, async (t) => {
    const folder = await datasetFolder(t, "own-csv");
    const file = join(folder, "labels.csv");
    await writeFile(file, breakIt(await readFile(file, "utf8")));
    await assert.rejects(readOwn(folder), { code: "DATA_INVALID", message });
  });
}

const BROKEN_JSONL: readonly [string, RegExp][] = [
  ['{"image": "a.png", "score": NaN}', /ratings\.jsonl, line 1: is not JSON .*Write one object per line/],
  ["[1]", /ratings\.jsonl, line 1: is not a JSON object/],
  ['{"image": "a.png", "score": 1}\n{"image": "b.png", "score": {}}', /line 2, column "score": is not a number/],
  ['{"image": "a.png", "score": 1, "votes": "many"}', /line 1, column "votes": is not a list of counts\. .*\[0, 3/],
  ['{"score": 1}', /line 1, column "image": is empty/],
  [
    '{"image": "a.png", "score": 1, "comments": [4]}',
    /line 1, column "comments": is neither a text nor a list of texts/,
  ],
  ["", /ratings\.jsonl: is empty/],
];

for (const [text, message] of BROKEN_JSONL) {
  test(`a broken JSON Lines file is named with line and key: ${message.source}`, async (t) => {
    const folder = await datasetFolder(t, "own-jsonl");
    await writeFile(join(folder, "ratings.jsonl"), text);
    await assert.rejects(readOwn(folder), { code: "DATA_INVALID", message });
  });
}

test("a card that is wrong, no label file, and several", async (t) => {
  const folder = await datasetFolder(t, "own-csv");
  const card = join(folder, "dataset.json");
  await writeFile(card, '{"scale": {"min": 5, "max": 1}}');
  await assert.rejects(readOwn(folder), {
    code: "DATA_INVALID",
    message: /dataset\.json: key "scale": min must be below max/,
  });
  await writeFile(card, '{"scale": {"min": 1}}');
  await assert.rejects(readOwn(folder), { code: "DATA_INVALID", message: /dataset\.json: key "scale\.max"/ });
  await writeFile(card, "{");
  await assert.rejects(readOwn(folder), { code: "DATA_INVALID", message: /dataset\.json: is not JSON/ });
  await writeFile(card, '{"scale": {"min": 1, "max": 5}}');
  await writeFile(join(folder, "more.jsonl"), "");
  await assert.rejects(readOwn(folder), {
    code: "USAGE",
    message: /labels\.csv, more\.jsonl.*"file" in dataset\.json/,
  });
  assert.equal((await readOwn(folder, { file: "labels.csv" })).missing.length, 4);
  await rm(join(folder, "more.jsonl"));
  await rm(join(folder, "labels.csv"));
  await assert.rejects(readOwn(folder), { code: "FILE_NOT_FOUND", message: /has no label file; put a CSV/ });
});

test("attributes that could be taken for the score, for another column or for one another are refused", async (t) => {
  const folder = await datasetFolder(t, "own-csv");
  await paint(folder, ["a.jpg", "b.jpg"]);
  const card = async (more: object = {}): Promise<void> =>
    writeFile(join(folder, "dataset.json"), JSON.stringify({ scale: { min: 1, max: 5 }, ...more }));
  const readFrom = async (file: string, text: string) => {
    await writeFile(join(folder, file), text);
    return readOwn(folder, { file });
  };
  const csv = (column: string): string => `image,score,light,${column}\na.jpg,3,1,2\nb.jpg,3,1,2\n`;
  await card();
  for (const [name, why] of [
    ["overall", /own\.csv, line 2, column "overall": .*\{overall\} is the column "score"/],
    ["Overall", /column "Overall"/],
    ["error", /a column of evaluations/],
    ["predicted_light", /a column of evaluations/],
  ] as const) {
    await assert.rejects(readFrom("own.csv", csv(name)), { code: "DATA_INVALID", message: why }, name);
  }
  const json = (line: object): string => `{"image": "a.jpg", "score": 3, "light": 2}\n${JSON.stringify(line)}\n`;
  const row = { image: "b.jpg", score: 3 };
  for (const [more, why] of [
    [{ attributes: { overall: 1 } }, /own\.jsonl, line 2, column "overall"/],
    [{ attributes: { score: 1 } }, /column "score": is not a valid attribute name/],
    [{ attributes: { Comment: 1 } }, /column "Comment": is not a valid attribute name/],
    [{ attributes: { " score": 1 } }, /column " score": is not a valid attribute name/],
    [{ light: 1, attributes: { light: 2 } }, /column "light": occurs twice/],
    [{ attributes: { Light: 1 } }, /"Light": differs from the column "light" only by case or spaces/],
    [{ "light ": 1 }, /"light ": differs from the column "light"/],
    [{ Score: 1 }, /column "Score": occurs twice/],
  ] as const) {
    const text = json({ ...row, ...more });
    await assert.rejects(readFrom("own.jsonl", text), { code: "DATA_INVALID", message: why }, text);
  }
  // The card may say that they are no attributes.
  await card({ attributes: ["light"] });
  const { samples } = await readFrom("own.csv", csv("overall"));
  assert.deepEqual(samples[0]?.attributes, { light: 1 });
});
