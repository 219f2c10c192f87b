/** A shell in which the commands of the pages run: our program by the names that they call it. */
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../cli/program.js";
import { ROOT } from "../support.js";

const MAIN = join(ROOT, "dist/src/cli/main.js");

/** The program's names. What npm itself does with them is tested by npm-start.test.ts and package.test.ts. */
const PROGRAMS: Readonly<Record<string, string>> = {
  roc4mllm: `exec "$NODE" ${JSON.stringify(MAIN)} "$@"`,
  npx: `[ "$1" = roc4mllm ] || exit 127; shift; exec roc4mllm "$@"`,
  npm: `case "$1" in
start) shift; [ "$1" = -- ] && shift; [ $# = 0 ] && set -- score examples/photos; exec roc4mllm "$@";;
run) script="$2"; shift 2; [ "$1" = -- ] && shift
  case "$script" in fuzz) exec "$NODE" ${JSON.stringify(join(ROOT, "dist/test/fuzz/main.js"))} "$@";; esac;;
esac
echo "npm $*: is not run here; name it in NOT_RUN" >&2; exit 127`,
  // One process of a job, as SLURM starts it.
  srun: `while [ "$1" != bash ]; do shift; done
SLURM_PROCID=0 SLURM_NTASKS=1 SLURM_LOCALID=0 SLURM_NTASKS_PER_NODE=1 exec "$@"`,
  scontrol: `echo 127.0.0.1`,
};

type Ended = Awaited<ReturnType<typeof runProgram>>;

/** Writes the programs into a folder. @returns the environment that finds them first */
export function programsIn(folder: string, more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(PROGRAMS)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD|NODE_TEST|HF_)/.test(name));
  return {
    ...Object.fromEntries(inherited),
    ...{ PATH: `${folder}:${process.env["PATH"]}`, NODE: process.execPath, OMP_NUM_THREADS: "1", ...more },
  };
}

/** Our program by its names at the start of a line. */
const OURS = /^(?:npm start(?: --)?|npx roc4mllm|roc4mllm)(?= |$)/;
/** What a shell does something with; and commands that start processes, which are programs of their own. */
const NEEDS_SHELL =
  /[|<>&;$`*?~(){}\\[\]](?=(?:[^"]*"[^"]*")*[^"]*$)|'|^\S+ (?:start -- |roc4mllm )?(?:setup|torchrun)\b/;

/** A text for `npm start`. What a shell does with it is tried by the lines that call the program by another name. */
const ECHO = /^echo '([^']*)' \| (?=npm start )/;

/** Runs a line in a folder; a failure anywhere in a pipe counts. What needs no shell runs in this process: nothing is started. */
export async function runLine(given: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  const [, text] = ECHO.exec(given) ?? [];
  const line = given.replace(ECHO, "");
  if (!OURS.test(line) || NEEDS_SHELL.test(line)) return runInShell(given, cwd, env);
  const words = [...line.replace(OURS, "").matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? "",
  );
  return runProgram(words.length > 0 ? words : ["score", "examples/photos"], {
    cwd,
    env,
    ...(text !== undefined && { stdin: `${text}\n` }),
  });
}

function runInShell(line: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["-o", "pipefail", "-c", line], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const ended = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (ended.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (ended.stderr += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, ...ended }));
  });
}
