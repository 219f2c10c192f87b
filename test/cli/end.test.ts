/** `score` ends its process at once: what it wrote, its exit code and what Node was asked for are all there. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { ROOT } from "../support.js";

const MAIN = join(ROOT, "dist/src/cli/main.js");

test("no line is lost to a reader that begins late, and the exit code is that of the failures", async () => {
  const names = Array.from({ length: 2000 }, (_, i) => `no-such-photo-of-a-name-that-fills-the-pipe-${i}.jpg`);
  const child = spawn(process.execPath, [MAIN, "score", "--json", ...names], { stdio: ["ignore", "pipe", "pipe"] });
  child.stderr.resume();
  const ended = once(child, "close") as Promise<[number | null]>;
  await sleep(1500);
  let text = "";
  for await (const chunk of child.stdout) text += String(chunk);
  const lines = text.trimEnd().split("\n");
  assert.equal(lines.length, names.length);
  assert.match(lines.at(-1) ?? "", /fills-the-pipe-1999\.jpg.*FILE_NOT_FOUND/);
  assert.deepEqual(await ended, [3, null]);
});

test("a profile that Node was asked for is written", () => {
  const folder = mkdtempSync(join(tmpdir(), "roc-end-"));
  const photo = join(ROOT, "examples/photos/portrait-good.jpg");
  const flags = ["--cpu-prof", "--cpu-prof-dir", folder];
  const done = spawnSync(process.execPath, [...flags, MAIN, "score", photo, "--json"], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  assert.match(readdirSync(folder).join(), /cpuprofile/);
  rmSync(folder, { recursive: true });
});

test(
  "a write that fails at the very end is told: a full disk, a reader that has gone",
  { skip: !existsSync("/dev/full") && "there is no /dev/full" },
  async () => {
    const photo = join(ROOT, "examples/photos/portrait-good.jpg");
    const full = openSync("/dev/full", "w");
    for (const args of [
      ["score", photo],
      ["score", "--json", photo],
      ["score", "--sort", photo],
      ["--version"],
      ["score", "--help"],
    ]) {
      // prettier-ignore
      const done = spawnSync(process.execPath, [MAIN, ...args], { stdio: ["ignore", full, "pipe"], encoding: "utf8" });
      assert.equal(done.status, 3, args.join(" "));
      assert.match(done.stderr, /standard output: the disk is full/, args.join(" "));
    }
    closeSync(full);
    const child = spawn(process.execPath, [MAIN, "score", "--sort", photo], { stdio: ["ignore", "pipe", "ignore"] });
    child.stdout.destroy();
    assert.deepEqual(await once(child, "close"), [141, null]);
  },
);
