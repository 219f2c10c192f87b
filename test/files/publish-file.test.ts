/** A file's name is given to it whole, on file systems that know no links too. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { publishFile } from "../../src/files/index.js";

test("where hard links are not possible the file has its name all the same, and takes no other's", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "publish-"));
  t.after(() => rm(folder, { recursive: true }));
  const noLinks = (): Promise<never> => Promise.reject(Object.assign(new Error("no links"), { code: "EPERM" }));
  for (const link of [undefined, noLinks]) {
    const [aside, to] = [join(folder, "aside"), join(folder, `to-${link === undefined}`)];
    await writeFile(aside, "whole");
    await publishFile(aside, to, link);
    assert.equal(await readFile(to, "utf8"), "whole");
    await rm(aside, { force: true });
    await writeFile(aside, "other");
    await assert.rejects(publishFile(aside, to, link), { code: "EEXIST" });
    assert.equal(await readFile(to, "utf8"), "whole");
  }
  await assert.rejects(publishFile(join(folder, "none"), join(folder, "new"), noLinks), { code: "ENOENT" });
  assert.ok(!(await readdir(folder)).includes("new"));
});
