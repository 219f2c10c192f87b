/**
 * A lock between processes: a file that is made exclusively and names its owner, by a token that no other lock has.
 *
 * The owner touches the file. The lock is abandoned once its process is gone (on the same machine) or once it has not
 * been touched for a minute (by another machine that shares the folder). Abandoned locks are taken away under a second lock,
 * so that of two processes that judge one abandoned at once, neither takes away what the other has just acquired.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { RocError } from "../errors.js";
import { writeError } from "./atomic.js";
import { makeFolder } from "./folders.js";

const POLL_MS = 200;
const HEARTBEAT_MS = 5_000;
/** An owner on another machine that has not been heard of for so long is gone. */
const STALE_MS = 60_000;
/** Taking an abandoned lock away takes milliseconds; whoever takes longer was killed. */
const REMOVAL_MS = 5_000;

/** Who holds a lock. */
export interface LockOwner {
  readonly host: string;
  readonly pid: number;
}

/** A lock that is held. */
export interface Lock {
  /** Gives the lock up; a second call does nothing. */
  release(): Promise<void>;
}

/** What a lock file holds. */
interface Content extends LockOwner {
  /** Where process numbers mean the same: see {@link machine}. */
  readonly machine: string;
  /** When the process began, so that another of the same number is not taken for it; "" where it cannot be known. */
  readonly began: string;
  readonly token: string;
}

/**
 * Does `work` while no other process (of any machine that shares the folder) holds the lock; waits for it.
 *
 * @param onWait called once, with the owner, where the lock has to be waited for
 * @throws an AbortError, while it waits; the file system's error; what `work` throws
 */
export async function withLock<T>(
  file: string,
  { signal, onWait }: { signal?: AbortSignal | undefined; onWait?: (owner: LockOwner) => void },
  work: () => Promise<T>,
): Promise<T> {
  let told = false;
  for (;;) {
    const got = await tryLock(file);
    if ("release" in got) {
      try {
        return await work();
      } finally {
        await got.release();
      }
    }
    if (!told) onWait?.(got);
    told = true;
    await wait(POLL_MS, undefined, { ...(signal && { signal }) });
  }
}

/**
 * Takes a lock for as long as the process wants, without waiting.
 *
 * @param what is locked, for the error: "the run folder runs/a"
 * @throws RocError IN_USE naming the owner; FILE_UNWRITABLE
 */
export async function takeLock(file: string, what: string): Promise<Lock> {
  const got = await tryLock(file).catch((cause: unknown) => {
    throw writeError(file, cause);
  });
  if ("release" in got) return got;
  const { pid, host } = got;
  const remedy = `Wait for it, stop it, or name another folder; if no such process runs there, delete ${file}.`;
  throw new RocError("IN_USE", `${what} is in use by process ${pid} on ${host}. ${remedy}`);
}

/** The lock, or who holds it. @throws the file system's error */
export async function tryLock(file: string): Promise<Lock | LockOwner> {
  const content: Content = {
    ...{ host: hostname(), machine: machine() },
    ...{ pid: process.pid, began: beginning(process.pid), token: randomUUID() },
  };
  await makeFolder(dirname(file));
  for (;;) {
    if (await create(file, content)) return held(file, content);
    const owner = await read(file);
    if (owner === undefined) continue;
    if (!(await isAbandoned(file, owner))) return owner;
    if (!(await removeAbandoned(file, owner))) return owner;
  }
}

function held(file: string, { token }: Content): Lock {
  const beat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, HEARTBEAT_MS).unref();
  let released = false;
  const release = async (): Promise<void> => {
    if (released) return;
    released = true;
    clearInterval(beat);
    if ((await read(file))?.token === token) await rm(file, { force: true });
  };
  return { release };
}

/** Whether a file that was not there is now made with this content. */
async function create(file: string, content: Content): Promise<boolean> {
  try {
    await writeFile(file, `${JSON.stringify(content)}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** What a lock file says; undefined where it is gone. One that is empty or torn belongs to nobody known. */
async function read(file: string): Promise<Content | undefined> {
  const nobody: Content = { host: "an unknown machine", machine: "", pid: 0, began: "", token: "" };
  try {
    return { ...nobody, ...(JSON.parse(await readFile(file, "utf8")) as Partial<Content>) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if (error instanceof SyntaxError) return nobody;
    throw error;
  }
}

async function isAbandoned(file: string, owner: Content): Promise<boolean> {
  // A process of this machine that does not touch its lock is stopped or busy, and still the owner.
  if (owner.machine === machine()) return !(isAlive(owner.pid) && beginning(owner.pid) === owner.began);
  return (await ageOf(file)) > STALE_MS;
}

/** Milliseconds since a file was touched; 0 where it is gone. */
async function ageOf(file: string): Promise<number> {
  return stat(file).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
}

/**
 * Takes an abandoned lock away, one process at a time; looks again whether it is still the one that was judged.
 * @returns false where another process is about to
 */
async function removeAbandoned(file: string, judged: Content): Promise<boolean> {
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

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    // Another user's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The host, and on Linux its boot and the namespace of its process numbers (containers may share a host's name). */
function machine(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return [hostname(), boot, readlinkSync("/proc/self/ns/pid")].join(" ");
  } catch {
    return hostname();
  }
}

/** When a process began, in Linux's clock ticks since boot; "" on other systems and where it is gone. */
function beginning(pid: number): string {
  try {
    // The second field, a name in parentheses, may hold blanks and parentheses itself.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
