/** Runs other programs: output goes to a callback, its end is retained for error messages, signals are passed on. */
import { spawn } from "node:child_process";

const KEPT_CHARACTERS = 24_000;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * @typedef {object} ChildResult
 * @property {number | null} code exit code; null where it could not be started or was killed
 * @property {string} output the end of its standard output and error together
 * @property {string} [missing] set where the program does not exist
 */

/** Signals the child and, where it has its own process group, all its descendants, such as CMake's compilers. */
function signalAll(child, signal, group) {
  if (child.pid === undefined) return;
  try {
    process.kill(group ? -child.pid : child.pid, signal);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/** Passes a signal on to the child, waits for its end and then ends in the same way. */
function passSignals(child, group) {
  const handlers = SIGNALS.map((signal) => {
    const handler = () => {
      const follow = () => {
        process.off(signal, handler);
        process.kill(process.pid, signal);
      };
      if (child.exitCode !== null || child.signalCode !== null) return follow();
      child.once("close", follow);
      signalAll(child, signal, group);
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => handlers.forEach((off) => off());
}

/**
 * Runs a program to its end. Never throws: see {@link ChildResult}.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void, inherit?: boolean }} [options]
 *   `inherit`: its output goes directly to this process's (standard output too)
 * @returns {Promise<ChildResult>}
 */
export function runChild(command, args, options = {}) {
  const { onLine, inherit = false, ...spawnOptions } = options;
  return new Promise((resolve) => {
    const group = !inherit;
    const stdio = inherit ? "inherit" : ["ignore", "pipe", "pipe"];
    const child = spawn(command, args, { ...spawnOptions, stdio, detached: group });
    const stopPassing = passSignals(child, group);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text) => {
        output = (output + text).slice(-KEPT_CHARACTERS);
        onLine?.(
          text
            .trimEnd()
            .split(/[\r\n]+/)
            .at(-1) ?? "",
        );
      });
    }
    child.once("error", (error) => {
      stopPassing();
      resolve({ code: null, output: error.message, ...(error.code === "ENOENT" ? { missing: command } : {}) });
    });
    child.once("close", (code) => {
      stopPassing();
      resolve({ code, output: output.trim() });
    });
  });
}
