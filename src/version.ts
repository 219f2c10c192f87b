/** Which state of this program made a result. Loads no libtorch. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Our own version, from package.json (this file is compiled to dist/src/). */
export function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

let revision: Promise<string | null> | undefined;

/**
 * Git revision of this program, with "+" where files were changed; null outside of a work tree. Asked once per process: what
 * runs is what was loaded, whatever is committed meanwhile.
 */
export function gitRevision(): Promise<string | null> {
  return (revision ??= askGit());
}

async function askGit(): Promise<string | null> {
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)("git", args, { cwd })).stdout.trim();
  try {
    const changed = await git("status", "--porcelain", "--untracked-files=no");
    return (await git("rev-parse", "HEAD")) + (changed === "" ? "" : "+");
  } catch {
    return null;
  }
}
