/** A call's rank among the processes that torchrun started. Loads libtorch only where there are several. */
import type { ProcessGroup } from "../../torch/index.js";

/**
 * The variables that torchrun sets.
 *
 * @category Training
 */
export type TorchrunEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * Runs `body` in the group of the processes that torchrun started, or without a group where it started none.
 * @throws RocError USAGE for variables that make no sense; what `body` throws, in every process
 */
export async function underTorchrun<T>(
  env: TorchrunEnvironment,
  body: (group: ProcessGroup | undefined) => Promise<T>,
): Promise<T> {
  if (env["WORLD_SIZE"] === undefined) return body(undefined);
  const { inGroup } = await import("../loop/distributed.js");
  return inGroup(body, { env });
}
