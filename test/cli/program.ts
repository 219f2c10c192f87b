/** The whole program in this process: all commands, the real engine, a folder as the current one. */
import { COMMANDS } from "../../src/cli/commands.js";
import { OUTLINE } from "../../src/cli/shared/outline.js";
import { realEngine, runCommand } from "./support.js";

/** Sets variables of the environment. @returns what sets those back that were there */
function setEnvironment(env: NodeJS.ProcessEnv): () => void {
  const before = { ...process.env };
  Object.assign(process.env, env);
  return () => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  };
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Place {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: string;
}

async function runThere(argv: readonly string[], { cwd, env = {}, stdin = "" }: Place): Promise<Ended> {
  const [folder, reset] = [process.cwd(), setEnvironment(env)];
  process.chdir(cwd);
  try {
    return await runCommand(argv, COMMANDS, { engine: realEngine, outline: OUTLINE, env: process.env, stdin });
  } finally {
    process.chdir(folder);
    reset();
  }
}

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs the program as a process of its own would, which takes a second to start. One after another: the folder and the
 * environment are the process's.
 */
export function runProgram(argv: readonly string[], place: Place): Promise<Ended> {
  const ended = last.then(() => runThere(argv, place));
  last = ended;
  return ended;
}
