import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { takeLock, tryLock, withLock } from "../../src/files/index.js";
import { ROOT } from "../support.js";

const folder = mkdtempSync(join(tmpdir(), "files-lock-"));
after(() => rmSync(folder, { recursive: true }));

const MODULE = pathToFileURL(join(ROOT, "dist/src/files/index.js")).href;

/** The number of a process that has ended. */
async function endedProcess(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""]);
  await new Promise((resolve) => child.once("close", resolve));
  return child.pid as number;
}

/** What this process writes into a lock of its own. */
async function ownContent(): Promise<Record<string, unknown>> {
  const file = join(folder, "own");
  const lock = await takeLock(file, "x");
  const content = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  await lock.release();
  return content;
}

test("a lock that is held is refused by name, and free after its release", async () => {
  const file = join(folder, "deep", "lock");
  const lock = await takeLock(file, "the folder");
  const message = new RegExp(`the folder is in use by process ${process.pid} on ${hostname()}.*name another folder;`);
  await assert.rejects(takeLock(file, "the folder"), { code: "IN_USE", message });
  await lock.release();
  await lock.release();
  const again = await takeLock(file, "the folder");
  await lock.release();
  assert.ok("pid" in (await tryLock(file)), "a second release of the first lock must not free the second one");
  await again.release();
});

test("a lock is abandoned once its process has ended, or its number belongs to another", async () => {
  const file = join(folder, "abandoned");
  const own = await ownContent();
  for (const gone of [{ pid: await endedProcess() }, { began: "1" }]) {
    writeFileSync(file, JSON.stringify({ ...own, token: "t", ...gone }));
    await (await takeLock(file, "x")).release();
  }
});

test("a lock of another machine is abandoned after a silent minute, one of a live process never", async () => {
  const file = join(folder, "silent");
  const own = await ownContent();
  const old = new Date(Date.now() - 120_000);
  const fresh = { ...own, machine: "another", host: "another", token: "t" };
  writeFileSync(file, JSON.stringify(fresh));
  assert.ok("pid" in (await tryLock(file)));
  utimesSync(file, old, old);
  await (await takeLock(file, "x")).release();
  writeFileSync(file, JSON.stringify({ ...own, token: "t" }));
  utimesSync(file, old, old);
  assert.ok("pid" in (await tryLock(file)));
  rmSync(file);
});

test("a lock whose process was killed while writing it is abandoned after a minute", async () => {
  const file = join(folder, "torn");
  writeFileSync(file, "");
  assert.ok("pid" in (await tryLock(file)));
  const old = new Date(Date.now() - 120_000);
  utimesSync(file, old, old);
  await (await takeLock(file, "x")).release();
});

test("of many that judge a lock abandoned at once, one at a time holds it", async () => {
  // Every process finds the same abandoned lock, takes it and adds to a counter without care: lost additions would show.
  const [file, counter, go] = ["contended", "counter", "go"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const rounds = 20;
  const script = `
    import { withLock } from ${JSON.stringify(MODULE)};
    import { existsSync, readFileSync, writeFileSync } from "node:fs";
    import { setTimeout as wait } from "node:timers/promises";
    const [file, counter, go, abandoned] = process.argv.slice(1);
    while (!existsSync(go)) await wait(1);
    for (let i = 0; i < ${rounds}; i++) {
      await withLock(file, {}, async () => {
        const value = Number(readFileSync(counter, "utf8"));
        await wait(1);
        writeFileSync(counter, String(value + 1));
      });
      // Leave an abandoned lock behind, where no process holds one.
      try { writeFileSync(file, abandoned, { flag: "wx" }); } catch {}
    }`;
  const abandoned = JSON.stringify({ ...(await ownContent()), token: "gone", pid: await endedProcess() });
  writeFileSync(file, abandoned);
  writeFileSync(counter, "0");
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", script, file, counter, go, abandoned], { stdio: "inherit" }),
  );
  const ends = children.map((child) => new Promise((resolve) => child.once("close", resolve)));
  writeFileSync(go, "");
  assert.deepEqual(await Promise.all(ends), [0, 0, 0, 0]);
  assert.equal(readFileSync(counter, "utf8"), String(4 * rounds));
  rmSync(file, { force: true });
});

test("waiting ends by its signal, and reports the owner once", async () => {
  const file = join(folder, "waiting");
  const lock = await takeLock(file, "x");
  const reported: number[] = [];
  const signal = AbortSignal.timeout(700);
  const onWait = ({ pid }: { pid: number }): void => void reported.push(pid);
  await assert.rejects(
    withLock(file, { signal, onWait }, () => Promise.resolve()),
    { name: "AbortError" },
  );
  assert.deepEqual(reported, [process.pid]);
  await lock.release();
});
