/** `library`: from folders to a list, an export and nothing again, by the commands. */
import assert from "node:assert/strict";
import { mkdir, readFile, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "csv-parse/sync";
import { libraryCommand } from "../../src/cli/library/library.js";
import { picture, redModel, tempFolder } from "../library/support.js";
import { jsonLines, runCommand, type Ran } from "./support.js";

type Result = Omit<Ran, "asked">;

function runner(root: string, failing: readonly string[] = []) {
  return (...argv: string[]): Promise<Result> => {
    const engine = () => Promise.resolve({ load: () => Promise.resolve(redModel([], { failing })) });
    const env = { XDG_DATA_HOME: join(root, "data"), XDG_CONFIG_HOME: join(root, "config") };
    return runCommand(["library", ...argv], { library: () => Promise.resolve(libraryCommand) }, { engine, env });
  };
}

test("scan, list, export, check and forget", async (t) => {
  const root = await tempFolder(t);
  const photos = join(await realpath(root), "photos");
  for (const [name, colour] of Object.entries({ "a.png": 10, "=b.png": 200, "bad\n.png": 30 }))
    await picture(join(photos, name), colour);
  const library = runner(root, ["bad"]);
  const scanned = await library("scan", photos, "--json");
  assert.equal(scanned.code, 3);
  assert.match(scanned.stderr, /failed: .*bad�\.png: broken \(IMAGE_BROKEN\)/);
  assert.match(scanned.stderr, /3 photos \(3 new\) in .* 2 scored, 1 failed/);
  const [summary] = jsonLines(scanned.stdout) as Record<string, unknown>[];
  assert.equal(summary?.["library"], join(root, "data/roc4mllm/library.db"));
  assert.deepEqual([summary?.["files"], summary?.["scored"], summary?.["model"]], [3, 2, "red@12345678"]);

  await symlink(photos, join(root, "link"));
  await symlink("/nowhere", join(photos, "nothing.png"));
  const again = await library("scan", join(root, "link"));
  assert.equal(again.code, 0);
  assert.match(
    again.stderr,
    /3 unchanged.* 0 scored.*\n1 could not be found: links to nothing.*\n1 failed before and have not changed/,
  );

  const listed = await library("list");
  assert.match(listed.stdout, /^\S*\/=b\.png +20\.0 .*\n\S*\/a\.png +1\.0 .*\n\S*\/bad�\.png +failed: broken/);
  assert.equal(listed.stderr, "3 photos. Scores from 0 to 25.5 by red@12345678.\n");
  const found = await library("list", "--where", "score > 5", "--json");
  const [photo] = jsonLines(found.stdout) as Record<string, unknown>[];
  assert.equal(photo?.["file"], join(photos, "=b.png"));
  assert.deepEqual([photo?.["score"], photo?.["percentile"], photo?.["model"]], [20, 75, "red@12345678"]);
  assert.match(String(photo?.["hash"]), /^[0-9a-f]{16}$/);
  const wrong = await library("list", "--where", "score > high");
  assert.deepEqual([wrong.code, wrong.stderr.split("\n")[2]], [2, "          ^"]);

  const csv = join(root, "photos.csv");
  assert.equal((await library("export", csv)).code, 0);
  const rows = parse<Record<string, string>>(await readFile(csv, "utf8"), { columns: true });
  assert.deepEqual(rows.map(({ score, error }) => [score, error]), [["20", ""], ["1", ""], ["", "IMAGE_BROKEN"]]); // prettier-ignore
  const json = await library("export", "-", "--json", "--where", "name ~ b");
  assert.equal((JSON.parse(json.stdout) as unknown[]).length, 2);
  assert.equal((await library("export", join(root, "photos.txt"))).code, 2);

  const checked = await library("check");
  assert.deepEqual([checked.code, checked.stderr], [0, "3 files; the database is sound\n"]);
  assert.equal((await library("forget")).code, 2);
  assert.match((await library("forget", photos, "--dry-run")).stderr, /^3 photos and 2 scores would be forgotten/);
  assert.match((await library("forget", photos)).stderr, /^3 photos and 2 scores forgotten; no photo is touched/);
  assert.equal((await library("list")).stdout, "");
});

test("a folder that is not there changes nothing; an emptied one marks its photos as gone", async (t) => {
  const root = await tempFolder(t);
  const photos = join(root, "photos");
  const library = runner(root);
  assert.equal((await library("list")).code, 3);
  await picture(join(photos, "a.png"), 10);
  await library("scan", photos);
  await rename(photos, join(root, "unmounted"));
  const missing = await library("scan", photos);
  assert.equal(missing.code, 3);
  assert.match(missing.stderr, /is not there\. .*Nothing in the library has been changed/);
  await mkdir(photos);
  assert.match((await library("scan", photos)).stderr, /1 file is not there any more; kept as gone/);
  assert.match((await library("list", "--gone")).stdout, /a\.png/);
});

test("an export takes the place of an earlier one, and of no photo, database or other file", async (t) => {
  const root = await tempFolder(t);
  const photos = join(root, "photos");
  const library = runner(root);
  await picture(join(photos, "a\n=1,\r2.png"), 10);
  await library("scan", photos);
  const database = join(root, "data/roc4mllm/library.db");
  const [csv, json, notes] = [join(root, "x.csv"), join(root, "x.json"), join(root, "notes.csv")];
  await writeFile(notes, "day,notes\n");
  await writeFile(join(root, "a.xmp"), "<x:xmpmeta/>");
  await writeFile(`${database}-wal`, "");
  const others = [join(photos, "a\n=1,\r2.png"), database, `${database}-wal`, notes, join(root, "a.xmp")];
  const before = await Promise.all(others.map((file) => readFile(file, "base64")));
  for (const file of others)
    for (const format of ["--csv", "--json"]) {
      const { code, stderr } = await library("export", file, format);
      assert.equal(code, 2);
      assert.match(
        stderr,
        /is there already and is no (table|export) that roc4mllm wrote: it stays as it is\. Name another/,
      );
    }
  assert.deepEqual(await Promise.all(others.map((file) => readFile(file, "base64"))), before);
  assert.equal((await library("export", root, "--csv")).code, 3);
  for (let time = 0; time < 2; time++)
    for (const file of [csv, json]) assert.equal((await library("export", file)).code, 0);
  assert.equal((await library("export", json, "--csv")).code, 2);
  for (const where of ["score > 100", "score >= 0"])
    assert.equal((await library("export", json, "--where", where)).code, 0);
  assert.equal((JSON.parse(await readFile(json, "utf8")) as unknown[]).length, 1);
  const text = await readFile(csv, "utf8");
  assert.ok(text.includes(`"${join(photos, "a\n'=1,\r2.png")}",1,`), text);
});

test("a damaged library is refused before anything is written to it", async (t) => {
  const root = await tempFolder(t);
  const photos = join(root, "photos");
  const library = runner(root);
  for (let i = 0; i < 8; i++) await picture(join(photos, `${i}.png`), 20 * i);
  await library("scan", photos);
  const database = join(root, "data/roc4mllm/library.db");
  const whole = await readFile(database);
  const damaged = join(root, "damaged.db");
  await picture(join(photos, "new.png"), 200);
  // The pages of tables that are written before these are looked at.
  for (const page of [3, whole.length / 4096 - 1])
    for (const argv of [
      ["scan", photos],
      ["forget", photos],
    ]) {
      const bytes = Buffer.from(whole).fill(0xa7, page * 4096, page * 4096 + 64);
      await rm(damaged, { force: true });
      await writeFile(damaged, bytes);
      const { code, stderr } = await library(...argv, "--library", damaged);
      assert.equal(code, 4, stderr);
      assert.match(stderr, /damaged\.db is damaged: .*Restore it from a backup, .*; it has not been changed/);
      assert.deepEqual(await readFile(damaged), bytes);
    }
});

test("--first: a small judge looks at all, the large one at its best; orders stay apart; the same command continues", async (t) => {
  const root = await tempFolder(t);
  const photos = join(await realpath(root), "photos");
  const small = join(root, "small");
  await mkdir(small);
  await writeFile(join(small, "config.json"), "{}");
  for (let i = 0; i < 10; i++) await picture(join(photos, `${i}.png`), 20 * i + 10);
  const asked: { first: string[]; second: string[] } = { first: [], second: [] };
  const failing: string[] = [];
  const engine = () =>
    Promise.resolve({
      load: (checkpoint: unknown) => {
        const isFirst = (checkpoint as { path: string }).path === small;
        const digest = (isFirst ? "1" : "2").repeat(64);
        // Loaded once beforehand, and again for its own look.
        if (!isFirst && failing.length > 0 && asked.first.length > 0) throw new Error("killed");
        return Promise.resolve(
          redModel(isFirst ? asked.first : asked.second, { name: isFirst ? "small@1" : "large@2", digest }),
        );
      },
    });
  const env = { XDG_DATA_HOME: join(root, "data"), XDG_CONFIG_HOME: join(root, "config") };
  const run = (...argv: string[]) =>
    runCommand(["library", ...argv], { library: () => Promise.resolve(libraryCommand) }, { engine: engine, env });

  assert.equal((await run("scan", photos, "--contenders", "20%")).code, 2);
  assert.equal((await run("scan", photos, "--first", small, "--contenders", "0%")).code, 2);
  const same = await run("scan", photos, "--first", small, "--model", small);
  assert.match(same.stderr, /--first and --model are both small@1/);
  // What is wrong with either is said before anything is scored.
  for (const wrong of [
    ["--model", join(root, "none")],
    ["--head", join(root, "none.pth")],
  ]) {
    const refused = await run("scan", photos, "--first", small, ...wrong);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /none|--head/);
  }
  assert.equal((await run("scan", photos, "--first", join(root, "none"))).code, 3);
  assert.deepEqual([asked.first.length, asked.second.length], [0, 0]);
  // Stopped between the two.
  failing.push("yes");
  assert.equal((await run("scan", photos, "--first", small)).code, 70);
  failing.pop();
  assert.deepEqual([asked.first.length, asked.second.length], [10, 0]);
  const scanned = await run("scan", photos, "--first", small, "--contenders", "20%", "--json");
  assert.equal(scanned.code, 0, scanned.stderr);
  assert.deepEqual([asked.first.length, asked.second.map((file) => file.slice(-5)).sort()], [10, ["8.png", "9.png"]]);
  assert.match(scanned.stderr, /2 of 10 go on to --model; 8 are seen by small@1 alone/);
  const [summary] = jsonLines(scanned.stdout) as { first: { model: string; files: number }; contenders: number; scored: number; files: number; model: string }[]; // prettier-ignore
  assert.deepEqual([summary?.model, summary?.scored, summary?.files, summary?.contenders], ["large@2", 2, 2, 2]);
  assert.deepEqual([summary?.first.model, summary?.first.files], ["small@1", 10]);

  const listed = await run("list");
  assert.match(listed.stdout, /^\S*\/9\.png +19\.0 .*\n\S*\/8\.png +17\.0 .*\n\S*\/0\.png  not scored by this checkpoint; seen by small@1 \(--judge\)/); // prettier-ignore
  const lines = jsonLines((await run("list", "--json")).stdout) as { score?: number; seenBy?: string[] }[];
  assert.deepEqual(lines.map(({ score, seenBy }) => score ?? seenBy), [19, 17, ...Array.from({ length: 8 }, () => ["small@1"])]); // prettier-ignore
  const csv = parse<Record<string, string>>((await run("export", "--csv", "-")).stdout, { columns: true });
  assert.deepEqual(csv.map(({ model, seenBy }) => [model, seenBy]).slice(1, 3), [["large@2", ""], ["", "small@1"]]); // prettier-ignore
  const own = jsonLines((await run("list", "--json", "--judge", "small@1")).stdout) as { score?: number }[];
  assert.equal(own.filter(({ score }) => score !== undefined).length, 10);
  // A larger share takes the rest of it; nothing is scored twice.
  assert.equal((await run("scan", photos, "--first", small, "--contenders", "0.5")).code, 0);
  assert.deepEqual([asked.first.length, asked.second.length], [10, 5]);
});
