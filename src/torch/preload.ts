/** libtorch is loaded in a thread of its own while modules are still read: it takes as long as they do. */
import { createRequire } from "node:module";
import { findAddon, findPixels } from "#scripts/places.mjs";

/** What libtorch and its libraries read from the environment when they are loaded. */
export function setEnvironment(): void {
  // Threads of libtorch that wait spin for about as long as falling asleep and waking would take, and no longer: what they
  // wait for may not even be running, where the machine has other work (docs/threads.md). Read by the OpenMP library when it
  // is loaded; a policy of the user's stays.
  if (process.env["OMP_WAIT_POLICY"] === undefined) {
    process.env["OMP_WAIT_POLICY"] = "PASSIVE";
    process.env["GOMP_SPINCOUNT"] ??= "1000";
  }
  // What c10d logs of lost connections are C++ stacks, a page each; our errors say what was lost.
  process.env["TORCH_CPP_LOG_LEVEL"] ??= "FATAL";
}

/** What the addon that needs no libtorch does for processes. */
interface Processes {
  preload(path: string): Promise<void>;
  end(code: number): never;
}

let processes: Processes | undefined;

/**
 * Begins to load libtorch in a thread, by the addon that needs none, for whoever imports torch/index.js soon: that then waits for
 * what is left of it, and says what is wrong with it. Never throws.
 */
export function preloadTorch(): void {
  if (processes) return;
  const [torch, pixels] = [findAddon(process.env), findPixels(process.env)];
  if (torch.fault !== undefined || pixels.fault !== undefined) return;
  setEnvironment();
  try {
    processes = createRequire(import.meta.url)(pixels.path) as Processes;
    processes.preload(torch.path).catch(() => undefined);
  } catch {
    // Told by whoever loads it.
  }
}

/**
 * Ends the process as soon as nothing is left to do, its output is written and all listeners of "exit" have run, without taking apart V8's memory and
 * libtorch's tables, which takes longer than to score a photo. To be called last. Does nothing without {@link preloadTorch}, and
 * where Node was asked for more (profiles, coverage), which it writes afterwards.
 */
export function endAtOnce(): void {
  const { env, execArgv } = process;
  if (!processes || execArgv.length > 0 || env["NODE_OPTIONS"] || env["NODE_V8_COVERAGE"]) return;
  const addon = processes;
  process.on("exit", (code) => addon.end(code));
}
