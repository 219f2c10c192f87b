/** How many threads an operator gets: by the cores that this process may use and the size of the work, never the load. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { controlGroups, readText, type ReadText } from "./control-groups.js";

/**
 * Multiplications of one row (a picture with its prompt) that justify waking a thread, in millions. A model of 2
 * million parameters is scored as fast by one thread as by two, even with nothing else to do, since decoding has the other
 * core (docs/threads.md); with other work beside it, every wait for a second thread costs.
 */
const PARAMETERS_PER_THREAD = 4e6;

/** Cores that a control group's quota comes to; Infinity without one. */
function quotaOf(quota: string | undefined, period: string | undefined): number {
  const cores = Number(quota) / Number(period);
  return cores > 0 ? cores : Infinity;
}

function controlGroupCores(read: ReadText): number {
  const quotas = controlGroups(read, "cpu").map(({ folder, isSecond }) => {
    const [quota, period] = isSecond
      ? (read(join(folder, "cpu.max")) ?? "").trim().split(" ")
      : ["quota", "period"].map((name) => read(join(folder, `cpu.cfs_${name}_us`)));
    return quotaOf(quota, period);
  });
  return Math.min(...quotas);
}

/**
 * Cores that this process may use: those that it may run on, or fewer where its control groups (of a container) have a
 * quota, and its part of them where torchrun says that it shares the machine (`LOCAL_WORLD_SIZE`). At least 1.
 *
 * @param read for tests
 */
export function usableCores(
  env: NodeJS.ProcessEnv = process.env,
  read: ReadText = readText,
  present = availableParallelism(),
): number {
  const quota = process.platform === "linux" ? controlGroupCores(read) : Infinity;
  const sharing = /^[1-9]\d*$/.test(env["LOCAL_WORLD_SIZE"] ?? "") ? Number(env["LOCAL_WORLD_SIZE"]) : 1;
  return Math.max(1, Math.floor(Math.min(present, quota) / sharing));
}

/**
 * Threads for a model's work: at most `cores`, and fewer for a small model.
 *
 * @param parameters of the model
 * @param rows pictures that it computes together
 */
export function threadsFor(parameters: number, rows: number, cores: number): number {
  return Math.max(1, Math.min(cores, Math.ceil((parameters * rows) / PARAMETERS_PER_THREAD)));
}

/** What the program chose by `setNumThreads()`, which goes before any number of ours, in whichever thread the model is. */
let chosen: number | undefined;

export function chooseThreads(count: number | undefined): void {
  chosen = count;
}

export function chosenThreads(): number | undefined {
  return chosen;
}

/** Whether the user has set a number of threads in the environment. */
export function threadsAreGiven(env: NodeJS.ProcessEnv = process.env): boolean {
  return ["OMP_NUM_THREADS", "MKL_NUM_THREADS"].some((name) => (env[name] ?? "") !== "");
}
