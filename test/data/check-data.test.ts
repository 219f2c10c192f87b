/** `checkData()` as a program calls it. */
import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { checkData } from "../../src/index.js";
import { ratedFolder, temporary } from "../eval/support.js";

test("checkData: what is wrong, with progress and a page; changes nothing", async (t) => {
  const [data, folder] = [await ratedFolder(t), await temporary(t)];
  await rm(join(data, "p3.png"));
  await writeFile(join(data, "p5.png"), "no picture");
  const labels = join(data, "labels.jsonl");
  await writeFile(labels, (await readFile(labels, "utf8")).replace(/"score":[\d.]+/, '"score":9'));
  const before = await readdir(data);
  const page = join(folder, "check.html");
  const counts: [number, number][] = [];
  const options = { onProgress: (done: number, total: number) => void counts.push([done, total]) };
  const { name, problems, notes, opened } = await checkData({ data, report: page }, options);
  assert.deepEqual([name, opened, counts.length, counts.at(-1)], ["Made up", 23, 23, [23, 23]]);
  const kinds = problems.map(({ kind }) => kind);
  for (const kind of ["missing-image", "unreadable-image", "out-of-range"] as const)
    assert.ok(kinds.includes(kind), kind);
  assert.match(notes.join(), /Ignored in training unless .*\{light\}.*comments of 24 pictures/);
  assert.match(await readFile(page, "utf8"), /<title>Labels of Made up<\/title>/);
  assert.deepEqual(await readdir(data), before);
  const quick = await checkData({ data: { folder: data, kind: "csv" }, decode: false, limit: 4 });
  assert.deepEqual([quick.opened, quick.decoded], [4, false]);
  await assert.rejects(checkData({ data, limit: -1 }), { code: "USAGE", message: /limit is -1/ });
  await assert.rejects(checkData({ data }, { signal: AbortSignal.abort() }), { code: "ABORTED" });
  await assert.rejects(checkData({ data: join(folder, "none") }), { code: "FILE_NOT_FOUND" });
});
