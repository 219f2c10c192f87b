/**
 * A command that npm started ends when npm does. npm runs `sh -c COMMAND` and passes a SIGTERM on to the shell alone, which
 * goes and leaves the command behind; a killed npm tells nobody.
 */
import { readFileSync } from "node:fs";

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

let following = false;

/** From now on, if npm started this process, it gets a SIGTERM when npm or npm's shell is gone. Twice is harmless. */
export function followNpm(env = process.env) {
  if (following || env.npm_lifecycle_event === undefined) return;
  following = true;
  const first = parents();
  const timer = setInterval(() => {
    if (parents() === first) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, LOOK_MS);
  timer.unref();
}
