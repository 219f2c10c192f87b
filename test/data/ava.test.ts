import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { AVA_LABELS, AVA_TEST_LIST, formatAvaRow, parseAvaRow, readAva } from "../../src/data/index.js";
import { fixture } from "../support.js";

/** The fixture's files in a folder of the test's own, with empty image files of these ids. */
async function avaFolder(t: TestContext, ids: readonly number[], images = "images"): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ava-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await cp(fixture("ava"), folder, { recursive: true });
  await mkdir(join(folder, images), { recursive: true });
  for (const id of ids) await writeFile(join(folder, images, `${id}.jpg`), "");
  return folder;
}

const ALL = [700001, 700002, 700003, 700004, 700005, 700006];

test("reads AVA's official files: votes, mean, standard deviation, official split", async (t) => {
  const folder = await avaFolder(t, ALL);
  const ava = await readAva(folder);
  assert.deepEqual(ava.scale, { min: 1, max: 10 });
  assert.deepEqual(
    ava.samples.map(({ id, split }) => [id, split]),
    [
      ["700001", "train"],
      ["700002", "test"],
      ["700003", "train"],
      ["700004", "train"],
      ["700005", "test"],
      ["700006", "train"],
    ],
  );
  const split = ava.samples[3];
  assert.deepEqual(split?.votes, [10, 0, 0, 0, 0, 0, 0, 0, 0, 10]);
  assert.equal(split?.score, 5.5);
  assert.equal(split?.std, 4.5);
  assert.equal(split?.image, join(folder, "images", "700004.jpg"));
  assert.deepEqual(ava.missing, []);
  assert.deepEqual(ava.unknownTestIds, ["799999"]);
});

test("missing images are reported, not dropped in silence", async (t) => {
  const ava = await readAva(await avaFolder(t, ALL.slice(1), "photos"), { images: "photos" });
  assert.equal(ava.samples.length, 5);
  assert.deepEqual(
    ava.missing.map(({ id }) => id),
    ["700001"],
  );
});

test("without an image folder every picture is missing; one that was named must be there", async (t) => {
  const folder = await avaFolder(t, []);
  await rm(join(folder, "images"), { recursive: true });
  const ava = await readAva(folder);
  assert.deepEqual([ava.samples.length, ava.missing.length], [0, 6]);
  assert.equal(ava.missing[0]?.image, join(folder, "images", "700001.jpg"));
  await assert.rejects(readAva(folder, { images: "photos" }), { code: "FILE_NOT_FOUND", message: /photos/ });
});

test("a byte order mark and other line ends read the same", async (t) => {
  const folder = await avaFolder(t, ALL);
  const before = await readAva(folder);
  for (const [end, mark] of [
    ["\r\n", "\ufeff"],
    ["\r", ""],
  ] as const) {
    for (const file of [AVA_LABELS, AVA_TEST_LIST]) {
      const text = await readFile(fixture(`ava/${file}`), "utf8");
      await writeFile(join(folder, file), mark + text.replaceAll("\n", end));
    }
    assert.deepEqual(await readAva(folder), before);
  }
});

test("a validation part comes out of the official training part only and follows its seed", async (t) => {
  const folder = await avaFolder(t, ALL);
  const validation = async (seed: number): Promise<string[]> => {
    const { samples } = await readAva(folder, { validationFraction: 0.5, seed });
    assert.deepEqual(
      samples.filter((s) => s.split === "test").map(({ id }) => id),
      ["700002", "700005"],
    );
    return samples.filter((s) => s.split === "validation").map(({ id }) => id);
  };
  assert.equal((await validation(1)).length, 2);
  assert.deepEqual(await validation(1), await validation(1));
  const drawn = new Set<string>();
  for (let seed = 0; seed < 10; seed++) drawn.add((await validation(seed)).join());
  assert.ok(drawn.size > 1);
});

test("a line survives writing and reading", () => {
  const line = "7 700007 0 1 2 3 4 5 6 7 8 9 14 0 55";
  assert.equal(formatAvaRow(parseAvaRow(line, "here")), line);
});

const BROKEN: readonly [string, string, RegExp][] = [
  ["a count is missing", "1 700001 0 1 3 9 21 34 22 11 4 14 0 901", /AVA\.txt, line 7: expected 15 whole numbers/],
  [
    "a count is not a number",
    "1 700009 0 1 3 x 21 34 22 11 4 2 14 0 901",
    /AVA\.txt, line 7: expected 15 .*, but number 6 is "x"/,
  ],
  ["a count is negative", "1 700009 0 1 3 -9 21 34 22 11 4 2 14 0 901", /AVA\.txt, line 7: expected 15/],
  ["nobody voted", "1 700009 0 0 0 0 0 0 0 0 0 0 14 0 901", /AVA\.txt, line 7: picture 700009 has no votes/],
  ["rated twice", "7 700003 0 1 3 9 21 34 22 11 4 2 14 0 901", /AVA\.txt, line 7: picture 700003 was rated in line 3/],
];

for (const [name, line, message] of BROKEN) {
  test(`a broken line is named with its file and number: ${name}`, async (t) => {
    const folder = await avaFolder(t, ALL);
    await writeFile(join(folder, AVA_LABELS), `${line}\n`, { flag: "a" });
    await assert.rejects(readAva(folder), { code: "DATA_INVALID", message });
  });
}

test("a broken test list and absent files are named", async (t) => {
  const folder = await avaFolder(t, ALL);
  await writeFile(join(folder, AVA_TEST_LIST), "700002\nsix.jpg\n");
  await assert.rejects(readAva(folder), { code: "DATA_INVALID", message: /generic_test\.jpgl, line 2: "six\.jpg"/ });
  await rm(join(folder, AVA_TEST_LIST));
  await assert.rejects(readAva(folder), { code: "FILE_NOT_FOUND", message: /generic_test\.jpgl/ });
});
