/**
 * A command that npm or our torchrun started ends when that does. npm runs `sh -c COMMAND` and passes a SIGTERM on to the
 * shell alone, which goes and leaves the command behind; a killed npm or torchrun tells nobody.
 */
import { readFileSync } from "node:fs";

/** Set by our torchrun for its processes: its own process id. */
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

/** Whether the launcher is gone; false where there is none. It may have gone before this process could look at its parents. */
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
 * From now on, if npm or our torchrun started this process, it gets a SIGTERM when that, or npm's shell, is gone. Twice is
 * harmless.
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
