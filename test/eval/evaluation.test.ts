/** The runner: predictions that are kept and gone on with, other systems' files, figures and their intervals. */
import assert from "node:assert/strict";
import { appendFile, readFile, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Random } from "../../src/random.js";
import { type LoadedDataset, type Sample } from "../../src/data/index.js";
import { isRocError } from "../../src/errors.js";
import { agreementFigures, METRIC_NAMES } from "../../src/metrics/agreement.js";
import { bootstrapInterval, ofPairs } from "../../src/metrics/bootstrap.js";
import { krcc, mae, plcc, rmse, srcc, type Numbers } from "../../src/metrics/scores.js";
import { readRows } from "../../src/eval/rows.js";
import {
  predict,
  readKept,
  readSystem,
  readTable,
  summarise,
  writeTable,
  type Prediction,
} from "../../src/eval/index.js";
import { fakeEngine, failureFor } from "../cli/support.js";
import { answerOf, ratedData, ratedFolder, temporary } from "./support.js";
import { fixture } from "../support.js";

interface Prepared {
  readonly data: LoadedDataset;
  readonly samples: readonly Sample[];
  readonly partial: string;
}

async function prepared(t: TestContext): Promise<Prepared> {
  const data = await ratedData(await ratedFolder(t));
  return { data, samples: data.samples, partial: join(await temporary(t), "partial.jsonl") };
}

/** Predicts with the made-up model; `stopAfter` pictures the signal fires. */
async function predicted({ data, samples, partial }: Prepared, stopAfter = Infinity, answer = answerOf) {
  const scored: string[] = [];
  const controller = new AbortController();
  const engine = fakeEngine((file) => {
    scored.push(file);
    if (scored.length >= stopAfter) controller.abort();
    return answer(file);
  }, { disposed: false }); // prettier-ignore
  const model = await engine.load("model");
  const done: number[] = [];
  const options = {
    partial,
    settings: { model: "a" },
    signal: controller.signal,
    onProgress: (n: number) => done.push(n),
  };
  const rows = await predict(model, data, samples, options).catch((error: unknown) => error);
  return { rows: rows as Prediction[], scored, done };
}

test("every score is on the data set's scale, attributes on their own", async (t) => {
  const all = await prepared(t);
  const { rows, done } = await predicted(all);
  assert.equal(rows.length, all.samples.length);
  rows.forEach((row, i) => {
    const { score, attributes } = answerOf(row.image);
    assert.equal(row.id, all.samples[i]?.id);
    assert.ok(Math.abs((row.predicted["score"] ?? NaN) - (1 + ((score - 1) / 9) * 4)) < 1e-12);
    assert.ok(
      Math.abs((row.predicted["light"] ?? NaN) - (-1 + (((attributes?.["light"] ?? NaN) - 1) / 9) * 2)) < 1e-12,
    );
    assert.ok(Math.abs((row.std ?? NaN) - (1.5 * 4) / 9) < 1e-12);
    assert.equal(row.truth["score"], all.samples[i]?.score);
  });
  assert.deepEqual(done.slice(0, 2), [0, 1]);
});

test("after an abort only what is left is predicted, and the rows are those of one piece", async (t) => {
  const all = await prepared(t);
  const whole = await predicted({ ...all, partial: `${all.partial}.whole` });
  const first = await predicted(all, 7);
  assert.ok(isRocError(first.rows) && first.rows.code === "ABORTED");
  const kept = await readKept(all.partial);
  assert.ok(kept.length >= 6 && kept.length <= 7, `${kept.length} rows were kept`);
  const second = await predicted(all);
  assert.deepEqual(second.scored, all.samples.slice(kept.length).map(({ image }) => image)); // prettier-ignore
  assert.deepEqual(second.rows, whole.rows);
  assert.deepEqual(second.done.slice(0, 2), [kept.length, kept.length + 1]);
  // A third time there is nothing left.
  assert.deepEqual((await predicted(all)).scored, []);
});

test("a cut last line, even within a letter, is predicted again", async (t) => {
  const all = await prepared(t);
  const whole = await predicted(all);
  const text = await readFile(all.partial);
  for (const cut of [1, 40]) {
    await writeFile(all.partial, text);
    await truncate(all.partial, text.length - cut);
    const again = await predicted(all);
    assert.deepEqual(again.scored, [all.samples.at(-1)?.image]);
    assert.deepEqual(again.rows, whole.rows);
    assert.deepEqual(await readFile(all.partial), text);
  }
  await truncate(all.partial, text.length - 1);
  await appendFile(all.partial, Buffer.from("é").subarray(0, 1));
  assert.deepEqual((await predicted(all)).rows, whole.rows);
});

test("a line that is none of ours is named", async (t) => {
  const all = await prepared(t);
  await writeFile(all.partial, '{"settings": {"model": "a"}}\n{"id": "x"}\n');
  const { rows } = await predicted(all);
  assert.ok(isRocError(rows) && rows.code === "DATA_INVALID");
  assert.match(rows.message, /partial\.jsonl, line 2 is none that this program keeps/);
});

test("a picture that has changed, moved or could not be read is predicted again", async (t) => {
  const all = await prepared(t);
  const images = all.samples.map(({ image }) => image);
  const [first = "", second = "", third = ""] = images;
  const broken = (file: string) => (file === first ? failureFor(file) : answerOf(file)) as never;
  await predicted(all, Infinity, broken);
  const again = await predicted(all);
  assert.deepEqual(again.scored, [first]);
  assert.equal(again.rows[0]?.error, undefined);
  // Of the same size and place, and yet another picture.
  await utimes(second, 1e9, 1e9);
  assert.deepEqual((await predicted(all)).scored, [second]);
  await writeFile(third, "another size");
  assert.deepEqual((await predicted(all)).scored, [third]);
  const moved = all.samples.map((sample, i) => (i === 1 ? { ...sample, image: third } : sample));
  assert.deepEqual((await predicted({ ...all, samples: moved })).scored, [third]);
  assert.deepEqual(
    (await readKept(all.partial)).map(({ id }) => id),
    all.samples.map(({ id }) => id),
  );
});

test("two rows of one picture keep their own ratings", async (t) => {
  const all = await prepared(t);
  const [first] = all.samples as [Sample];
  const { rows } = await predicted({ ...all, samples: [first, { ...first, score: 1.25, theme: "other" }] });
  assert.deepEqual(rows.map(({ truth, theme }) => [truth["score"], theme]), [[first.score, first.theme], [1.25, "other"]]); // prettier-ignore
});

test("failures are counted by code, kept as rows and left out of the figures", async (t) => {
  const all = await prepared(t);
  const broken = new Set(all.samples.slice(2, 5).map(({ image }) => image));
  const { rows } = await predicted(
    all,
    Infinity,
    (file) => (broken.has(file) ? failureFor(file) : answerOf(file)) as never,
  );
  assert.equal(rows.length, all.samples.length);
  const summary = summarise(rows, { scale: all.data.scale, seed: 0, resamples: 10 });
  assert.deepEqual(summary.failures, { IMAGE_BROKEN: 3 });
  assert.deepEqual([summary.count, summary.scored], [24, 21]);
  const good = rows.filter(({ error }) => !error);
  assert.deepEqual(summary.overall, summarise(good, { scale: all.data.scale, seed: 0, resamples: 10 }).overall);
  const none = summarise(rows.slice(2, 5), { scale: all.data.scale, seed: 0 });
  assert.deepEqual([none.scored, none.overall.srcc, none.overall.mae, none.byTrueScore], [0, null, null, []]);
});

test("CSV, Parquet and JSON Lines of our own table, and score --json, give the same figures", async (t) => {
  const all = await prepared(t);
  const { rows } = await predicted(
    all,
    Infinity,
    (file) => (file.endsWith("p4.png") ? failureFor(file) : answerOf(file)) as never,
  );
  const options = { scale: all.data.scale, seed: 5, resamples: 50 };
  const wanted = summarise(rows, options);
  assert.ok(wanted.distributions.count === 23 && wanted.coverage.length === 4);
  const folder = await temporary(t);
  await writeTable(join(folder, "t.csv"), rows);
  await writeTable(join(folder, "t.parquet"), rows);
  const lines = (objects: readonly object[]): string => objects.map((one) => `${JSON.stringify(one)}\n`).join("");
  await writeFile(join(folder, "scores.jsonl"), lines(all.samples.map(({ image }) => (image.endsWith("p4.png") ? failureFor(image) : answerOf(image))))); // prettier-ignore
  for (const name of ["t.csv", "t.parquet", "scores.jsonl"]) {
    const { predictions, unmatched } = await readSystem(join(folder, name), all.data, all.samples);
    assert.deepEqual(summarise(predictions, options), wanted, name);
    assert.equal(unmatched, 0);
  }
  for (const name of ["t.csv", "t.parquet"]) assert.deepEqual(await readTable(join(folder, name)), rows, name);
});

for (const compression of ["zstd", "gzip", "brotli"]) {
  test(`a Parquet file of another tool, compressed by ${compression}`, async () => {
    const rows = await readRows(fixture(`predictions/${compression}.parquet`));
    assert.deepEqual(
      rows.map((row) => [row.get("image"), row.get("score")]),
      [
        ["1.jpg", 1.5],
        ["2.jpg", 2.25],
        ["3.jpg", 3],
        ["4.jpg", 9.75],
      ],
    );
  });
}

test("pictures go by id, path, file name or stem; what fits none is counted, what fits two is refused", async (t) => {
  const { data, samples, partial } = await prepared(t);
  const file = `${partial}.csv`;
  const read = async (text: string, of = samples) => {
    await writeFile(file, text);
    return readSystem(file, data, of);
  };
  const [a, b, c] = samples as [Sample, Sample, Sample];
  const found = await read(`Name , Prediction\n${a.id},2\nelsewhere/p1.jpg,3\n${c.image},4\nstranger.png,1\n`);
  assert.deepEqual(found.predictions.slice(0, 4).map(({ predicted: { score } }) => score), [2, 3, 4, null]); // prettier-ignore
  assert.deepEqual([found.unmatched, found.unmatchedId], [1, "stranger.png"]);
  assert.deepEqual(found.predictions[3]?.error?.code, "MISSING");
  await assert.rejects(read(`id,score\n${a.id},2\n${a.image},3\n`), /row 2: .* stands there twice/);
  const sameNames = [a, { ...b, id: "other", image: `other/${a.image.split("/").at(-1)}` }];
  await assert.rejects(read("id,score\np0,2\n", sameNames), /row 1: p0 may be p0\.png or other; name pictures by/);
  const byId = await read("id,score\nother,2\n", sameNames);
  assert.deepEqual(byId.predictions.map(({ predicted: { score } }) => score), [null, 2]); // prettier-ignore
});

test("a column that holds the data set's own labels is not taken for predictions", async (t) => {
  const { data, samples, partial } = await prepared(t);
  const file = `${partial}.csv`;
  const rows = samples.map(({ id, score }, i) => `C:\\photos\\${id},${score.toFixed(4)},${2 + (i % 5)}\n`);
  await writeFile(file, `image,score,my_model\n${rows.join("")}`);
  const message = /column score holds the data set's own labels.*--score-column; there are image, score, my_model/;
  await assert.rejects(readSystem(file, data, samples), { code: "DATA_INVALID", message });
  const { predictions, columns } = await readSystem(file, data, samples, { scoreColumn: "my_model" });
  assert.deepEqual(predictions.slice(0, 3).map(({ predicted: { score } }) => score), [2, 3, 4]); // prettier-ignore
  assert.deepEqual(columns, { id: "image", score: "my_model" });
  const asked = await readSystem(file, data, samples, { scoreColumn: "score" });
  assert.ok(asked.predictions.every(({ predicted, truth }) => Math.abs((predicted["score"] ?? 0) - (truth["score"] ?? 9)) < 1e-3)); // prettier-ignore
});

test("files of other systems that make no sense are refused with a place", async (t) => {
  const { data, samples, partial } = await prepared(t);
  const cases: [name: string, text: string, message: RegExp][] = [
    ["a.csv", "id,score\n", /holds no row/],
    ["a.csv", "picture,score\np0,2\n", /no column for the picture: looked for id, image.*found picture, score/],
    ["a.csv", "id,quality\np0,2\n", /no column for the prediction/],
    ["a.csv", "id,score\np0,0x10\n", /score of p0\.png is "0x10", no number/],
    ["a.csv", "id,score\np0,good\n", /no score for any picture: .*score of p0\.png is "good", no number/],
    [
      "a.csv",
      "id,score\nstranger,2\n",
      /No row .* belongs to a picture of this part\. It has stranger, the data set p0/,
    ],
    ["a.csv", 'id,score,distribution\np0,2,"[0, 0]"\n', /distribution of p0\.png is \[0,0\]; give weights/],
    ["a.csv", "id,score,distribution\np0,2,0.5;0.5\n", /distribution of p0\.png is "0\.5;0\.5"; write a list/],
    ["a.csv", 'id,score\n"p0,2\n', /is not a CSV file/],
    ["a.jsonl", '{"id": "p0", "score": 2}\n[1]\n', /line 2 is no JSON object/],
    ["a.jsonl", '{"id": "p0", "score": 2, "scale": {"min": 5, "max": 1}}\n', /scale of p0\.png/],
    ["a.parquet", "nonsense", /is not a CSV file with a header, JSON Lines/],
  ];
  for (const [name, text, message] of cases) {
    const file = `${partial}.${name}`;
    await writeFile(file, text);
    await assert.rejects(readSystem(file, data, samples), (error) => {
      assert.ok(isRocError(error) && error.code === "DATA_INVALID", String(error));
      assert.match(error.message, message);
      return true;
    });
  }
  await assert.rejects(readSystem("nowhere.csv", data, samples), /nowhere\.csv does not exist/);
});

test("what has no score is counted by its reason: no row, no number in it, or an answer that is none", async (t) => {
  const { data, samples, partial } = await prepared(t);
  const read = async (name: string, text: string) => {
    await writeFile(`${partial}.${name}`, text);
    const { predictions } = await readSystem(`${partial}.${name}`, data, samples);
    return summarise(predictions, { scale: data.scale, seed: 0, resamples: 10 });
  };
  const missing = samples.length - 5;
  const csv = await read("a.csv", "id,score\np0,2\np1,NaN\np2,\np3,rather good\np4,inf\n");
  const jsonl = await read("a.jsonl", '{"id":"p0","score":2}\n{"id":"p1","score":NaN}\n{"id":"p2","score":null}\n{"id":"p3","score":"rather good, not NaN"}\n{"id":"p4","score":-Infinity}\n'); // prettier-ignore
  for (const { scored, failures } of [csv, jsonl]) {
    assert.equal(scored, 1);
    assert.deepEqual(failures, { NO_SCORE: 2, ANSWER_UNCLEAR: 2, MISSING: missing });
  }
});

test("other signs between columns, a JSON array, other names and scales, and distributions alone", async (t) => {
  const { data, samples, partial } = await prepared(t);
  const read = async (name: string, text: string, options = {}) => {
    await writeFile(`${partial}.${name}`, text);
    const { predictions } = await readSystem(`${partial}.${name}`, data, samples, options);
    return predictions.slice(0, 2).map(({ predicted, std }) => [predicted["score"], std]);
  };
  const wanted = [[2, null], [3.5, null]]; // prettier-ignore
  assert.deepEqual(await read("a.tsv", "Image_Path\tMOS\n/x/p0.png\t2\n/x/p1.png\t3.5\n"), wanted);
  assert.deepEqual(await read("a.csv", "image;score\np0.png;2\np1.png;3,5\n"), wanted);
  assert.deepEqual(await read("a.json", '[\n {"id": "p0", "pred": 2},\n {"id": "p1", "pred": 3.5}\n]'), wanted);
  const own = { idColumn: "Photo", scoreColumn: "q", scale: { min: 0, max: 100 } };
  assert.deepEqual(await read("b.csv", "photo,score,Q\np0,9,25\np1,9,62.5\n", own), wanted);
  assert.deepEqual(await read("c.csv", 'id,distribution\np0,"[0, 2, 0, 0, 0]"\np1,"[0, 0, 1, 1, 0]"\n'), [[2, 0], [3.5, 0.5]]); // prettier-ignore
});

/** Ratings with many ties and predictions with some. */
function pairs(count: number, seed: number): [number[], number[]] {
  const random = new Random(seed);
  const truth = Array.from({ length: count }, () => 1 + random.int(7));
  return [truth.map((value) => Math.round(4 * (value + random.gaussian(0, 2))) / 4), truth];
}

test("the quick intervals are those of the plain bootstrap, ties and constant resamples included", () => {
  const metrics: Record<string, (a: Numbers, b: Numbers) => number | null> = { srcc, plcc, krcc, mae, rmse };
  const shifted = pairs(30, 4).map((side) => side.map((value) => value + 1e6)) as [number[], number[]];
  for (const [x, y] of [
    pairs(40, 1),
    pairs(3, 2),
    shifted,
    [
      [1, 1, 1, 2],
      [3, 4, 3, 3],
    ] as [number[], number[]],
  ]) {
    const options = { seed: 9, resamples: 200 };
    const quick = agreementFigures(x, y, options);
    for (const name of METRIC_NAMES) {
      const plain = bootstrapInterval(ofPairs(metrics[name] ?? srcc, x, y), y.length, options);
      const found = quick[name];
      assert.ok(plain && found, name);
      assert.equal(found.value, plain.value, name);
      assert.equal(found.undefinedResamples, plain.undefinedResamples, name);
      assert.ok(Math.abs(found.low - plain.low) < 1e-9 && Math.abs(found.high - plain.high) < 1e-9, `${name}: ${found.low} ${plain.low}`); // prettier-ignore
    }
  }
  assert.deepEqual(agreementFigures([2, 2], [1, 3], { seed: 0, resamples: 5 }).srcc, null);
  assert.deepEqual(agreementFigures([], [], { seed: 0, resamples: 5 }).mae, null);
});
