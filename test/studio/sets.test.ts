/** Sets of the studio: pictures of one scene, named in the labels, whole in one part, known to the reader and the doctor. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { reportText } from "../../src/cli/data/report-text.js";
import { checkDataset, readDataset, type Sample } from "../../src/data/index.js";
import { isRocError } from "../../src/errors.js";
import { makePictures, writeStudioFormats } from "../../src/studio/index.js";

const OPTIONS = { seed: "sets", count: 40, longEdge: 32, testFraction: 0.3, sets: true } as const;

function bySet<T extends { readonly set?: string | number }>(all: readonly T[]): T[][] {
  const sets = new Map<unknown, T[]>();
  for (const one of all) sets.set(one.set, [...(sets.get(one.set) ?? []), one]);
  return [...sets.values()];
}

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sets-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test("a set is one scene with other luck, whose size and pictures do not depend on the count", () => {
  const { pictures } = makePictures({ ...OPTIONS, patterns: true });
  const sets = bySet(pictures);
  for (const set of sets.slice(0, -1)) {
    assert.ok(set.length >= 2 && set.length <= 8);
    assert.equal(new Set(set.map(({ composition }) => composition.scene)).size, 1);
    assert.ok(new Set(set.map(({ composition }) => composition.latent)).size > 1, "their quality differs");
    const harmony = set.map(({ composition }) => composition.merits.harmony);
    assert.equal(new Set(harmony).size, 1, "what a moment does not change stays");
  }
  assert.deepEqual(makePictures({ ...OPTIONS, count: 25, patterns: true }).pictures, pictures.slice(0, 25));
});

test("written, read and checked: a set is named, and in one part", async (t) => {
  const folder = await folderOf(t);
  const { recipe } = await writeStudioFormats(folder, { ...OPTIONS, formats: ["csv"] });
  assert.equal(recipe.sets, true);
  const data = await readDataset({ folder, kind: "csv" });
  const sets = bySet(data.samples);
  assert.deepEqual(sets[0]?.map(({ set }) => set).slice(0, 2), ["set-1", "set-1"]);
  for (const set of sets) assert.equal(new Set(set.map(({ split }) => split)).size, 1);
  assert.ok(new Set(data.samples.map(({ split }) => split)).size > 1);
  const report = await checkDataset(data);
  const count = sets.filter(({ length }) => length > 1).length;
  assert.deepEqual([report.sets?.count, report.problems.some(({ kind }) => kind === "set-across-splits")], [count, false]); // prettier-ignore
  assert.match(reportText(report, false), new RegExp(`^Sets: ${count} of 2 to \\d pictures`, "m"));
  const [first, ...others] = data.samples as [Sample, ...Sample[]];
  const split = first.split === "test" ? "train" : "test";
  const { problems } = await checkDataset({ ...data, samples: [{ ...first, split }, ...others] });
  assert.match(
    problems.find(({ kind }) => kind === "set-across-splits")?.findings[0]?.detail ?? "",
    /^the set "set-1"/,
  );
});

test("a test part that is drawn keeps sets together", async (t) => {
  const folder = await folderOf(t);
  const rows = Array.from({ length: 60 }, (_, i) => `p${i}.jpg,${1 + (i % 5)},${i < 48 ? `s${i % 12}` : ""}`);
  await writeFile(join(folder, "labels.csv"), ["image,score,set", ...rows, ""].join("\n"));
  await writeFile(join(folder, "dataset.json"), JSON.stringify({ scale: { min: 1, max: 5 } }));
  const { missing } = await readDataset({ folder, kind: "csv", testFraction: 0.5, validationFraction: 0.3 });
  for (const set of bySet(missing.filter(({ set }) => set !== undefined))) assert.equal(new Set(set.map(({ split }) => split)).size, 1); // prettier-ignore
  assert.equal(new Set(missing.map(({ split }) => split)).size, 3);
  assert.equal(missing.at(-1)?.set, undefined);
  assert.ok(!(await readFile(join(folder, "labels.csv"), "utf8")).includes("validation"));
});

test("formats without a column for sets are refused before anything is written", async (t) => {
  const folder = await folderOf(t);
  for (const formats of [["ava"], ["csv", "tad66k"]] as const)
    await assert.rejects(writeStudioFormats(folder, { ...OPTIONS, formats }), (error) => isRocError(error) && /have no sets; give the format csv alone/.test(error.message)); // prettier-ignore
});

test("where no set is left for training, sets are counted", async (t) => {
  const folder = await folderOf(t);
  const writing = writeStudioFormats(folder, { ...OPTIONS, count: 2, formats: ["csv"] });
  await assert.rejects(writing, { code: "USAGE", message: /^Of 1 set with a test share of 0\.3 none is left/ });
});
