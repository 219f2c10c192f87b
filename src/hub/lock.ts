/**
 * One process at a time downloads a repository, as all ranks of a training run begin with the same one. Python locks by
 * flock, which Node has not; both are safe beside each other, since only whole files are moved into place.
 */
import { mkdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const POLL_MS = 200;
const HEARTBEAT_MS = 10_000;
/** A holder on another machine that has not been heard of for so long is gone. */
const STALE_MS = 60_000;

/**
 * Does `work` while no other process (of any machine that shares the folder) holds the lock.
 *
 * @throws an AbortError, while it waits; what `work` throws
 */
export async function withLock<T>(file: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  while (!(await take(file))) await wait(POLL_MS, undefined, { ...(signal && { signal }) });
  const beat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(file, { force: true });
  }
}

async function take(file: string): Promise<boolean> {
  try {
    await writeFile(file, `${hostname()} ${process.pid}`, { flag: "wx" });
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  if (await isAbandoned(file)) await rm(file, { force: true });
  return false;
}

async function isAbandoned(file: string): Promise<boolean> {
  const [text, { mtimeMs }] = await Promise.all([
    readFile(file, "utf8").catch(() => ""),
    stat(file).catch(() => ({ mtimeMs: Date.now() })),
  ]);
  const [host, pid] = text.split(" ");
  return (host === hostname() && !isAlive(Number(pid))) || Date.now() - mtimeMs > STALE_MS;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Another user's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
