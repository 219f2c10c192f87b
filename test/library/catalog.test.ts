/** What a library gives of photos: orders, pages, conditions, judges. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Catalog, type PhotoQuery } from "../../src/library/catalog.js";
import { libraryOf, tempFolder, type Row } from "./support.js";

const ROWS: readonly Row[] = [
  {
    name: "a.jpg",
    taken: "2026-05-31T23:59:59",
    camera: "Canon EOS R5",
    scores: { 1: 2, 2: 7 },
    attributes: { light: 3, "rule of thirds": 9 },
  },
  { name: "b.jpg", taken: "2026-06-01T08:00:00.5", camera: "NIKON Z 8", scores: { 1: 9, 2: 5 }, stars: 4 },
  {
    name: Buffer.from([0x63, 0xff, 0x2e, 0x6a]),
    folder: "/photos/trip",
    scores: { 2: 8 },
    attributes: { light: 8, "rule of thirds": 1 },
  },
  { name: "d.jpg", folder: "/photos2", scores: { 2: 5 }, gone: true },
  { name: "e.jpg", folder: "/photos/trip" },
];

const names = (catalog: Catalog, query: PhotoQuery): string =>
  catalog.photos(query).photos.map(({ name }) => name[0]).join(""); // prettier-ignore

async function opened(t: Parameters<typeof tempFolder>[0], rows = ROWS): Promise<Catalog> {
  const file = join(await tempFolder(t), "library.db");
  await libraryOf(file, rows);
  const catalog = await Catalog.open(file);
  t.after(() => catalog.close());
  return catalog;
}

test("photos come best first by the latest judge, unscored ones last, and never by two judges at once", async (t) => {
  const catalog = await opened(t);
  assert.equal(catalog.latestJudge()?.name, "second@22222222");
  assert.equal(names(catalog, {}), "cabe");
  assert.equal(names(catalog, { judge: catalog.judgeNamed("first") }), "bace");
  assert.equal(names(catalog, { judge: catalog.judgeNamed("1") }), "bace");
  assert.equal(names(catalog, { gone: "only" }), "d");
  assert.equal(names(catalog, { gone: "with", reverse: true }), "bdace");
  assert.equal(names(catalog, { sort: "name" }), "abce");
  assert.equal(names(catalog, { sort: "taken" }), "bace");
  assert.throws(
    () => catalog.judgeNamed("third"),
    /No judge .* fits "third".*\n {2}2 {2}second@22222222 {2}\(4 scores\)/s,
  );
});

test("a photo is told with its score, its path in bytes, hash and percentile", async (t) => {
  const catalog = await opened(t);
  const [best] = catalog.photos({ limit: 1 }).photos;
  assert.equal(best?.file, "/photos/trip/c\udcff.j");
  assert.equal(best?.hash, 2n ** 64n - 3n);
  assert.equal(best?.modified, 1790000000123);
  assert.deepEqual(best?.score?.distribution, [0.25, 0.75]);
  assert.deepEqual(best?.score?.attributes, { light: 8, "rule of thirds": 1 });
  // 3 of 4 are below, and itself half.
  assert.equal(best?.score?.percentile, 87.5);
  assert.equal(catalog.percentile(5), 25);
  // The same picture, scored beside others.
  const { score = NaN } = best?.score ?? {};
  for (const digits of [-5e-6, 5e-6]) assert.equal(catalog.percentile(score + digits), 87.5);
  assert.equal(catalog.photo(4)?.gone, "2026-01-01T00:00:00Z");
  assert.equal(catalog.photo(99), undefined);
});

test("pages continue where the one before ends, in every order, equal values included", async (t) => {
  const catalog = await opened(t);
  for (const sort of ["score", "taken", "name", "stars", "std", "added"] as const) {
    for (const reverse of [false, true]) {
      const whole = names(catalog, { sort, reverse, gone: "with" });
      let [text, after] = ["", undefined as string | undefined];
      do {
        const page = catalog.photos({ sort, reverse, gone: "with", limit: 2, after });
        text += page.photos.map(({ name }) => name[0]).join("");
        after = page.next;
      } while (after !== undefined);
      assert.equal(text, whole, sort);
      assert.equal(whole.length, 5);
    }
  }
  assert.throws(() => catalog.photos({ after: "nonsense" }), { code: "USAGE" });
});

test("a score equals itself to the last digit", async (t) => {
  const values = [3.501494379202638, 3.9472072270012832, 6.154924112810936, 8.349259033219244];
  const catalog = await opened(t, values.map((score, i) => ({ name: `${i}.jpg`, scores: { 2: score } }))); // prettier-ignore
  const found = catalog.photos({ reverse: true }).photos.map(({ score }) => score?.percentile);
  assert.deepEqual(found, [12.5, 37.5, 62.5, 87.5]);
  assert.equal(names(catalog, { where: "percentile = 62.5" }), "2");
});

const CONDITIONS: Readonly<Record<string, string>> = {
  "score > 5": "ca",
  "score >= 5 and not camera ~ canon": "cb",
  "taken >= 2026-05": "ab",
  "taken <= 2026-05": "a",
  "taken = 2026-06-01": "b",
  "taken = none": "ce",
  "stars = 4 or light > 7": "cb",
  "not (stars = 4 or light > 7)": "ae",
  '"rule of thirds" >= 9': "a",
  "folder = /photos/trip": "ce",
  "folder = /photos/": "cabe",
  "folder != /photos/trip": "ab",
  "folder ~ TRIP": "ce",
  "name = A.JPG": "a",
  "camera = 'nikon z 8'": "b",
  "percentile >= 50": "ca",
  "percentile != 25": "ca",
  "percentile > 99": "",
  "judge ~ second": "cabe",
  "name = 'x'' OR 1=1 --'": "error",
  " ": "cabe",
};

test("conditions choose photos", async (t) => {
  const catalog = await opened(t);
  for (const [where, expected] of Object.entries(CONDITIONS)) {
    if (expected === "error") assert.throws(() => names(catalog, { where }), { code: "USAGE" }, where);
    else assert.equal(names(catalog, { where }), expected, where);
    if (expected !== "error") assert.equal(catalog.count({ where }), expected.length, where);
  }
});

test("a condition that is not understood is refused with the place", async (t) => {
  const catalog = await opened(t);
  const column = (where: string): number => {
    try {
      catalog.photos({ where });
    } catch (error) {
      const { message } = error as Error;
      const found = Number(/^--where, column (\d+):/.exec(message)?.[1]);
      assert.equal(message.split("\n").at(-1)?.indexOf("^"), 2 + found - 1, message);
      return found;
    }
    return 0;
  };
  assert.equal(column("score >"), 8);
  assert.equal(column("score > high"), 9);
  assert.equal(column("score > 7 score < 8"), 11);
  assert.equal(column("beauty > 7"), 1);
  assert.equal(column("score > 7 and"), 14);
  assert.equal(column("(score > 7"), 11);
  assert.equal(column("taken > 2026-5"), 9);
  assert.equal(column("score ~ 7"), 7);
  assert.equal(column("score > 7; DROP TABLE files"), 9);
  assert.equal(column(`name = "a`), 8);
  assert.ok(column("(".repeat(1000)) > 0);
  assert.throws(() => catalog.photos({ where: "(".repeat(5000) }), { code: "USAGE" });
});

test("a query that makes no sense is refused", async (t) => {
  const catalog = await opened(t);
  for (const [query, message] of [
    [{ limit: 0 }, /limit is 0/],
    [{ limit: -1 }, /limit is -1/],
    [{ sort: "size" }, /sort is size/],
    [{ folders: "/photos" }, /has no folders/],
  ] as [PhotoQuery, RegExp][]) {
    assert.throws(() => catalog.photos(query), { code: "USAGE", message });
    assert.throws(() => catalog.count(query), { code: "USAGE", message });
  }
});
