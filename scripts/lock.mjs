/**
 * One set-up at a time: two commands started together must not install over each other.
 *
 * The lock is a file made exclusively. Its holder touches it; it is stale once its process is gone (on this machine) or
 * once it has not been touched for a while (on another machine or in another container).
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { say } from "./terminal.mjs";

const TOUCH_MS = 2_000;
const STALE_MS = 60_000;
const POLL_MS = 200;

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** The lock's text, and whether its holder is gone; undefined where it is free. */
function holderOf(path) {
  try {
    const text = readFileSync(path, "utf8");
    const silentMs = Date.now() - statSync(path).mtimeMs;
    const [pid, host] = text.split(" ");
    const gone = host === hostname() && !isRunning(Number(pid));
    // An empty file is one that its maker is about to fill.
    return { text, pid, stale: silentMs > STALE_MS || (text !== "" && gone) };
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Takes a stale lock away, but never one that somebody else took in between. */
function removeStale(path, text) {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    if (readFileSync(aside, "utf8") !== text) linkSync(aside, path);
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error;
  }
  rmSync(aside, { force: true });
}

function tryTake(path, token) {
  try {
    writeFileSync(path, token, { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

async function take(path, token) {
  let told = false;
  while (!tryTake(path, token)) {
    const holder = holderOf(path);
    if (holder === undefined) continue;
    if (holder.stale) {
      removeStale(path, holder.text);
      continue;
    }
    if (!told) say(`another set-up is at work here (process ${holder.pid}); waiting for it`);
    told = true;
    await sleep(POLL_MS);
  }
}

/**
 * Runs `work` while holding the lock file.
 *
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(path, work) {
  mkdirSync(dirname(path), { recursive: true });
  const token = `${process.pid} ${hostname()} ${Date.now()}`;
  await take(path, token);
  const touching = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(path, now, now);
    } catch {
      // Somebody deleted build/; the work itself will say so if it matters.
    }
  }, TOUCH_MS);
  try {
    return await work();
  } finally {
    clearInterval(touching);
    if (holderOf(path)?.text === token) rmSync(path, { force: true });
  }
}
