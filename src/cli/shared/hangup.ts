/** Whether a hangup of the terminal (SIGHUP) is to end this process. */
import { readFileSync } from "node:fs";
import { LAUNCHER } from "#scripts/parent.mjs";

/**
 * Whether this process continues when its terminal is closed: it was started with SIGHUP ignored, or by torchrun, which
 * signals its processes itself. Node sets SIGHUP back to its default as it starts and keeps no record of what it was. What
 * is left of it: the shell's `_` names nohup, nohup has put a standard input that cannot be read in place of the
 * terminal, or the parent ignores SIGHUP.
 */
export function ignoresHangup(env: Readonly<Record<string, string | undefined>>): boolean {
  if (env[LAUNCHER] !== undefined || /(^|\/)nohup$/.test(env["_"] ?? "")) return true;
  const flags = field("/proc/self/fdinfo/0", /^flags:\s*([0-7]+)$/m, 8);
  if ((flags & 3n) === 1n) return true;
  return (field(`/proc/${process.ppid}/status`, /^SigIgn:\s*([0-9a-f]+)$/m, 16) & 1n) === 1n;
}

/** A number that a file of /proc holds; 0 where there is none. */
function field(file: string, pattern: RegExp, base: 8 | 16): bigint {
  try {
    const [, digits] = pattern.exec(readFileSync(file, "latin1")) ?? [];
    return digits === undefined ? 0n : BigInt(`${base === 8 ? "0o" : "0x"}${digits}`);
  } catch {
    return 0n;
  }
}
