/** `runExperiment()`: what `roc4mllm experiment` does, as a function. The work behind it is loaded when it is called. */
import type { ExperimentChanges, ExperimentConfig } from "./config.js";
import type { ExperimentOptions } from "./options.js";
import type { ExperimentResults } from "./results.js";

/**
 * Reads an experiment's file (YAML or JSON; docs/config.md has its keys).
 *
 * @param changes overrides for this call; everything is then stored in folders of its own, named by them
 * @throws RocError FILE_NOT_FOUND; CONFIG_INVALID naming the file and the key
 *
 * @example
 * ```ts
 * import { readExperiment } from "roc4mllm";
 *
 * const config = await readExperiment("configs/studio/claims.yaml", { scale: 0.02, seeds: [4] });
 * console.log(config.seeds.length, Object.keys(config.backbones).length); // 1 2
 * ```
 *
 * @category Studies
 */
export async function readExperiment(file: string, changes: ExperimentChanges = {}): Promise<ExperimentConfig> {
  const { readExperimentFile } = await import("./config.js");
  return readExperimentFile(file, changes);
}

/**
 * Runs what is not finished yet and writes the results of all that is into `config.out`: figures of every strategy under every
 * condition with 95% intervals, the answers to the paper's claims, a page of Markdown, and charts. Runs are computed side by
 * side, each in a process. Stopped anywhere, even by a kill, the same call resumes.
 *
 * @param config from {@link readExperiment}
 * @throws RocError USAGE where the work folder holds an experiment of other settings, or `only` matches no run; ABORTED on
 *   the signal, with everything so far saved; IN_USE where another process works there; and those of training
 *
 * @example
 * ```ts
 * import { readExperiment, runExperiment } from "roc4mllm";
 *
 * // Hours with the whole file; a signal that has fired ends it at once here.
 * const config = await readExperiment("configs/studio/claims.yaml", { scale: 0.02 });
 * const ended = runExperiment(config, { signal: AbortSignal.abort() });
 * await ended.then(
 *   ({ claims }) => claims.forEach(({ question, answer }) => console.error(question, answer)),
 *   (error: unknown) => console.error(error),
 * );
 * ```
 *
 * @category Studies
 */
export async function runExperiment(
  config: ExperimentConfig,
  options: ExperimentOptions = {},
): Promise<ExperimentResults> {
  const { runToResults } = await import("./run-experiment.js");
  return runToResults(config, options);
}
