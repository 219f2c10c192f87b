/**
 * A command that npm or this project's torchrun started ends when its launcher does. npm runs `sh -c COMMAND` and passes a
 * SIGTERM only to the shell, which ends and leaves the command running; a killed npm or torchrun sends no signal.
 */
import { readFileSync } from "node:fs";

/** Set by this project's torchrun for its processes: its own process id. */
export const LAUNCHER = "ROC4MLLM_LAUNCHER";

const LOOK_MS = 500;
const SHELLS = /^(ba|da|a|z|k)?sh$/;

/** Parent and name of a process, where the system has /proc. */
function statOf(pid) {
  try {
    const [, name, parent] = /^\d+ \((.*)\) \S (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, "latin1")) ?? [];
    return { name, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** The parent and, where that is npm's shell, its parent, which is npm. */
function parents() {
  const parent = process.ppid;
  const stat = statOf(parent);
  return stat !== undefined && SHELLS.test(stat.name) ? `${parent} ${stat.parent}` : String(parent);
}

/** Whether the launcher is gone; false where there is none. It may have ended before this process could inspect its parents. */
function isLauncherGone(pid) {
  if (pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

let following = false;

/**
 * From now on, if npm or this project's torchrun started this process, it gets a SIGTERM when that, or npm's shell, has
 * ended. Calling it twice is harmless.
 */
export function followParent(env = process.env) {
  if (following || (env.npm_lifecycle_event === undefined && env[LAUNCHER] === undefined)) return;
  following = true;
  const first = parents();
  const timer = setInterval(() => {
    if (parents() === first && !isLauncherGone(env[LAUNCHER])) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, LOOK_MS);
  timer.unref();
}
