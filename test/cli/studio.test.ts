import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { studioCommand } from "../../src/cli/data/studio.js";
import { commentsOn, makePictures, studioGallery, writeStudio } from "../../src/studio/index.js";
import { readDataset } from "../../src/data/index.js";
import { runCommand } from "./support.js";

async function emptyFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "studio-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const studio = (...args: string[]): ReturnType<typeof runCommand> =>
  runCommand(["studio", ...args], { studio: () => Promise.resolve(studioCommand) });

test("write makes one format in the folder, several in folders of their own, and says what", async (t) => {
  const folder = await emptyFolder(t);
  const options = ["--count", "12", "--size", "48", "--seed", "3", "--test", "0.3"];
  const one = await studio("write", join(folder, "one"), "--format", "tad66k", ...options, "--json");
  assert.equal(one.code, 0, one.stderr);
  const { rendered, recipe } = JSON.parse(one.stdout) as { rendered: number; recipe: Record<string, unknown> };
  assert.deepEqual([rendered, recipe["seed"], recipe["kind"], recipe["patterns"]], [12, 3, "tad66k", true]);
  assert.equal((await readDataset({ kind: "tad66k", folder: join(folder, "one") })).samples.length, 12);
  const two = await studio("write", join(folder, "two"), "--format", "aadb,csv", "--no-patterns", ...options);
  assert.deepEqual([two.code, two.stdout], [0, ""]);
  assert.match(two.stderr, /12 pictures, 12 rendered now/);
  assert.equal((await readDataset({ kind: "aadb", folder: join(folder, "two", "aadb") })).samples.length, 12);
  const again = await studio("write", join(folder, "two"), "--format", "aadb,csv", "--no-patterns", ...options);
  assert.match(again.stderr, /12 pictures, 0 rendered now/);
});

test("write refuses an unknown format, and says which there are", async (t) => {
  const folder = await emptyFolder(t);
  const { code, stderr } = await studio("write", folder, "--format", "flickr8k");
  assert.equal(code, 2);
  assert.match(stderr, /"flickr8k" is no format.*ava-captions/s);
  assert.equal((await studio("write", folder, "--size", "5000")).code, 2);
});

test("the gallery is one page with pictures, votes, attributes and comments, and nothing from elsewhere", async (t) => {
  const folder = await emptyFolder(t);
  await studio("write", folder, "--format", "ava,para", "--count", "10", "--size", "64", "--seed", "5");
  const out = join(folder, "gallery.html");
  const { code, stdout, stderr } = await studio("gallery", folder, "--out", out, "--count", "6", "--json");
  assert.equal(code, 0, stderr);
  const page = await readFile(out, "utf8");
  assert.deepEqual(JSON.parse(stdout), { file: out, bytes: Buffer.byteLength(page) });
  assert.equal(page.match(/src="data:image\/jpeg;base64,/g)?.length, 6);
  assert.doesNotMatch(page, /<script|<link|https?:|url\(/);
  assert.match(page, /prefers-color-scheme: dark/);
  assert.match(page, /name="viewport"/);
  for (const name of ["BalacingElements", "compositionScore", "exposure"]) assert.ok(page.includes(name), name);
  const { pictures, raters } = makePictures({ seed: 5, count: 10, testFraction: 0.1, patterns: true });
  const shown = pictures.filter(({ id }) => page.includes(`picture ${id}`));
  assert.equal(shown.length, 6);
  for (const { composition } of shown)
    for (const text of commentsOn(composition, raters)) assert.ok(page.includes(text));
});

test("the gallery shows what writeStudio wrote too, and refuses what no studio or another version wrote", async (t) => {
  const folder = await emptyFolder(t);
  await assert.rejects(studioGallery(folder), { code: "FILE_NOT_FOUND", message: /studio write/ });
  await writeStudio(folder, { count: 3, longEdge: 48 });
  assert.match(await studioGallery(folder, { count: 2 }), /without patterns/);
  const header = join(folder, "studio.json");
  await writeFile(header, (await readFile(header, "utf8")).replace('"version": 2', '"version": 1'));
  await assert.rejects(studioGallery(folder), { code: "DATA_INVALID", message: /another version/ });
  assert.equal((await studio("gallery", folder)).code, 4);
});
