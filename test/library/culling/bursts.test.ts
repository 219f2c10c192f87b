/** Bursts of a whole library, looked for in the background. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";
import sharp from "sharp";
import { Catalog } from "../../../src/library/catalog.js";
import { openBeside } from "../../../src/library/open.js";
import { BurstSearch } from "../../../src/library/culling/bursts.js";
import { Random } from "../../../src/random.js";
import { libraryOf, tempFolder } from "../support.js";

test("what a search for one judge still finds is not in the one for another that took its place", async (t) => {
  const folder = await tempFolder(t);
  const random = new Random(1, "bursts");
  const data = Uint8Array.from({ length: 8 * 6 * 3 }, () => random.int(256));
  const picture = sharp(data, { raw: { width: 8, height: 6, channels: 3 } }).resize(160, 120, { kernel: "cubic" });
  const names = ["a.jpg", "b.jpg"];
  for (const name of names) await picture.clone().jpeg().toFile(join(folder, name));
  const file = join(folder, "library.db");
  await libraryOf(
    file,
    names.map((name, i) => ({ folder, name, taken: `2026-05-01T12:00:0${i}`, scores: { 1: 5 + i, 2: 6 - i } })),
  );
  using catalog = await Catalog.open(file);
  const search = new BurstSearch(catalog);
  search.found(catalog.judgeNamed("first"));
  // By now it reads the pictures.
  await turn();
  const judge = catalog.judgeNamed("second");
  while (!search.found(judge).complete) await wait(10);
  await wait(50);
  const { bursts, looked } = search.found(judge);
  assert.equal(looked, 2);
  assert.deepEqual(bursts.map(({ photos }) => photos.map(({ id }) => id)), [[1, 2]]); // prettier-ignore
});

test("copies are together though no camera wrote when; one more is found by the next who asks", async (t) => {
  const file = join(await tempFolder(t), "library.db");
  await libraryOf(
    file,
    Array.from({ length: 4 }, (_, i) => ({ name: `${i}.jpg`, scores: { 2: 5 } })),
  );
  const beside = await openBeside(file);
  t.after(() => beside.close());
  const copy = (id: number): number => beside.run("UPDATE files SET picture = 1, gone = NULL WHERE id = ?", [id]);
  copy(3);
  beside.run("UPDATE files SET gone = '2026-01-01T00:00:00Z' WHERE id = 4");
  using catalog = await Catalog.open(file);
  const search = new BurstSearch(catalog);
  const found = async (): Promise<unknown> => {
    const judge = catalog.latestJudge();
    while (!search.found(judge).complete) await wait(10);
    return search.found(judge).bursts.map(({ kind, photos }) => [kind, ...photos.map(({ id }) => id)]);
  };
  assert.deepEqual(await found(), [["copies", 1, 3]]);
  copy(4);
  assert.deepEqual(await found(), [["copies", 1, 3, 4]]);
});
