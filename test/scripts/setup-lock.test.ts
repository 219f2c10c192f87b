/** The lock of set-up: one at a time, and a dead holder's lock is nobody's. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { ROOT } from "../support.js";
import { folderWith } from "../cli/support.js";

const LOCK = pathToFileURL(`${ROOT}scripts/lock.mjs`).href;
const { withLock } = (await import(LOCK)) as typeof import("#scripts/lock.mjs");

/** A process number that no system gives. */
const NO_PROCESS = 99_999_999;

/** What this process writes into a lock of its own. */
async function ownContent(folder: string): Promise<Record<string, unknown>> {
  const file = join(folder, "own");
  return withLock(file, {}, async () => JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>);
}

/** A process that notes in `log` when its turn begins and ends. */
function worker(lock: string, log: string, name: string): Promise<void> {
  const program = `
    import { appendFileSync } from "node:fs";
    import { setTimeout as sleep } from "node:timers/promises";
    import { withLock } from ${JSON.stringify(LOCK)};
    const [lock, log, name] = process.argv.slice(1);
    await withLock(lock, {}, async () => {
      appendFileSync(log, name + "+");
      await sleep(100);
      appendFileSync(log, name + "-");
    });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, lock, log, name], { stdio: "ignore" });
  return new Promise((resolve, reject) => {
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`worker ${name}: exit code ${code}`))));
  });
}

test("three at once take turns, even from a dead holder's lock", { timeout: 30_000 }, async (t) => {
  const folder = folderWith(t, {});
  const [lock, log] = [join(folder, "lock"), join(folder, "log")];
  writeFileSync(lock, JSON.stringify({ ...(await ownContent(folder)), pid: NO_PROCESS }));
  await Promise.all(["a", "b", "c"].map((name) => worker(lock, log, name)));
  const turns = readFileSync(log, "utf8").match(/.{4}/g) ?? [];
  assert.deepEqual(turns.sort(), ["a+a-", "b+b-", "c+c-"]);
  assert.equal(existsSync(lock), false);
});

test("a lock of unknown form is waited for, until it was not touched for a minute", { timeout: 30_000 }, async (t) => {
  const lock = join(folderWith(t, {}), "lock");
  // Of the form that set-up once wrote.
  writeFileSync(lock, `${process.pid} ${hostname()} 0`);
  let entered = false;
  const work = withLock(lock, {}, () => Promise.resolve((entered = true)));
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(entered, false);
  const longAgo = Date.now() / 1000 - 120;
  utimesSync(lock, longAgo, longAgo);
  await work;
  assert.equal(entered, true);
});

test("the lock is free again after an error", async (t) => {
  const lock = join(folderWith(t, {}), "lock");
  await assert.rejects(
    withLock(lock, {}, () => Promise.reject(new Error("no network"))),
    /no network/,
  );
  assert.equal(existsSync(lock), false);
});
