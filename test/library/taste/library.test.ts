/** Learning in a library: whose ratings count, what is kept and refused, how it is used, forgotten, and brought up to date. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { RocError } from "../../../src/errors.js";
import { Catalog } from "../../../src/library/catalog.js";
import { Connection } from "../../../src/library/connection.js";
import { forget } from "../../../src/library/forget.js";
import { openBeside, openToWrite } from "../../../src/library/open.js";
import { scan } from "../../../src/library/scan/scan.js";
import { SCHEMA_VERSION } from "../../../src/library/schema.js";
import { countAnswers, enterAnswer, takeAnswerBack } from "../../../src/library/taste/answers.js";
import { choosePair, information } from "../../../src/library/taste/choose.js";
import { forgetInFile, learnInFile } from "../../../src/library/taste/on-call.js";
import { momentsOf, ratedPictures } from "../../../src/library/taste/ratings.js";
import { everySeen } from "../../../src/library/taste/vectors.js";
import { writeSidecar } from "../../../src/photos/xmp.js";
import { Random } from "../../../src/random.js";
import { picture, redModel, tempFolder } from "../support.js";
import { byFirst, ratedLibrary } from "./support.js";

test("a taste is learned, orders photos, is used for new ones, told and forgotten", async (t) => {
  const file = await ratedLibrary(t, 60, byFirst);
  const learned = await learnInFile(file, 'it\'s "mine"; DROP TABLE tastes', { from: "stars" });
  assert.equal(learned.kept, true, learned.why);
  assert.equal(learned.ratings, 60);
  assert.match(learned.why, /SRCC with the stars, on held-out photos: .* a gain of 0\.\d\d \(0\.\d\d to /);
  using catalog = await Catalog.open(file);
  const [taste] = catalog.tastes();
  const name = taste?.name ?? "";
  assert.deepEqual([taste?.judgeName, taste?.source, taste?.gain], ["second@22222222", "stars", learned.gain]);
  const { photos } = catalog.photos({ taste: name });
  const said = photos.map((photo) => photo.taste?.score ?? NaN);
  assert.deepEqual(said, said.toSorted((a, b) => b - a)); // prettier-ignore
  assert.ok(photos.slice(0, 10).every(({ stars = 0 }) => stars >= 4) && photos.slice(-10).every(({ stars = 9 }) => stars <= 2)); // prettier-ignore
  // Pages, percentiles and conditions are those of the taste; another order keeps the photos.
  const first = catalog.photos({ taste: name, limit: 25 });
  const rest = catalog.photos({ taste: name, after: first.next, limit: 100 });
  assert.deepEqual([...first.photos, ...rest.photos], photos);
  assert.deepEqual(catalog.photos({ taste: name, where: "percentile >= 90" }).photos, photos.slice(0, 6));
  assert.equal(catalog.count({ taste: name, where: `taste >= ${said[9]}` }), 10);
  for (const where of ["taste > 7", "score > 5 or not taste = none"])
    assert.throws(
      () => catalog.count({ where }),
      /no.* is named\. Add --taste NAME \(over HTTP: \?taste=NAME\)/,
      where,
    );
  assert.equal(catalog.photos({ taste: name, sort: "name" }).photos.length, 60);
  assert.equal(catalog.photos({}).photos[0]?.taste, undefined);
  await forgetInFile(file, name);
  assert.throws(() => catalog.photos({ taste: name }), (error: RocError) => error.code === "FILE_NOT_FOUND"); // prettier-ignore
  await assert.rejects(forgetInFile(file, name), /no taste/);
});

test("what is surely no better is refused with its figures, and what was kept before stays", async (t) => {
  const random = new Random("stars at random");
  const file = await ratedLibrary(t, 60, byFirst);
  await learnInFile(file, "mine");
  using before = await Catalog.open(file);
  const [kept] = before.tastes();
  const connection = await openBeside(file);
  connection.write(() => {
    for (let id = 1; id <= 60; id++) connection.run("UPDATE pictures SET rating = ? WHERE id = ?", [1 + random.int(5), id]); // prettier-ignore
  });
  const refused = await learnInFile(file, "mine");
  assert.equal(refused.kept, false);
  assert.match(refused.why, /^Nothing was kept: of 60 ratings .* a gain of .* lower end must be above 0/);
  assert.ok(refused.gain && (refused.gain.srcc?.gain.low ?? 1) <= 0);
  connection.run("UPDATE pictures SET rating = 3");
  assert.match((await learnInFile(file, "mine")).why, /same rating/);
  connection.run("UPDATE pictures SET rating = NULL WHERE id > 9");
  assert.match((await learnInFile(file, "mine")).why, /There are 9 photos .* at least 10/);
  assert.match((await learnInFile(file, "mine", { from: "pairs" })).why, /There are 0 answered pairs/);
  connection.close();
  using after = await Catalog.open(file);
  assert.deepEqual(after.tastes(), [kept]);
  for (const name of ["", " a", "a\n", "x".repeat(65)]) await assert.rejects(learnInFile(file, name), /no name for a taste/); // prettier-ignore
  await assert.rejects(learnInFile(file, "a", { from: "dreams" as never }), /from is dreams/);
});

test("a taste says nothing of another checkpoint's vectors, and names both", async (t) => {
  const file = await ratedLibrary(t, 60, byFirst);
  await learnInFile(file, "mine");
  using catalog = await Catalog.open(file);
  const other = catalog.judgeNamed("first");
  assert.throws(() => catalog.photos({ taste: "mine", judge: other }), /learned on vectors of second@22222222, and says nothing of those of first@11111111/); // prettier-ignore
  assert.throws(() => catalog.tasteFor("mine", redModel([])), /says nothing of those of red@12345678/);
  assert.match((await learnInFile(file, "mine", { judge: "first" })).why, /has left no vectors/);
});

test("only a person's stars count: what the program wrote into sidecars does not", async (t) => {
  const folder = await tempFolder(t);
  const library = join(folder, "library.db");
  const files = await Promise.all(Array.from({ length: 6 }, (_, i) => picture(join(folder, "photos", `${i}.png`), 40 * i))); // prettier-ignore
  const rate = (i: number, change: object, by: "person" | "program") => writeSidecar(files[i] ?? "", change, "appended", { by }); // prettier-ignore
  await rate(0, { rating: 4 }, "person");
  await rate(1, { rating: 5, pick: "pick" }, "program");
  await rate(2, { pick: "reject" }, "person");
  await rate(3, { pick: "pick" }, "person");
  await scan({ library, files, folders: [join(folder, "photos")], model: redModel([]) });
  const connection = await openBeside(library);
  t.after(() => connection.close());
  const ratings = async (source: "stars" | "xmp"): Promise<number[]> =>
    (await ratedPictures(connection, 1, source)).map(({ rating }) => rating).sort(); // prettier-ignore
  assert.deepEqual(await ratings("stars"), [0, 4, 4]);
  // Given since the scan: sidecars as they are now.
  await rate(4, { rating: 2 }, "person");
  assert.deepEqual([await ratings("stars"), await ratings("xmp")], [[0, 4, 4], [0, 2, 4, 4]]); // prettier-ignore
  await mkdir(join(folder, "photos"), { recursive: true });
  await writeFile(`${files[5]}.xmp`, "<broken");
  const notes: string[] = [];
  await ratedPictures(connection, 1, "xmp", { onNote: (note) => notes.push(note) });
  assert.match(notes.join(), /5\.png\.xmp/);
});

test("what is scanned after a taste was learned is tasted at once; copies and forgotten ones leave nothing behind", async (t) => {
  const folder = await tempFolder(t);
  const library = join(folder, "library.db");
  const files = await Promise.all(Array.from({ length: 30 }, (_, i) => picture(join(folder, `${i}.png`), 8 * i)));
  const options = { library, folders: [folder], model: redModel([]) };
  await scan({ ...options, files: files.slice(0, 24) });
  const connection = await openBeside(library);
  // Red as a base says that red is good; this person likes none.
  connection.write(() => connection.run("UPDATE pictures SET hash = id * 72340172838076673, rating = (SELECT min(5, max(1, 6 - cast(score / 4.2 as integer))) FROM scores WHERE picture = pictures.id)")); // prettier-ignore
  const learned = await learnInFile(library, "dull");
  assert.equal(learned.kept, true, learned.why);
  await scan({ ...options, files });
  assert.equal(connection.value("SELECT count(*) FROM tasted"), 30);
  using catalog = await Catalog.open(library);
  assert.deepEqual(catalog.photos({ taste: "dull", limit: 1 }).photos[0]?.name, "0.png");
  assert.equal(catalog.photos({ taste: "dull", reverse: true, limit: 1 }).photos[0]?.name, "29.png");
  enterAnswer(connection, 1, 2);
  connection.close();
  await forget({ library, folder });
  const left = await openBeside(library);
  for (const table of ["pairs", "tasted", "vectors"]) assert.equal(left.value(`SELECT count(*) FROM ${table}`), 0);
  left.close();
  await forget({ library, judge: "red" });
  using empty = await Catalog.open(library);
  assert.deepEqual(empty.tastes(), []);
});

test("answers are asked for where they tell most, kept, taken back and learned of", async (t) => {
  const file = await ratedLibrary(t, 80, () => 0);
  const connection = await openBeside(file);
  t.after(() => connection.close());
  const random = new Random("answers");
  const vectors = new Map([...everySeen(connection, 2)].map(({ picture, vector }) => [picture, vector[0] ?? 0]));
  const asked = new Set<string>();
  for (let i = 0; i < 60; i++) {
    const pair = choosePair(connection, 2, random);
    assert.ok(pair && pair[0].picture !== pair[1].picture);
    const [a, b] = pair.toSorted((one, other) => (vectors.get(other.picture) ?? 0) - (vectors.get(one.picture) ?? 0));
    assert.ok(enterAnswer(connection, a?.file ?? 0, b?.file ?? 0));
    asked.add(`${a?.picture} ${b?.picture}`);
  }
  assert.ok(asked.size >= 59, `${asked.size} different pairs`);
  const learned = await learnInFile(file, "first number", { from: "pairs" });
  assert.equal(learned.kept, true, learned.why);
  assert.match(learned.why, /^Share of pairs/);
  const last = enterAnswer(connection, 1, 2) ?? 0;
  assert.deepEqual([takeAnswerBack(connection, last), takeAnswerBack(connection, last), countAnswers(connection)], [true, false, 60]); // prettier-ignore
  assert.equal(enterAnswer(connection, 1, 1), undefined);
  assert.equal(enterAnswer(connection, 1, 999), undefined);
  // A coin's toss about which the taste is sure tells nothing; an uncertain taste tells most.
  assert.ok(information(0, 4) > information(0, 0.1) && information(0, 4) > information(5, 4));
  assert.ok(Math.abs(information(0, 0)) < 1e-9);
});

test("photos near in time and alike, and copies, are one moment", async (t) => {
  const file = await ratedLibrary(t, 5, () => 3);
  const connection = await openBeside(file);
  t.after(() => connection.close());
  const facts = [["2026-05-01T10:00:00", 0n], ["2026-05-01T10:00:20", 255n], ["2026-05-01T10:05:00", 255n << 20n], [null, 0x2aaaaaaaaaaaaaaan], [null, 0x2aaaaaaaaaaaaaaan + 3n]] as const; // prettier-ignore
  for (const [i, [taken, hash]] of facts.entries()) connection.run("UPDATE pictures SET taken = ?, hash = ? WHERE id = ?", [taken, hash, i + 1]); // prettier-ignore
  const moments = momentsOf(connection, [1, 2, 3, 4, 5]);
  assert.equal(moments.get(1), moments.get(2));
  assert.notEqual(moments.get(1), moments.get(3));
  assert.equal(moments.get(4), moments.get(5));
  assert.equal(new Set(moments.values()).size, 3);
});

test("a library of the version before is brought up to date and keeps all of it", async (t) => {
  const file = await ratedLibrary(t, 12, byFirst);
  const old = new Connection(file);
  old.exec("DROP TABLE pairs; DROP TABLE tasted; DROP TABLE tastes; PRAGMA user_version = 1");
  old.close();
  using catalog = await Catalog.open(file);
  assert.equal(catalog.photos({}).photos.length, 12);
  assert.deepEqual(catalog.tastes(), []);
  const now = await openToWrite(file);
  assert.equal(now.connection.value("PRAGMA user_version"), SCHEMA_VERSION);
  assert.deepEqual(now.connection.rows("PRAGMA integrity_check"), [["ok"]]);
  await now.close();
});
