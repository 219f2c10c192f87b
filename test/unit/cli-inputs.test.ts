/** Which files the arguments of `score` stand for. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { expandInputs } from "../../src/cli/inputs.js";
import { isRocError } from "../../src/errors.js";
import { folderWith } from "./cli-support.js";

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

function expand(args: string[], stdin = ""): ReturnType<typeof expandInputs> {
  return expandInputs(args, Readable.from([Buffer.from(stdin)]));
}

test("a folder is searched through, in natural order, for images only", async (t) => {
  const folder = photos(t);
  const { files, notes } = await expand([`${folder}/`]);
  assert.deepEqual(
    files,
    ["deep/er/b.webp", "IMG2.jpg", "IMG10.JPG"].map((name) => join(folder, name)),
  );
  assert.deepEqual(notes, ["left out files of formats that are not read here (convert them to JPEG): 2 .heic"]);
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

test("- reads a list of paths, one a line or with NUL between them, without globs", async (t) => {
  const folder = photos(t);
  const [first, second] = [join(folder, "IMG10.JPG"), join(folder, "deep")];
  const wanted = [first, join(folder, "deep/er/b.webp")];
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
