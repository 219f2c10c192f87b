/** The label doctor on data sets with planted faults. */
import assert from "node:assert/strict";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  BINS,
  checkDataset,
  countFindings,
  readDataset,
  dataReportPage,
  type DataReport,
  type LoadedDataset,
  type ProblemKind,
  type Sample,
} from "../../src/data/index.js";
import { decodeImage } from "../../src/image/index.js";
import { datasetFolder, paint } from "./support.js";

const SCALE = { min: 1, max: 5 };

/** A data set of samples whose images are never looked for. */
function datasetOf(...labels: readonly Partial<Sample>[]): LoadedDataset {
  const missing = labels.map((label, i) => {
    return { id: `p${i}`, image: `/nowhere/p${i}.jpg`, score: 2 + i / 10, split: "train" as const, ...label };
  });
  const attributeScales = { balance: { min: -1, max: 1 } };
  return { name: "made up", scale: SCALE, attributeScales, samples: [], missing, notes: [] };
}

/** The findings of a kind: ids and what is said of them. */
function findingsOf({ problems }: DataReport, kind: ProblemKind): [string, string][] {
  const found = problems.find((problem) => problem.kind === kind)?.findings ?? [];
  return found.map(({ pictures, detail }) => [pictures.map(({ id }) => id).join("+"), detail]);
}

/** The kinds found, but for the images that no made-up data set has. */
function kindsOf({ problems }: DataReport): string[] {
  return problems.map(({ kind }) => kind).filter((kind) => kind !== "missing-image");
}

test("a sound data set has no problem", async (t) => {
  const folder = await datasetFolder(t, "own-csv");
  await paint(folder, ["a.jpg", "b.jpg", "sub/c.jpg", "d.jpg"]);
  const report = await checkDataset(await readDataset({ folder }), { decode: (file) => decodeImage(file) });
  assert.deepEqual([report.problems, countFindings(report)], [[], 0]);
  assert.deepEqual([report.images, report.opened, report.decoded], [4, 4, true]);
  assert.deepEqual(report.rows, {
    train: { rated: 2, missing: 0 },
    validation: { rated: 1, missing: 0 },
    test: { rated: 1, missing: 0 },
  });
});

test("labels: not finite, out of range, each on its own scale, with the picture and the value", async () => {
  const report = await checkDataset(
    datasetOf(
      { score: 5.2, attributes: { balance: 0.5, light: 3 } },
      { score: NaN, attributes: { balance: -1.5, light: 1 } },
      { attributes: { balance: 1, light: 0.5 } },
      { std: Infinity, attributes: { light: -Infinity } },
    ),
  );
  assert.deepEqual(findingsOf(report, "out-of-range"), [
    ["p0", "score is 5.2, outside 1 to 5"],
    ["p1", "balance is -1.5, outside -1 to 1"],
    ["p2", "light is 0.5, outside 1 to 5"],
  ]);
  assert.deepEqual(findingsOf(report, "non-finite"), [
    ["p1", "score is NaN"],
    ["p3", "std is Infinity"],
    ["p3", "light is -Infinity"],
  ]);
});

test("constant columns: in all rows, or in one split", async () => {
  const all = await checkDataset(datasetOf({ attributes: { light: 3 } }, { attributes: { light: 3 } }));
  assert.deepEqual(findingsOf(all, "constant-column"), [["", "light is 3 in all 2 rows"]]);
  const test = await checkDataset(
    datasetOf({ score: 1 }, { score: 2 }, { score: 4, split: "test" }, { score: 4, split: "test" }),
  );
  assert.deepEqual(findingsOf(test, "constant-column"), [["", "score is 4 in all 2 rows of test"]]);
  const one = await checkDataset(datasetOf({ attributes: { light: 3 } }, {}));
  assert.deepEqual(kindsOf(one), []);
});

test("votes: no histogram, of another length, against the score; rounding is no fault", async () => {
  const report = await checkDataset(
    datasetOf(
      { score: 3.33, votes: [0, 0, 2, 1, 0] },
      { score: 3.4, votes: [0, 0, 2, 1, 0] },
      { score: 3, votes: [0, 0, 0, 0, 0] },
      { score: 3, votes: [1, -1, 2, 0, 0] },
      { score: 3, votes: [1, 1, 1] },
    ),
  );
  assert.deepEqual(findingsOf(report, "votes-disagree"), [["p1", "score is 3.4, the votes' mean 3.333"]]);
  assert.deepEqual(
    findingsOf(report, "invalid-votes").map(([id]) => id),
    ["p2", "p3", "p4"],
  );
});

test("standard deviations are held against what mean and scale allow", async () => {
  // At a mean of 4.5 on 1..5 the ratings spread at most sqrt(0.5 * 3.5) = 1.32; the check allows 0.2 more.
  const report = await checkDataset(
    datasetOf(
      { score: 4.5, std: 1.5 },
      { score: 4.5, std: 1.6 },
      { score: 3, std: -0.1 },
      { score: 3, std: 2.19 },
      { score: 3, std: 1, attributes: { balance: 0.9 }, attributeStds: { balance: 0.7 } },
      { score: 3.1, std: 1.1, attributes: { balance: 0 }, attributeStds: { balance: 0.7 } },
    ),
  );
  assert.deepEqual(findingsOf(report, "impossible-std"), [
    ["p1", "std is 1.6, possible are 0 to 1.523"],
    ["p2", "std is -0.1, possible are 0 to 2.2"],
    ["p4", "std of balance is 0.7, possible are 0 to 0.5359"],
  ]);
  assert.deepEqual(kindsOf(report), ["impossible-std"]);
});

test("images: missing, empty, damaged, and the same content within and across splits", async (t) => {
  const folder = await datasetFolder(t, "own-csv");
  const rows = ["a,train", "b,train", "c,train", "d,test", "e,test", "f,validation", "g,test", "a,test"];
  const lines = rows.map((row, i) => row.replace(",", `.jpg,${1 + i / 2},`));
  await writeFile(join(folder, "labels.csv"), ["image,score,split", ...lines].join("\n"));
  await paint(folder, ["a.jpg", "b.jpg", "f.jpg"]);
  await copyFile(join(folder, "b.jpg"), join(folder, "c.jpg"));
  await copyFile(join(folder, "f.jpg"), join(folder, "d.jpg"));
  await writeFile(join(folder, "e.jpg"), "");
  await writeFile(join(folder, "g.jpg"), "no picture");
  const data = await readDataset({ folder });
  const seen: number[] = [];
  const onProgress = (done: number, total: number): number => seen.push(done / total);
  const report = await checkDataset(data, { decode: (file) => decodeImage(file), onProgress });
  assert.deepEqual(findingsOf(report, "duplicate-within-split"), [["b.jpg+c.jpg", "2 times, in train"]]);
  assert.deepEqual(findingsOf(report, "duplicate-across-splits"), [
    ["a.jpg+a.jpg", "2 times, in train and test"],
    ["d.jpg+f.jpg", "2 times, in validation and test"],
  ]);
  const unreadable = findingsOf(report, "unreadable-image");
  assert.deepEqual(unreadable.map(([id]) => id).sort(), ["e.jpg", "g.jpg"]);
  assert.match(unreadable.find(([id]) => id === "g.jpg")?.[1] ?? "", /no image format known/);
  assert.equal(seen.at(-1), 1);
  const quick = await checkDataset(data);
  assert.deepEqual(findingsOf(quick, "unreadable-image"), [["e.jpg", "is empty (0 bytes)"]]);
  assert.equal(findingsOf(quick, "duplicate-across-splits").length, 2);
});

test("a picture that both parts list is found without its image", async () => {
  const report = await checkDataset(datasetOf({ image: "/x/a.jpg" }, { image: "/x/a.jpg", split: "test" }));
  assert.deepEqual(findingsOf(report, "duplicate-across-splits"), [["p0+p1", "2 times, in train and test"]]);
  assert.deepEqual(findingsOf(report, "missing-image")[0], ["p0", "looked for /x/a.jpg"]);
});

test("a limit opens that many images, spread over the data set; a signal stops the work", async (t) => {
  const folder = await datasetFolder(t, "own-csv");
  const names = Array.from({ length: 10 }, (_, i) => `p${i}.jpg`);
  const lines = names.map((name, i) => `${name},${1 + i / 5}`);
  await writeFile(join(folder, "labels.csv"), ["image,score", ...lines].join("\n"));
  await paint(folder, names);
  const data = await readDataset({ folder });
  const opened: string[] = [];
  const decode = async (file: string): Promise<void> => void opened.push(file.slice(-6));
  const report = await checkDataset(data, { decode, limit: 4 });
  assert.deepEqual([report.opened, report.images], [4, 10]);
  assert.deepEqual(opened.sort(), ["p0.jpg", "p3.jpg", "p5.jpg", "p8.jpg"]);
  const signal = AbortSignal.abort();
  await assert.rejects(checkDataset(data, { decode, signal }), { code: "ABORTED" });
});

test("histograms count every finite value once: in its bin, or below or above the scale", async () => {
  const values = [1, 1.19, 1.25, 3, 4.99, 5, 0.5, 6, 7, NaN];
  const { columns } = await checkDataset(datasetOf(...values.map((score) => ({ score }))));
  const summary = columns[0]?.splits.train ?? assert.fail();
  const { bins, below, above, nonFinite, count, min, max } = summary;
  assert.equal(bins.length, BINS);
  assert.deepEqual([bins[0], bins[1], bins[10], bins[19]], [2, 1, 1, 2]);
  assert.deepEqual(
    { below, above, nonFinite, count, min, max },
    { below: 1, above: 2, nonFinite: 1, count: 10, min: 0.5, max: 7 },
  );
  assert.equal(summary.mean, values.slice(0, 9).reduce((a, b) => a + b) / 9);
});

test("the page holds every column's histogram and every problem, escapes names and needs no network", async () => {
  const data = datasetOf({ id: "<script>x</script>", score: 9 }, { score: 2, split: "test", attributes: { light: 2 } });
  const page = dataReportPage(await checkDataset(data));
  assert.equal(page.match(/<svg /g)?.length, 2);
  assert.match(page, /&lt;script&gt;x&lt;\/script&gt; \(train\): score is 9, outside 1 to 5/);
  assert.ok(!page.includes("<script"));
  assert.doesNotMatch(page, /(src|href)=|url\(|https?:/);
  assert.match(page, /<meta name="viewport"/);
  assert.doesNotMatch(page, /NaN|undefined|Infinity/);
});
