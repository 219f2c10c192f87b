import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { isRocError } from "../../src/errors.js";
import { openJournal, type Journal, type Settings } from "../../src/files/index.js";
import { ROOT } from "../support.js";

const folder = mkdtempSync(join(tmpdir(), "files-journal-"));
after(() => rmSync(folder, { recursive: true }));

const entry = z.object({ n: z.number(), text: z.string().optional() });
type Entry = z.infer<typeof entry>;
const REMEDY = "Take another file.";

function journal(file: string, settings: Settings = { model: "a" }, fresh = false): Promise<Journal<Entry>> {
  return openJournal(file, { settings, remedy: REMEDY, entry, fresh });
}

async function with3(name: string): Promise<string> {
  const file = join(folder, name);
  const opened = await journal(file);
  for (const n of [1, 2, 3]) await opened.append({ n, text: `line\u2028 ${n}, é` });
  await opened.close();
  return file;
}
test("entries come back in their order; U+2028 is no end of a line", async () => {
  const file = await with3("order.jsonl");
  const opened = await journal(file);
  assert.deepEqual(
    opened.entries,
    [1, 2, 3].map((n) => ({ n, text: `line\u2028 ${n}, é` })),
  );
  await opened.append({ n: 4 });
  await opened.close();
  assert.equal(readFileSync(file, "utf8").split("\n").length, 6, "settings, four entries, nothing behind the last end");
  assert.ok(!existsSync(`${file}.lock`));
});

test("truncated anywhere, the file loses the incomplete line and no other", async () => {
  const file = await with3("whole.jsonl");
  const whole = readFileSync(file);
  const ends = [...whole.entries()].filter(([, byte]) => byte === 10).map(([at]) => at + 1);
  const cut = join(folder, "cut.jsonl");
  for (let length = ends[0] as number; length <= whole.length; length++) {
    writeFileSync(cut, whole.subarray(0, length));
    const opened = await journal(cut);
    const kept = ends.filter((end) => end <= length).length - 1;
    assert.equal(opened.entries.length, kept, `${length} bytes`);
    for (let n = kept + 1; n <= 3; n++) await opened.append({ n, text: `line\u2028 ${n}, é` });
    await opened.close();
    assert.deepEqual(readFileSync(cut), whole, `${length} bytes`);
  }
});

test("other settings are refused by name and value, and nothing is lost by that", async () => {
  const file = await with3("settings.jsonl");
  const before = readFileSync(file);
  const refused = (settings: Settings, message: RegExp) =>
    assert.rejects(journal(file, settings), (error) => {
      assert.ok(isRocError(error) && error.code === "USAGE");
      assert.match(error.message, message);
      assert.ok(error.message.endsWith(REMEDY));
      return true;
    });
  await refused({ model: "b" }, /model was "a", now "b"/);
  await refused({ model: "a", comments: true }, /comments was not set, now true/);
  await refused({}, /model was "a", now not set/);
  assert.deepEqual(readFileSync(file), before);
  const fresh = await journal(file, { model: "b" }, true);
  assert.deepEqual(fresh.entries, []);
  await fresh.close();
  assert.equal(readFileSync(file, "utf8"), '{"settings":{"model":"b"}}\n');
});

test("a file of another program is left as it is; an empty one is started", async () => {
  const file = join(folder, "foreign.jsonl");
  for (const [text, line] of [
    ['{"file": "a.jpg"}\n', 1],
    ["no line end", 1],
    ['{"settings":{"model":"a"}}\n{"n":1}\nnonsense\n{"n":2}\n', 3],
    ['{"settings":{"model":"a"}}\n{"other":1}\n', 2],
  ] as const) {
    writeFileSync(file, text);
    await assert.rejects(journal(file), (error) => {
      assert.ok(isRocError(error) && error.code === "DATA_INVALID", String(error));
      assert.match(error.message, new RegExp(`foreign\\.jsonl, line ${line} is none`));
      return true;
    });
    assert.equal(readFileSync(file, "utf8"), text);
  }
  truncateSync(file);
  const opened = await journal(file);
  assert.deepEqual(opened.entries, []);
  await opened.close();
});

test("one process at a time; the lock of a killed one is free", async () => {
  const file = await with3("locked.jsonl");
  const opened = await journal(file);
  await assert.rejects(journal(file), { code: "IN_USE" });
  await opened.close();
  const module = pathToFileURL(join(ROOT, "dist/src/files/index.js")).href;
  const body = `
    import { openJournal } from ${JSON.stringify(module)};
    import { z } from "zod";
    const opened = await openJournal(process.argv[1], { settings: { model: "a" }, remedy: "", entry: z.any() });
    await opened.append({ n: 4 });
    console.log("ready");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", body, file], { stdio: ["ignore", "pipe", "inherit"], cwd: ROOT }); // prettier-ignore
  await new Promise((resolve) => child.stdout.once("data", resolve));
  await assert.rejects(journal(file), { code: "IN_USE" });
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("close", resolve));
  appendFileSync(file, '{"n":');
  const after = await journal(file);
  assert.deepEqual(after.entries.map(({ n }) => n), [1, 2, 3, 4]); // prettier-ignore
  await after.close();
});
