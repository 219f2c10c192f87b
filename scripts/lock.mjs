/**
 * A lock between processes: a file that is created exclusively and holds its owner and a unique token.
 *
 * The owner touches the file. The lock is abandoned once its process has ended (on the same machine) or once it has not
 * been touched for a minute (on another machine that shares the folder). Abandoned locks are removed under a second lock,
 * so that of two processes that judge one abandoned at once, neither removes what the other has just acquired.
 *
 * Set-up uses it before anything is compiled; src/files/lock.ts wraps it for the program.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as wait } from "node:timers/promises";

const POLL_MS = 200;
const HEARTBEAT_MS = 5_000;
/** An owner on another machine that has not touched its lock for this long counts as gone. */
const STALE_MS = 60_000;
/** Removing an abandoned lock takes milliseconds; a process that takes longer was killed. */
const REMOVAL_MS = 5_000;

/**
 * Runs `work` while holding the lock; waits for it.
 *
 * @template T
 * @param {string} file its folder exists
 * @param {{ signal?: AbortSignal, onWait?: (owner: { host: string, pid: number }) => void }} options `onWait` is called
 *   once, with the owner, where the lock has to be waited for
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 * @throws an AbortError, while it waits; the file system's error; what `work` throws
 */
export async function withLock(file, { signal, onWait }, work) {
  let waited = false;
  for (;;) {
    const got = await tryLock(file);
    if ("release" in got) {
      try {
        return await work();
      } finally {
        await got.release();
      }
    }
    if (!waited) onWait?.(got);
    waited = true;
    await wait(POLL_MS, undefined, { ...(signal && { signal }) });
  }
}

/**
 * The lock, or its owner.
 *
 * @param {string} file its folder exists
 * @returns {Promise<{ release(): Promise<void> } | { host: string, pid: number }>}
 * @throws the file system's error
 */
export async function tryLock(file) {
  const content = {
    ...{ host: hostname(), machine: machine() },
    ...{ pid: process.pid, began: startTimeOf(process.pid), token: randomUUID() },
  };
  for (;;) {
    if (await create(file, content)) return held(file, content);
    const owner = await read(file);
    if (owner === undefined) continue;
    if (!(await isAbandoned(file, owner))) return owner;
    if (!(await removeAbandoned(file, owner))) return owner;
  }
}

/**
 * Who holds a lock; undefined where nobody does, or who did is gone. Nothing is taken or removed.
 *
 * @param {string} file
 * @returns {Promise<{ host: string, pid: number } | undefined>}
 */
export async function ownerOf(file) {
  const owner = await read(file).catch(() => undefined);
  return owner === undefined || (await isAbandoned(file, owner)) ? undefined : owner;
}

function held(file, { token }) {
  const beat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, HEARTBEAT_MS).unref();
  let released = false;
  const release = async () => {
    if (released) return;
    released = true;
    clearInterval(beat);
    if ((await read(file))?.token === token) await rm(file, { force: true });
  };
  return { release };
}

/** Creates a file with this content; false where it exists. */
async function create(file, content) {
  try {
    await writeFile(file, `${JSON.stringify(content)}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

/**
 * The content of a lock file: the machine, which defines the scope of process ids; the start time of the process, which
 * distinguishes it from a later one of the same id ("" where it is unknown); and the token. Undefined where the file is
 * gone. An empty or incomplete one has an unknown owner.
 */
async function read(file) {
  const unknown = { host: "an unknown machine", machine: "", pid: 0, began: "", token: "" };
  try {
    return { ...unknown, ...JSON.parse(await readFile(file, "utf8")) };
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    if (error instanceof SyntaxError) return unknown;
    throw error;
  }
}

async function isAbandoned(file, owner) {
  // A live process of this machine that does not touch its lock is stopped or busy, and still the owner.
  if (owner.machine === machine()) return !(isAlive(owner.pid) && startTimeOf(owner.pid) === owner.began);
  return (await ageOf(file)) > STALE_MS;
}

/** Milliseconds since a file was touched; 0 where it is gone. */
async function ageOf(file) {
  return stat(file).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
}

/**
 * Removes an abandoned lock, one process at a time, after checking again that it is the same lock.
 * @returns false where another process is about to
 */
async function removeAbandoned(file, judged) {
  const guard = `${file}.removing`;
  if (!(await create(guard, judged))) {
    if ((await ageOf(guard)) > REMOVAL_MS) await rm(guard, { force: true });
    return false;
  }
  try {
    if ((await read(file))?.token === judged.token) await rm(file, { force: true });
    return true;
  } finally {
    await rm(guard, { force: true });
  }
}

function isAlive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    // Another user's.
    return error.code === "EPERM";
  }
}

/** The host, and on Linux its boot and the namespace of its process numbers (containers may share a host name). */
function machine() {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return [hostname(), boot, readlinkSync("/proc/self/ns/pid")].join(" ");
  } catch {
    return hostname();
  }
}

/** Start time of a process, in Linux's clock ticks since boot; "" on other systems and where it is gone. */
function startTimeOf(pid) {
  try {
    // The second field, a name in parentheses, may itself contain spaces and parentheses.
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
