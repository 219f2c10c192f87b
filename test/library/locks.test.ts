/** Who has a library open keeps it, whatever this process and others open and close beside that. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile, readlink, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import sharp from "sharp";
import { Catalog } from "../../src/library/catalog.js";
import { Connection } from "../../src/library/connection.js";
import { checkUndoFile } from "../../src/library/culling/undo.js";
import { openBeside, openToRead } from "../../src/library/open.js";
import { contentDigest } from "../../src/library/scan/digest.js";
import { ask, listening, SlowModel } from "../server/support.js";
import { libraryOf, tempFolder } from "./support.js";

/** What of a library's files this process has open although they are deleted; nothing where the system does not say. */
async function deleted(library: string): Promise<string[]> {
  const names = await readdir("/proc/self/fd").catch(() => []);
  const files = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
  return files.filter((file) => file.startsWith(library) && file.endsWith("(deleted)"));
}

/** Locks of all processes on a file. */
async function locksOf(file: string): Promise<number> {
  const { ino } = await stat(file);
  const lines = (await readFile("/proc/locks", "utf8").catch(() => "")).split("\n");
  return lines.filter((line) => line.includes(`:${ino} `)).length;
}

/** Another process, which opens a library for writing, and closes it. */
async function writeElsewhere(library: string, sql: string): Promise<void> {
  const program = `
    import { openToWrite } from ${JSON.stringify(new URL("../../src/library/open.js", import.meta.url))};
    const library = await openToWrite(${JSON.stringify(library)});
    library.connection.run(${JSON.stringify(sql)});
    await library.close();`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
}

test("another process that closes the library does not take the log from connections of this one", async (t) => {
  const library = join(await tempFolder(t), "library.db");
  await libraryOf(library, [{ name: "a.jpg" }, { name: "b.jpg" }]);
  const writer = await openBeside(library);
  writer.run("UPDATE files SET stars = 1 WHERE id = 1");
  const before = await locksOf(library);
  for (const open of [openToRead, openBeside]) (await open(library)).close();
  for (const file of [library, `${library}-shm`])
    await assert.rejects(checkUndoFile(file), { code: "USAGE", message: /it stays as it is/ });
  await assert.rejects(contentDigest(library), { code: "FILE_UNREADABLE", message: /is a library that is open/ });
  assert.equal(await locksOf(library), before);
  await writeElsewhere(library, "UPDATE files SET label = 'Red'");
  assert.deepEqual(await deleted(library), []);
  writer.run("UPDATE files SET stars = 2 WHERE id = 2");
  using seen = await Catalog.open(library);
  assert.deepEqual(seen.photos({ sort: "name" }).photos.map(({ stars }) => stars), [1, 2]); // prettier-ignore
  writer.close();
});

test("ratings of a server stay while others list and write the library", async (t) => {
  const folder = await tempFolder(t);
  const library = join(folder, "library.db");
  const names = ["a.jpg", "b.jpg", "c.jpg"];
  const picture = sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } });
  for (const name of names) await writeFile(join(folder, name), await picture.jpeg().toBuffer());
  await libraryOf(library, names.map((name) => ({ folder, name }))); // prettier-ignore
  const address = await listening(t, { model: new SlowModel(), library });
  const rate = async (id: number, stars: number): Promise<void> => {
    const headers = { "content-type": "application/json" };
    const init = { method: "PUT", headers, body: JSON.stringify({ stars }) };
    assert.equal((await ask(address, `/v1/library/photos/${id}/rating`, init)).status, 200);
  };
  await rate(1, 4);
  await writeElsewhere(library, "UPDATE files SET label = 'Blue'");
  await rate(2, 5);
  await writeElsewhere(library, "UPDATE files SET label = 'Red'");
  await rate(3, 3);
  assert.deepEqual(await deleted(library), []);
  const connection = new Connection(library, { readonly: true });
  t.after(() => connection.close());
  assert.equal(connection.value("PRAGMA integrity_check"), "ok");
  const kept = connection.rows("SELECT stars, label FROM files ORDER BY id");
  assert.deepEqual(kept, [[4, "Red"], [5, "Red"], [3, "Red"]]); // prettier-ignore
});
