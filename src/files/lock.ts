/** Locks between processes, with the project's errors: scripts/lock.mjs, which set-up uses before anything is compiled. */
import { dirname } from "node:path";
import * as core from "#scripts/lock.mjs";
import type { Lock, LockOwner, LockWait } from "#scripts/lock.mjs";
import { RocError } from "../errors.js";
import { makeFolder } from "./folders.js";
import { writing } from "./write-error.js";

export type { Lock, LockOwner } from "#scripts/lock.mjs";

/**
 * Runs `work` while holding the lock, which excludes processes on every machine that shares the folder; waits for it. The
 * lock's folder is created.
 *
 * @throws RocError FILE_UNWRITABLE; an AbortError, while it waits; what `work` throws
 */
export async function withLock<T>(file: string, options: LockWait, work: () => Promise<T>): Promise<T> {
  await makeFolder(dirname(file));
  let done: { result: T } | { thrown: unknown } | undefined;
  const guarded = async (): Promise<void> => {
    done = await work().then(
      (result) => ({ result }),
      (thrown: unknown) => ({ thrown }),
    );
  };
  await writing(file, () => core.withLock(file, options, guarded));
  if (done && "result" in done) return done.result;
  throw done?.thrown;
}

/** Whether somebody who still runs holds a lock. */
export async function isLocked(file: string): Promise<boolean> {
  return (await core.ownerOf(file)) !== undefined;
}

/** The lock, or its owner where it is taken; its folder is created. @throws RocError FILE_UNWRITABLE */
export async function tryLock(file: string): Promise<Lock | LockOwner> {
  await makeFolder(dirname(file));
  return writing(file, () => core.tryLock(file));
}

/** What is locked, so that another one can be named. */
export type LockedKind = "folder" | "file" | "library";

/**
 * Takes a lock without waiting; the caller releases it.
 *
 * @param what is locked, for the error: "the run folder runs/a"
 * @param kind what another one of can be named instead
 * @throws RocError IN_USE naming the owner; FILE_UNWRITABLE
 */
export async function takeLock(file: string, what: string, kind: LockedKind = "folder"): Promise<Lock> {
  const got = await tryLock(file);
  if ("release" in got) return got;
  const { pid, host } = got;
  const remedy = `Wait for it, stop it, or name another ${kind}; if no such process runs there, delete ${file}.`;
  throw new RocError("IN_USE", `${what} is in use by process ${pid} on ${host}. ${remedy}`);
}
