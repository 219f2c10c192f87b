/** Scans: what is scored, what is known again, what is gone, and who may write. */
import assert from "node:assert/strict";
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { after, test, type TestContext } from "node:test";
import sharp from "sharp";
import { Catalog } from "../../src/library/catalog.js";
import { Connection } from "../../src/library/connection.js";
import { forget } from "../../src/library/forget.js";
import { openToWrite } from "../../src/library/open.js";
import { scan, type ScanOptions, type ScanSummary } from "../../src/library/scan/scan.js";
import { endExiftool } from "../../src/image/exiftool.js";
import { nef } from "../photos/raw-files.js";
import { fixture } from "../support.js";
import { picture, redModel, tempFolder } from "./support.js";

after(endExiftool);

interface Bench {
  readonly folder: string;
  readonly library: string;
  /** Scans the folder. @returns what was found, with the names that the model was given */
  readonly scan: (options?: Partial<ScanOptions>) => Promise<ScanSummary & { asked: string }>;
  /** Names with their scores, best first. */
  readonly list: (options?: Parameters<Catalog["photos"]>[0]) => Promise<string>;
}

async function bench(t: TestContext, colours: Readonly<Record<string, number>>): Promise<Bench> {
  const root = await tempFolder(t);
  const [folder, library] = [join(root, "photos"), join(root, "data", "library.db")];
  await mkdir(folder);
  for (const [name, colour] of Object.entries(colours)) await picture(join(folder, name), colour);
  const files = async (): Promise<string[]> =>
    (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  return {
    folder,
    library,
    scan: async (options) => {
      const asked: string[] = [];
      const summary = await scan({
        library,
        files: await files(),
        folders: [folder],
        model: redModel(asked),
        ...options,
      });
      return { ...summary, asked: asked.map((file) => basename(file)).join(" ") };
    },
    list: async (options) => {
      using catalog = await Catalog.open(library);
      return catalog.photos(options).photos.map(({ name, score }) => `${name} ${score?.score ?? "-"}`).join(", "); // prettier-ignore
    },
  };
}

test("a photo is in the library once, whatever links lead to its folder; its own name stays", async (t) => {
  const { folder, library, scan, list } = await bench(t, { "trip/a.png": 10, "b.png": 200 });
  const link = join(dirname(folder), "link");
  await symlink(folder, link);
  await symlink(join(folder, "trip"), join(dirname(folder), "trip"));
  const [a, b] = [join(link, "trip/a.png"), join(link, "b.png")];
  const through = await scan({ files: [a, b], folders: [link] });
  assert.deepEqual([through.added, through.scored], [2, 2]);
  const again = await scan();
  assert.deepEqual([again.unchanged, again.added, again.copies, again.gone], [2, 0, 0, 0]);
  const both = await scan({
    files: [a, join(folder, "trip/a.png"), join(dirname(folder), "trip/a.png"), "/nowhere/c.png"],
  });
  assert.deepEqual([both.files, both.unchanged, both.missing], [2, 1, 1]);
  await symlink("b.png", join(folder, "called.png"));
  await scan({ files: [join(link, "called.png")], folders: [] });
  assert.equal(await list({ folder: await realpath(folder), sort: "name" }), "a.png 1, b.png 20, called.png 20");

  // Entries of earlier versions, by way of the link: alone, and beside that of the real path.
  const move = async (sql: string): Promise<void> => {
    const writable = await openToWrite(library);
    writable.connection.run(sql, [Buffer.from(link), Buffer.from(await realpath(folder))]);
    await writable.close();
  };
  await move("UPDATE files SET folder = ?1 WHERE folder = ?2 AND name = CAST('b.png' AS BLOB)");
  const one = await scan({ files: [b], folders: [] });
  assert.deepEqual([one.moved, one.added], [1, 0]);
  await move(`INSERT INTO files (folder, name, size, modified, changed, inode, picture, added)
    SELECT ?1, name, size, modified, changed, inode, picture, added FROM files WHERE folder = ?2 AND name = CAST('b.png' AS BLOB)`);
  assert.equal((await list({ sort: "name" })).split(", ").length, 4);
  await scan({ files: [], folders: [] });
  assert.equal(await list({ folder: await realpath(folder), sort: "name" }), "a.png 1, b.png 20, called.png 20");
  assert.equal((await list()).split(", ").length, 3);
});

test("a second scan scores nothing; moved, renamed and copied files keep their score, edited ones are new", async (t) => {
  const { folder, library, scan, list } = await bench(t, { "a.png": 10, "b.png": 200, "trip/c.png": 90 });
  assert.deepEqual(pick(await scan()), { asked: "a.png b.png c.png", added: 3, scored: 3 });
  assert.deepEqual(pick(await scan()), { asked: "", unchanged: 3 });
  const idOf = async (name: string): Promise<number | undefined> => {
    using catalog = await Catalog.open(library);
    return catalog.photos({ where: `name = ${name}` }).photos[0]?.id;
  };
  const before = await idOf("b.png");
  await rename(join(folder, "b.png"), join(folder, "trip/best.png"));
  await copyFile(join(folder, "a.png"), join(folder, "a copy.png"));
  await picture(join(folder, "trip/c.png"), 250);
  const again = pick(await scan());
  assert.deepEqual(again, { asked: "c.png", unchanged: 1, copies: 1, changed: 1, moved: 1, scored: 1 });
  assert.equal(await idOf("best.png"), before);
  assert.equal(await list(), "c.png 25, best.png 20, a.png 1, a copy.png 1");
  // Of the same size and time, as tools that keep times leave it.
  const { atime, mtime } = await stat(join(folder, "a.png"));
  const [small, other] = [
    await readFile(join(folder, "a.png")),
    await readFile(await picture(join(folder, "x.png"), 11)),
  ];
  assert.equal(small.length, other.length);
  await rm(join(folder, "x.png"));
  await writeFile(join(folder, "a.png"), other);
  await utimes(join(folder, "a.png"), atime, mtime);
  assert.deepEqual(pick(await scan()), { asked: "a.png", unchanged: 3, changed: 1, scored: 1 });
});

test("a photo has its score, vector, hash and metadata; of each scan it is known what it did", async (t) => {
  const { library, scan } = await bench(t, { "a.png": 10, "b.png": 20 });
  await scan();
  using catalog = await Catalog.open(library);
  const [best] = catalog.photos({ limit: 1 }).photos;
  assert.ok(best);
  const { score, width, height, digest } = best;
  assert.deepEqual(score, { score: 2, std: 1, distribution: [0.5, 0.5], answer: "20", percentile: 75 });
  assert.deepEqual([width, height, digest?.length, typeof best.hash], [2, 2, 64, "bigint"]);
  assert.deepEqual(catalog.vectors([best.id, 99]), new Map([[best.id, Float32Array.of(20, 1, 2)]]));
  assert.deepEqual(catalog.check(), []);
});

test("files that are gone are marked, come back with their score, and are forgotten when asked", async (t) => {
  const { folder, library, scan, list } = await bench(t, { "a.png": 10, "b.png": 20, "trip/c.png": 30 });
  await scan();
  await rename(join(folder, "trip"), join(folder, "../elsewhere"));
  assert.deepEqual(pick(await scan()), { asked: "", unchanged: 2, gone: 1 });
  assert.equal(await list(), "b.png 2, a.png 1");
  assert.equal(await list({ gone: "only" }), "c.png 3");
  // An unmounted drive is an empty folder.
  await rename(join(folder, "../elsewhere"), join(folder, "trip"));
  assert.deepEqual(pick(await scan()), { asked: "", unchanged: 3 });
  assert.equal(await list(), "c.png 3, b.png 2, a.png 1");
  await rm(join(folder, "a.png"));
  await scan();
  assert.deepEqual(await forget({ library, gone: true, dryRun: true }), { files: 1, scores: 1 });
  assert.deepEqual(await forget({ library, gone: true }), { files: 1, scores: 1 });
  assert.deepEqual(await forget({ library, folder: join(folder, "trip") }), { files: 1, scores: 1 });
  assert.equal(await list({ gone: "with" }), "b.png 2");
  assert.deepEqual(pick(await scan()), { asked: "c.png", unchanged: 1, added: 1, scored: 1 });
});

test("what cannot be scored is kept with the reason, and tried again when it changes or is asked for", async (t) => {
  const { folder, library, scan } = await bench(t, { "a.png": 10, "bad.png": 20 });
  const failing = (): { model: ScanOptions["model"]; asked: string[] } => {
    const asked: string[] = [];
    return { asked, model: redModel(asked, { failing: ["bad"] }) };
  };
  const failures: string[] = [];
  const first = await scan({ model: failing().model, onFailure: ({ error }) => failures.push(error.code) });
  assert.deepEqual([first.scored, first.failed, failures], [1, 1, ["IMAGE_BROKEN"]]);
  using catalog = await Catalog.open(library);
  assert.equal(catalog.photos({ where: "name = bad.png" }).photos[0]?.error?.code, "IMAGE_BROKEN");
  assert.deepEqual(pick(await scan()), { asked: "", unchanged: 2, failedBefore: 1 });
  assert.deepEqual(pick(await scan({ retry: true })), { asked: "bad.png", unchanged: 2, scored: 1 });
  assert.equal(catalog.photos({ where: "name = bad.png" }).photos[0]?.error, undefined);
  await picture(join(folder, "bad.png"), 21);
  const { asked, model } = failing();
  await scan({ model });
  assert.equal(asked.length, 1);
});

test("stars beside a photo are read, again when they change, and follow it; a broken sidecar is told", async (t) => {
  const { folder, library, scan } = await bench(t, { "a.png": 10, "b.png": 20 });
  const write = (name: string, rating: string): Promise<void> =>
    writeFile(join(folder, name), `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" ${rating}/></rdf:RDF></x:xmpmeta>`); // prettier-ignore
  const pictures = [join(folder, "a.png"), join(folder, "b.png")];
  await write("a.xmp", `xmp:Rating="4" xmp:Label="Red"`);
  await write("b.png.XMP", `xmp:Rating="-1"`);
  const notes: string[] = [];
  const again = (files = pictures) => scan({ files, onNote: (note) => notes.push(note) });
  await again();
  using catalog = await Catalog.open(library);
  const starred = (where: string): string => catalog.photos({ where }).photos.map(({ name, label }) => `${name} ${label}`).join(); // prettier-ignore
  assert.equal(starred("stars = 4"), "a.png Red");
  assert.equal(catalog.photos({ where: "name = b.png" }).photos[0]?.pick, "reject");
  await write("a.xmp", `xmp:Rating="5"`);
  await rename(pictures[1] ?? "", join(folder, "c.png"));
  await again([pictures[0] ?? "", join(folder, "c.png")]);
  assert.equal(starred("stars = 5"), "a.png undefined");
  assert.equal(catalog.photos({ where: "name = c.png" }).photos[0]?.pick, undefined);
  await writeFile(join(folder, "a.xmp"), "no XML");
  await again([pictures[0] ?? "", join(folder, "c.png")]);
  assert.equal(starred("stars = 5"), "");
  assert.match(notes.join(), /a\.xmp/);
});

test("two checkpoints' scores stay apart; one of them can be forgotten", async (t) => {
  const { library, scan, list } = await bench(t, { "a.png": 10, "b.png": 20 });
  await scan();
  const asked: string[] = [];
  const other = redModel(asked, { name: "other@22222222", digest: "2".repeat(64) });
  assert.equal((await scan({ model: other })).scored, 2);
  // The torch version and the like move the last digits only.
  await scan({ model: { ...other, settings: { ...other.settings, torch: "9.9", batch: 8 } } });
  await scan({ model: { ...other, settings: { ...other.settings, prompt: "<image> Really?" } } });
  assert.equal(asked.length, 4);
  using catalog = await Catalog.open(library);
  assert.deepEqual(catalog.judges().map(({ name, scores }) => `${name} ${scores}`), ["other@22222222 2", "other@22222222 2", "red@12345678 2"]); // prettier-ignore
  assert.throws(() => catalog.judgeNamed("other"), /2 judges .* fit/);
  assert.equal(await list({ judge: catalog.judgeNamed("red") }), "b.png 2, a.png 1");
  assert.deepEqual(await forget({ library, judge: "red" }), { files: 0, scores: 2 });
  assert.equal(catalog.judges().length, 2);
  await assert.rejects(forget({ library, judge: "red" }), { code: "USAGE" });
});

test("a scan that is stopped continues where it was, and scores none twice", async (t) => {
  const colours = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`${i}.png`, 10 * i]));
  const { library, scan } = await bench(t, colours);
  const controller = new AbortController();
  const onProgress = (done: number): void => (done >= 4 ? controller.abort() : undefined);
  await assert.rejects(scan({ signal: controller.signal, onProgress }), { code: "ABORTED" });
  const summary = await scan();
  assert.ok(summary.scored < 9 && summary.scored > 0, `${summary.scored}`);
  const connection = new Connection(library);
  const counts = connection.row<[number, number]>(
    "SELECT (SELECT count(*) FROM scores), (SELECT sum(scored) FROM scans)",
  );
  connection.close();
  assert.deepEqual(counts, [9, 9]);
});

test("one process writes, others read; the second scan is told who has it", async (t) => {
  const { folder, library, scan, list } = await bench(t, { "a.png": 10 });
  await scan();
  const holder = await openToWrite(library);
  try {
    await assert.rejects(scan(), ({ code, message }: { code: string; message: string }) => {
      assert.equal(code, "IN_USE");
      assert.match(
        message,
        new RegExp(`the library ${library} is in use by process ${process.pid} .*name another library;`),
      );
      return true;
    });
    holder.connection.exec("BEGIN IMMEDIATE");
    assert.equal(await list(), "a.png 1");
    holder.connection.exec("COMMIT");
  } finally {
    await holder.close();
  }
  assert.ok(!(await readdir(join(folder, "../data"))).includes("library.db.lock"));
  assert.equal((await stat(`${library}-wal`)).size, 0);
});

test("an empty file is no library to read, and a new one to write", async (t) => {
  const { library, scan, list } = await bench(t, { "a.png": 10 });
  const file = `${library}.empty`;
  await mkdir(dirname(file));
  await writeFile(file, "");
  await assert.rejects(Catalog.open(file), { code: "DATA_INVALID", message: /is no library/ });
  assert.equal((await stat(file)).size, 0);
  assert.equal((await scan({ library: file })).scored, 1);
  await rename(file, library);
  assert.equal(await list(), "a.png 1");
});

test("a file that is no library, damaged or newer is refused and stays as it is", async (t) => {
  const { folder, library, scan } = await bench(t, { "a.png": 10 });
  await scan();
  const whole = await readFile(library);
  const newer = Buffer.from(whole);
  newer.writeUInt32BE(99, 60);
  const foreign = Buffer.from(whole);
  foreign.writeUInt32BE(0, 68);
  const cases: Readonly<Record<string, readonly [Buffer, RegExp]>> = {
    "text.db": [Buffer.from("hello\n".repeat(100)), /is no library/],
    "foreign.db": [foreign, /is no library/],
    "short.db": [whole.subarray(0, whole.length - 4096), /is damaged: it has \d+ of \d+ bytes/],
    "newer.db": [newer, /version 99, made by a newer roc4mllm/],
    "rotten.db": [Buffer.concat([whole.subarray(0, 4096), Buffer.alloc(whole.length - 4096, 0x55)]), /damaged/],
  };
  for (const [name, [bytes, message]] of Object.entries(cases)) {
    const file = join(folder, "..", name);
    await writeFile(file, bytes);
    for (const open of [
      () =>
        Catalog.open(file).then((catalog) => {
          using it = catalog;
          return it.photos();
        }),
      () => scan({ library: file }),
    ])
      // prettier-ignore
      await assert.rejects(open(), { code: "DATA_INVALID", message }, name);
    assert.ok((await readFile(file)).equals(bytes), `${name} was changed`);
  }
  await assert.rejects(Catalog.open(join(folder, "none.db")), { code: "FILE_NOT_FOUND" });
  await assert.rejects(Catalog.open(folder), { code: "FILE_UNREADABLE" });
});

/** The names that the model was given, and all counts that are not 0. */
function pick({ files: _, ...summary }: ScanSummary & { asked: string }): Record<string, unknown> {
  return Object.fromEntries(Object.entries(summary).filter(([name, value]) => name === "asked" || value !== 0));
}

test("comments are asked for once, also of what has a score; vectors are left out when they are not wanted", async (t) => {
  const { folder, library, scan } = await bench(t, { "a.png": 10, "b.png": 20 });
  const asked: string[] = [];
  // b has nothing to say.
  const writing = redModel(asked, { comment: (name) => (name === "a.png" ? "a calm red" : undefined) });
  const told = async (): Promise<unknown> => {
    using catalog = await Catalog.open(library);
    const { photos } = catalog.photos({ sort: "name" });
    return photos.map(({ id, score }) => [score?.score, score?.comment, catalog.vectors([id]).size]);
  };
  assert.deepEqual(pick(await scan({ vectors: false })), { asked: "a.png b.png", added: 2, scored: 2 });
  assert.deepEqual(await told(), [[1, undefined, 0], [2, undefined, 0]]); // prettier-ignore
  assert.equal((await scan({ model: writing, comments: true })).commented, 2);
  assert.deepEqual(await told(), [[1, "a calm red", 1], [2, undefined, 1]]); // prettier-ignore
  await picture(join(folder, "c.png"), 30);
  asked.length = 0;
  const last = await scan({ model: writing, comments: true });
  assert.deepEqual([asked.map((file) => basename(file)), last.scored, last.commented], [["c.png"], 1, undefined]);
});

test("RAW and HEIC files have their scores, sizes and times as others have", async (t) => {
  const { folder, library, scan, list } = await bench(t, {});
  const preview = await sharp({ create: { width: 32, height: 24, channels: 3, background: "#640000" } }).jpeg().toBuffer(); // prettier-ignore
  await writeFile(join(folder, "a.nef"), nef(preview));
  await copyFile(fixture("photos/plain.heic"), join(folder, "b.heic"));
  await writeFile(join(folder, "c.cr2"), "no raw");
  const { scored, failed } = await scan({ model: redModel([], { failing: ["c.cr2"] }) });
  assert.deepEqual([scored, failed], [2, 1]);
  assert.match(await list({ sort: "name" }), /^a\.nef \d+(\.\d+)?, b\.heic \d+(\.\d+)?, c\.cr2 -$/);
  using catalog = await Catalog.open(library);
  const [raw, heic, none] = catalog.photos({ sort: "name" }).photos;
  assert.equal(typeof raw?.hash, "bigint");
  assert.deepEqual([heic?.width, heic?.height], [64, 48]);
  assert.match(none?.error?.code ?? "", /^(IMAGE|FILE)_/);
  assert.deepEqual(pick(await scan()), { asked: "", unchanged: 3, failedBefore: 1 });
});
