/** Folders that are written where a user says: whole, alone, and with no harm to what lies beside them. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test, type TestContext } from "node:test";
import { asideOf, writeFolder } from "../../src/files/index.js";

async function place(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "write-folder-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Fills a folder with one file. */
const fill = (text: string) => async (folder: string) => writeFile(join(folder, "a.txt"), text);

test("a user's folders beside it stay, what a killed call left goes, and nothing else is left", async (t) => {
  const beside = await place(t);
  const out = join(beside, "out");
  const theirs = ["out.tmp", "out.tmp2", ".out", asideOf(join(beside, "other"))].map((name) => join(beside, basename(name))); // prettier-ignore
  for (const folder of [...theirs, asideOf(out)]) {
    await mkdir(folder);
    await writeFile(join(folder, "kept.txt"), "kept");
  }
  assert.equal(await writeFolder(out, async (aside) => (await fill("whole")(aside), 7)), 7);
  assert.equal(await readFile(join(out, "a.txt"), "utf8"), "whole");
  assert.deepEqual((await readdir(beside)).sort(), ["out", ...theirs.map((path) => basename(path))].sort());
});

test("what fails leaves nothing, and a folder that is filled meanwhile stays as it is", async (t) => {
  const beside = await place(t);
  const out = join(beside, "out");
  await assert.rejects(
    writeFolder(out, () => Promise.reject(new Error("no room"))),
    /no room/,
  );
  assert.deepEqual(await readdir(beside), []);
  const filling = writeFolder(out, async (aside) => {
    await fill("ours")(aside);
    await mkdir(out);
    await fill("theirs")(out);
  });
  await assert.rejects(filling, { code: "USAGE", message: /is not empty; give another folder/ });
  assert.equal(await readFile(join(out, "a.txt"), "utf8"), "theirs");
  assert.deepEqual(await readdir(beside), ["out"]);
});

test("of two at once the second is told who writes", async (t) => {
  const out = join(await place(t), "out");
  await writeFolder(out, async (aside) => {
    await fill("first")(aside);
    const message = new RegExp(`The folder ${out} is in use by process ${process.pid}`);
    await assert.rejects(writeFolder(`${out}/`, fill("second")), { code: "IN_USE", message });
  });
  assert.equal(await readFile(join(out, "a.txt"), "utf8"), "first");
});
