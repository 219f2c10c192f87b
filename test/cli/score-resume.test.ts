/** `score --resume`: what is kept is not scored again, and only what is the same is taken for the same. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { Model, ScoreResult } from "../../src/engine/index.js";
import { ROOT } from "../support.js";
import { failureFor, folderWith, jsonLines, resultFor, runCli, type Ran } from "./support.js";

const FILES = { "a.jpg": "a", "b.jpg": "b", "c.jpg": "c", "d.jpg": "d" };
const DIGEST = "a".repeat(64);

interface Scored extends Ran {
  /** Files that the model was given. */
  readonly scored: readonly string[];
}

/** Scores in the given folder by a made-up model; the score of a file is its place in the alphabet. */
async function score(
  argv: readonly string[],
  origin: Partial<Model> = { digest: DIGEST },
  { failing = [], stopAfter = Infinity }: { failing?: readonly string[]; stopAfter?: number } = {},
): Promise<Scored> {
  const scored: string[] = [];
  const controller = new AbortController();
  const ran = await runCli(
    ["score", ...argv],
    (file) => {
      const name = file.split("/").at(-1) ?? "";
      scored.push(name);
      if (scored.length >= stopAfter) controller.abort();
      return failing.includes(name) ? failureFor(file) : resultFor(file, name.charCodeAt(0) - 96);
    },
    { origin, signal: controller.signal },
  );
  return { ...ran, scored };
}

function prepared(t: TestContext): { folder: string; kept: string } {
  const folder = folderWith(t, FILES);
  return { folder, kept: join(folder, "scores.saved") };
}

test("a stopped command resumes with what is left; JSON, the table and --sort are those of one piece", async (t) => {
  const { folder, kept } = prepared(t);
  const args = [folder, "--resume", kept];
  const stopped = await score([...args, "--json"], undefined, { stopAfter: 2 });
  assert.equal(stopped.code, 130);
  const before = readFileSync(kept, "utf8");
  const count = before.split("\n").length - 2;
  assert.ok(count >= 1 && count <= 2, before);
  for (const flags of [["--json"], [], ["--sort"], ["--sort", "--json"]]) {
    writeFileSync(kept, `${before}{"path": "torn`);
    const whole = await score([folder, ...flags]);
    const rest = await score([...args, ...flags]);
    assert.deepEqual(rest.scored, ["a.jpg", "b.jpg", "c.jpg", "d.jpg"].slice(count), flags.join());
    assert.equal(rest.stdout, whole.stdout, flags.join());
    assert.equal(rest.code, 0);
    assert.match(rest.stderr, new RegExp(`${count} of 4 scores were taken from ${kept}`));
    assert.match(rest.stderr, /4 photos scored/);
    assert.deepEqual((await score([...args, ...flags])).scored, []);
  }
});

test("answers to further questions are saved too", async (t) => {
  const { folder, kept } = prepared(t);
  const answers = [{ prompt: "<image>\nWhy?", answer: "So.", scores: { light: null }, comment: "c" }];
  const ask = async (...others: string[]) => {
    const argv = ["score", folder, "--json", "--ask", "Why?", ...others];
    return runCli(argv, (file) => ({ ...resultFor(file, 5), answers }), { origin: { digest: DIGEST } });
  };
  const [plain, first] = [await ask(), await ask("--resume", kept)];
  const again = await ask("--resume", kept);
  assert.deepEqual([first.stdout, again.stdout], [plain.stdout, plain.stdout]);
  assert.match(again.stderr, /4 of 4 scores were taken/);
});

test("a picture that has changed, or has another path, is another one; failed ones are tried again", async (t) => {
  const { folder, kept } = prepared(t);
  const args = [folder, "--resume", kept, "--json"];
  const first = await score(args, undefined, { failing: ["b.jpg"] });
  assert.equal(first.code, 3);
  assert.deepEqual((await score(args, undefined, { failing: ["b.jpg"] })).scored, ["b.jpg"]);
  assert.deepEqual((await score(args)).scored, ["b.jpg"]);
  writeFileSync(join(folder, "a.jpg"), "longer");
  utimesSync(join(folder, "c.jpg"), 1e9, 1e9);
  symlinkSync(join(folder, "d.jpg"), join(folder, "e.jpg"));
  assert.deepEqual((await score(args)).scored, ["a.jpg", "c.jpg", "e.jpg"]);
  assert.deepEqual((await score(args)).scored, []);
  // However the path is written; results have it as it is written now.
  const other = await score([`${folder}/../${folder.split("/").at(-1)}/a.jpg`, "--resume", kept, "--json"]);
  assert.deepEqual(other.scored, []);
  assert.match((jsonLines(other.stdout)[0] as ScoreResult).file, /\/\.\.\//);
});

test("another checkpoint or another setting is refused by name, and nothing is lost", async (t) => {
  const { folder, kept } = prepared(t);
  const args = [folder, "--resume", kept];
  const settings = { dtype: "float32", prompt: "How good?" };
  await score(args, { digest: DIGEST, settings });
  const before = readFileSync(kept, "utf8");
  for (const [origin, flags, named] of [
    [{ digest: "b".repeat(64), settings }, [], /checkpoint was "a{64}", now "b{64}"/],
    [{ digest: DIGEST, settings: { ...settings, dtype: "float16" } }, [], /dtype was "float32", now "float16"/],
    [{ digest: DIGEST, settings }, ["--comments"], /comments was false, now true/],
    [{ digest: DIGEST, settings }, ["--ask", "Why?"], /questions was .*Why/],
    [{ digest: DIGEST, settings }, ["--allow-damaged"], /allowDamaged was false, now true/],
  ] as const) {
    const { code, stderr, scored } = await score([...args, ...flags], origin);
    assert.equal(code, 2);
    assert.match(stderr, named);
    assert.match(stderr, /scores\.saved was made with other settings.*give another file to --resume/);
    assert.deepEqual(scored, []);
    assert.equal(readFileSync(kept, "utf8"), before);
  }
  for (const text of ['{"file": "a.jpg", "score": 3}\n', "my notes", "a.jpg,3\nb.jpg,4\n"]) {
    writeFileSync(kept, text);
    const { code, stderr } = await score(args);
    assert.equal(code, 4);
    assert.match(stderr, /scores\.saved, line 1 is none that this program keeps/);
    assert.equal(readFileSync(kept, "utf8"), text);
  }
});

test("killed at any moment, the real program loses at most a torn line; two at once are refused", async (t) => {
  const { folder } = prepared(t);
  for (const name of Object.keys(FILES)) rmSync(join(folder, name));
  const photos = (await readdir(join(ROOT, "examples/photos"))).filter((name) => name.endsWith(".jpg"));
  for (let i = 0; i < 30; i++)
    symlinkSync(join(ROOT, "examples/photos", photos[i % photos.length] ?? ""), join(folder, `p${i}.jpg`));
  const kept = join(folder, "scores.saved");
  const lines = (): number => (existsSync(kept) ? readFileSync(kept, "utf8").split("\n").length - 1 : 0);
  const start = (args: readonly string[]) => {
    const main = join(ROOT, "dist/src/cli/main.js");
    const child = spawn(process.execPath, [main, "score", folder, "--json", ...args], { stdio: ["ignore", "pipe", "pipe"] }); // prettier-ignore
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (data) => (said.stdout += String(data)));
    child.stderr.on("data", (data) => (said.stderr += String(data)));
    const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
      child.once("close", (code) => resolve({ code, ...said })),
    );
    return { child, ended };
  };
  const first = start(["--resume", kept]);
  while (lines() < 4) await wait(5);
  first.child.kill("SIGSTOP");
  const second = await start(["--resume", kept]).ended;
  assert.equal(second.code, 9, second.stderr);
  assert.match(second.stderr, /in use by process .*name another file;/);
  first.child.kill("SIGKILL");
  await first.ended;
  const held = lines() - 1;
  appendFileSync(kept, '{"path":"/x');
  const rest = await start(["--resume", kept]).ended;
  assert.equal(rest.code, 0, rest.stderr);
  assert.match(rest.stderr, new RegExp(`${held} of 30 scores were taken`));
  const whole = await start([]).ended;
  assert.equal(rest.stdout, whole.stdout);
});

test("another picture of the same size and time, as copying and moving leave them, is scored", async (t) => {
  const { folder, kept } = prepared(t);
  const picture = join(folder, "a.jpg");
  const then = new Date(1e12);
  const write = (last: string): void => {
    writeFileSync(picture, `${"x".repeat(40_000)}${last}`);
    utimesSync(picture, then, then);
  };
  write("a");
  assert.deepEqual((await score([picture, "--resume", kept])).scored, ["a.jpg"]);
  assert.deepEqual((await score([picture, "--resume", kept])).scored, []);
  write("b");
  assert.deepEqual((await score([picture, "--resume", kept])).scored, ["a.jpg"]);
});
