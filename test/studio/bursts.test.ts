/** A composed card: the same bytes for the same options, times in the EXIF, and a truth that says what belongs together. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { readMetadata } from "../../src/photos/metadata.js";
import { writeCard } from "../../src/studio/bursts.js";

test("the same options give the same bytes; times and exposure are in the EXIF; groups are as composed", async (t) => {
  const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), "bursts-")));
  t.after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));
  const [first = "", second = ""] = folders;
  const options = { seed: "card", count: 40, longEdge: 40 };
  const pictures = await writeCard(first, options);
  assert.deepEqual(await writeCard(second, options), pictures);
  assert.equal(readdirSync(first).length, 41);
  for (const name of readdirSync(first)) assert.deepEqual(readFileSync(join(second, name)), readFileSync(join(first, name)), name); // prettier-ignore
  const events = new Map<number, Set<string>>();
  for (const { file, taken, event, group, exposureBias } of pictures) {
    const metadata = await readMetadata(join(first, file));
    assert.deepEqual([metadata.taken, metadata.exposureBias], [taken, exposureBias], file);
    events.set(group, (events.get(group) ?? new Set()).add(event));
  }
  assert.ok([...events.values()].every((names) => names.size === 1));
  const alone = pictures.filter(({ event }) => ["single", "walk", "later", "neighbours"].includes(event));
  assert.ok(alone.length > 3 && alone.length < 36);
  assert.equal(new Set(alone.map(({ group }) => group)).size, alone.length);
});

test("a card without pictures is refused", async () => {
  await assert.rejects(writeCard(join(tmpdir(), "none"), { count: 0 }), (error) => isRocError(error) && error.code === "USAGE"); // prettier-ignore
});
