/** Which files the arguments of `score` name. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { expandInputs } from "../../src/cli/score/inputs.js";
import { isRocError } from "../../src/errors.js";
import { decodeImage, nameOfBytes, pathOfName, readableName } from "../../src/image/index.js";
import { fixture } from "../support.js";
import { folderWith } from "./support.js";

const PHOTOS = {
  "IMG10.JPG": "x",
  "IMG2.jpg": "x",
  "notes.txt": "x",
  "._IMG2.jpg": "x",
  ".hidden/a.jpg": "x",
  "deep/er/b.webp": "x",
  "deep/a.heic": "x",
  "deep/b.HEIC": "x",
};

function photos(t: TestContext): string {
  return folderWith(t, PHOTOS);
}

function expand(args: string[], stdin: string | Uint8Array = ""): ReturnType<typeof expandInputs> {
  return expandInputs(args, Readable.from([Buffer.from(stdin)]));
}

test("a folder is searched through, in natural order, for photographs; those that are not read here get an error each", async (t) => {
  const folder = photos(t);
  const { files, notes } = await expand([`${folder}/`]);
  assert.deepEqual(
    files,
    ["deep/a.heic", "deep/b.HEIC", "deep/er/b.webp", "IMG2.jpg", "IMG10.JPG"].map((name) => join(folder, name)),
  );
  assert.deepEqual(notes, [
    `left out hidden folders and pictures (name them to have them): 1, as ${join(folder, ".hidden")}`,
  ]);
});

test("a folder is searched for HEIC and RAW files; a RAW beside its JPEG is a photo of its own, and a note counts them", async (t) => {
  const names = ["A.CR2", "A.JPG", "b.heic", "b.dng", "c.nef", "c.png", "d.raf", "e.xmp", "sub/c.jpg"];
  const folder = folderWith(t, Object.fromEntries(names.map((name) => [name, "x"])));
  const { files, notes } = await expand([folder]);
  const expected = ["A.CR2", "A.JPG", "b.dng", "b.heic", "c.nef", "c.png", "d.raf", "sub/c.jpg"];
  assert.deepEqual(
    files,
    expected.map((name) => join(folder, name)),
  );
  assert.deepEqual(notes, [
    `RAW files beside a JPEG or HEIC of the same name (each is scored): 2, as ${join(folder, "A.CR2")}`,
  ]);
});

test("the order of the arguments is kept, and a named file is taken whatever it is called", async (t) => {
  const folder = photos(t);
  const [text, image] = [join(folder, "notes.txt"), join(folder, "IMG2.jpg")];
  assert.deepEqual((await expand([text, image, text])).files, [text, image, text]);
});

test("a glob matches, in natural order", async (t) => {
  const folder = photos(t);
  assert.deepEqual(
    (await expand([`${folder}/IMG*`])).files,
    ["IMG2.jpg", "IMG10.JPG"].map((name) => join(folder, name)),
  );
  assert.deepEqual((await expand([`${folder}/**/*.{webp,txt}`])).files, [join(folder, "deep/er/b.webp")]);
});

test("a glob that matches nothing is a note beside other files", async (t) => {
  const folder = photos(t);
  const { files, notes } = await expand([`${folder}/*.gif`, join(folder, "IMG2.jpg")]);
  assert.equal(files.length, 1);
  assert.deepEqual(notes, [`no picture matches ${folder}/*.gif`]);
});

test("a file whose name looks like a glob is a file", async (t) => {
  const folder = folderWith(t, { "a [1].jpg": "x", "a 1.jpg": "x" });
  assert.deepEqual((await expand([join(folder, "a [1].jpg")])).files, [join(folder, "a [1].jpg")]);
});

test("a missing file stays in the list, to get an error of its own", async (t) => {
  const folder = photos(t);
  assert.deepEqual((await expand([join(folder, "gone.jpg")])).files, [join(folder, "gone.jpg")]);
});

test("- reads a list of paths, one per line or with NUL between them, without globs", async (t) => {
  const folder = photos(t);
  const [first, second] = [join(folder, "IMG10.JPG"), join(folder, "deep")];
  const wanted = [first, ...["a.heic", "b.HEIC", "er/b.webp"].map((name) => join(second, name))];
  assert.deepEqual((await expand(["-"], `${first}\r\n\n${second}\n`)).files, wanted);
  assert.deepEqual((await expand(["-"], `${first}\0${second}\0`)).files, wanted);
  assert.deepEqual((await expand(["-"], `${folder}/*.jpg\n`)).files, [`${folder}/*.jpg`]);
});

test("links are followed, and a folder that links to itself is read once", async (t) => {
  const folder = folderWith(t, { "in/a.jpg": "x" });
  symlinkSync(folder, join(folder, "in/loop"));
  symlinkSync(join(folder, "in/a.jpg"), join(folder, "in/b.jpg"));
  assert.deepEqual(
    (await expand([join(folder, "in")])).files,
    ["a.jpg", "b.jpg"].map((name) => join(folder, "in", name)),
  );
});

test("a link to nothing stays in the list, a pipe is a note", async (t) => {
  const folder = folderWith(t, { "a.jpg": "x" });
  symlinkSync(join(folder, "gone.jpg"), join(folder, "b.jpg"));
  execFileSync("mkfifo", [join(folder, "c.jpg")]);
  const { files, notes } = await expand([folder]);
  assert.deepEqual(
    files,
    ["a.jpg", "b.jpg"].map((name) => join(folder, name)),
  );
  assert.deepEqual(notes, [`left out ${join(folder, "c.jpg")}: it is no file but a pipe, a socket or a device`]);
});

test("a glob reports a link to nothing and a pipe as a folder does", async (t) => {
  const folder = folderWith(t, { "a.jpg": "x", "d.jpg/e.jpg": "x" });
  symlinkSync(join(folder, "gone.jpg"), join(folder, "b.jpg"));
  execFileSync("mkfifo", [join(folder, "c.jpg")]);
  const { files, notes } = await expand([`${folder}/*.jpg`]);
  assert.deepEqual(files, ["a.jpg", "b.jpg"].map((name) => join(folder, name))); // prettier-ignore
  assert.deepEqual(notes, [`left out ${join(folder, "c.jpg")}: it is no file but a pipe, a socket or a device`]);
});

test("pictures by other names are found, and kinds that are not read get an error each", async (t) => {
  const names = "a.mpo b.insp c.jfi d.jps e.pjpeg f.apng g.gpr h.mef i.ppm j.ico k.svg".split(" ");
  const folder = folderWith(t, Object.fromEntries([...names, "l.txt"].map((name) => [name, "x"])));
  const { files, notes } = await expand([folder]);
  assert.deepEqual(files, names.map((name) => join(folder, name))); // prettier-ignore
  assert.deepEqual(notes, []);
});

test("files of unknown names are reported where nothing else was found", async (t) => {
  const folder = folderWith(t, { "a.txt": "x", b: "x" });
  await assert.rejects(expand([folder]), {
    message: /not called like a picture \(name them to have them\): 2, as .*a\.txt/,
  });
});

test("links to folders that are not there, to themselves or in a circle are reported, and count as lost", async (t) => {
  const folder = folderWith(t, { "in/a.jpg": "x" });
  for (const [to, name] of [
    ["/mnt/nowhere/photos", "usb"],
    ["self", "self"],
    ["two", "one"],
    ["one", "two"],
  ] as const)
    // prettier-ignore
    symlinkSync(to, join(folder, "in", name));
  const { files, notes, lost } = await expand([join(folder, "in")]);
  assert.deepEqual(files, [join(folder, "in/a.jpg")]);
  assert.equal(lost, 4);
  assert.match(notes.join("\n"), /left out .*\/usb: it is a link to \/mnt\/nowhere\/photos, which is not there/);
  for (const name of ["self", "one", "two"]) assert.match(notes.join("\n"), new RegExp(`/${name}: it is a link to `));
});

/** {@link expand} as a user other than root, to whom rights apply. */
function expandAsNobody(args: readonly string[]): Awaited<ReturnType<typeof expandInputs>> {
  const inputs = new URL("../../src/cli/score/inputs.js", import.meta.url).href;
  const script = `
    if (process.getuid?.() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }
    const { expandInputs } = await import(${JSON.stringify(inputs)});
    console.log(JSON.stringify(await expandInputs(${JSON.stringify(args)}, process.stdin)));`;
  const text = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  return JSON.parse(text) as Awaited<ReturnType<typeof expandInputs>>;
}

for (const { what, mode, files, lost } of [
  { what: "may be listed but not entered", mode: 0o744, files: ["shut/b.jpg"], lost: /shut\/sub: the folder cannot be read: EACCES/ }, // prettier-ignore
  { what: "may not be read", mode: 0o300, files: [], lost: /shut: the folder cannot be read: EACCES/ },
]) {
  test(`a folder that ${what}: nothing in it vanishes`, (t) => {
    const folder = folderWith(t, { "a.jpg": "x", "shut/b.jpg": "x", "shut/sub/c.jpg": "x" });
    chmodSync(folder, 0o755);
    chmodSync(join(folder, "shut"), mode);
    const [whole, glob] = [[folder], [`${folder}/**/*.jpg`]].map(expandAsNobody);
    // So that the folder can be removed.
    chmodSync(join(folder, "shut"), 0o755);
    assert.ok(whole && glob);
    assert.deepEqual(whole.files, [...files, "a.jpg"].map((name) => join(folder, name)).sort());
    assert.equal(whole.lost, 1);
    assert.match(whole.notes.join("\n"), lost);
    assert.ok(glob.lost > 0, "a glob passes over it in silence");
    assert.match(glob.notes.join("\n"), lost);
  });
}

test("names that are not UTF-8: found, distinguished, opened by their bytes", async (t) => {
  const folder = folderWith(t, { "a.jpg": "x" });
  const latin = Buffer.from("sch\u00f6n.jpg", "latin1");
  const place = (name: Buffer, under = folder): Buffer => Buffer.concat([Buffer.from(`${under}/`), name]);
  mkdirSync(place(Buffer.from([0xff])));
  writeFileSync(place(latin), "no picture");
  writeFileSync(Buffer.concat([place(Buffer.from([0xff])), Buffer.from("/\u00fc.jpg")]), "x");
  const expected = [`${folder}/a.jpg`, `${folder}/sch\udcf6n.jpg`, `${folder}/\udcff/\u00fc.jpg`];
  const { files, notes, lost } = await expand([folder]);
  assert.deepEqual([...files].sort(), [...expected].sort());
  assert.equal(lost, 0);
  assert.match(notes.join(), /file names that are not UTF-8 .*: 2, as /);
  for (const file of files) assert.equal(nameOfBytes(Buffer.from(pathOfName(file))), file);
  assert.equal(readableName("sch\udcf6n.jpg"), String.raw`sch\xf6n.jpg`);
  await assert.rejects(decodeImage(`${folder}/sch\udcf6n.jpg`), { code: "IMAGE_UNSUPPORTED" });
  // As a shell's arguments reach us, and from a glob.
  assert.deepEqual((await expand([`${folder}/sch\ufffdn.jpg`])).files, [`${folder}/sch\udcf6n.jpg`]);
  assert.deepEqual((await expand([`${folder}/\ufffd`])).files, [`${folder}/\udcff/\u00fc.jpg`]);
  assert.deepEqual((await expand([`${folder}/sch*.jpg`])).files, [`${folder}/sch\udcf6n.jpg`]);
  assert.deepEqual((await expand([`${folder}/gone\ufffd.jpg`])).files, [`${folder}/gone\ufffd.jpg`]);
});

test("bytes become a name and the name bytes, whatever they are", () => {
  const names = [[0xff, 0xfe], [0x61, 0xc3], [0xc3, 0xa4, 0xe4], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98, 0x80, 0x80], [0xef, 0xbf, 0xbd]]; // prettier-ignore
  for (const bytes of names.map((list) => Buffer.from(list))) {
    const name = nameOfBytes(bytes);
    assert.deepEqual(Buffer.from(pathOfName(name)), bytes, name);
    assert.equal(JSON.parse(JSON.stringify(name)), name);
  }
  // Python: os.fsdecode(b"\xc3\xa4\xe4") == "\u00e4\udce4"
  assert.equal(nameOfBytes(Buffer.from([0xc3, 0xa4, 0xe4])), "\u00e4\udce4");
});

test("nothing found is wrong use, with a remedy", async (t) => {
  const folder = folderWith(t, { "notes.txt": "x" });
  for (const args of [[folder], [`${folder}/*.jpg`], ["-"]]) {
    await assert.rejects(expand(args), (error: unknown) => {
      assert.ok(isRocError(error));
      assert.equal(error.code, "USAGE");
      assert.match(error.message, /^No pictures found in .*Give image files, folders, globs/s);
      return true;
    });
  }
});

test("- takes one photo too, and refuses what is neither a photo nor a list", async (t) => {
  const folder = photos(t);
  const jpeg = readFileSync(fixture("image/cmyk.jpg"));
  const { files, given } = await expand([join(folder, "IMG2.jpg"), "-"], jpeg);
  assert.deepEqual(files, [join(folder, "IMG2.jpg"), "-"]);
  const bytes = given.get("-");
  assert.ok(bytes);
  assert.deepEqual(await buffer(bytes), jpeg);
  // No picture here, but no list either: it gets an error of its own.
  assert.deepEqual((await expand(["-"], Buffer.from("%PDF-1.7\n1 0 obj"))).files, ["-"]);
  const rubbish = [Buffer.of(1, 2, 3, 200, 0, 7), Buffer.from("\ufeffa.jpg", "utf16le")];
  for (const stdin of rubbish) {
    await assert.rejects(expand(["-"], stdin), { code: "USAGE", message: /neither a picture .* nor a list of paths/ });
  }
  assert.deepEqual((await expand(["-"], "\ufeffa\tb.jpg\n")).files, ["a\tb.jpg"]);
});
