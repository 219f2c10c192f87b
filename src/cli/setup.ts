/** `roc4mllm setup`: finds or installs libtorch and builds the native addon, once for each installed version. */
import { Command } from "commander";
import { describePlan, planSetup, type Plan } from "#scripts/plan.mjs";
import { setup } from "#scripts/setup.mjs";
import { ERROR_CODES, RocError, messageOf } from "../errors.js";
import type { Context } from "./shared/io.js";

interface SetupOptions {
  readonly dryRun?: true;
  readonly json?: true;
}

/** Set-up's failures are plain errors with a remedy and, behind it, the output of what failed. */
async function attempt<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || error.constructor.name !== "SetupError") throw error;
    const output = "output" in error && error.output !== "" ? `\n${String(error.output)}` : "";
    throw new RocError("NATIVE_UNAVAILABLE", `${messageOf(error)}${output}`, { cause: error });
  }
}

async function run({ dryRun, json }: SetupOptions, { io, setExitCode }: Context): Promise<void> {
  const printPlan = (plan: Plan): unknown =>
    json ? io.stdout.write(`${JSON.stringify({ dryRun: dryRun === true, ...plan })}\n`) : undefined;
  const plan = await attempt(() => planSetup(io.env));
  const text = `${describePlan(plan)}\n`;
  if (dryRun) {
    printPlan(plan);
    if (!json) io.stdout.write(text);
    if (plan.missing.length > 0) setExitCode(ERROR_CODES.NATIVE_UNAVAILABLE);
    return;
  }
  io.stderr.write(text);
  await attempt(setup);
  printPlan(await attempt(() => planSetup(io.env)));
  io.stderr.write("Everything is ready.\n");
}

const HELP = `
Looked for in this order: the folder LIBTORCH, an importable Python torch, the wheel that an earlier set-up installed; where
there is none, pip installs it. The addon is compiled with CMake 3.18 or later and a C++17 compiler. A package has both in
ROC4MLLM_HOME (default: a folder in the user's cache), a clone in its own folder. What is there already is not done again.`;

/** The command. */
export function setupCommand(context: Context): Command {
  return new Command("setup")
    .description("find or install libtorch and build the native addon, once for each installed version")
    .option("--dry-run", "say what would be done, how large it is and what is missing, and do nothing")
    .option("--json", "one object: {dryRun, home, done, steps: [{step, done, path, what, ...}], missing}")
    .addHelpText("after", HELP)
    .action((options: SetupOptions) => run(options, context));
}
