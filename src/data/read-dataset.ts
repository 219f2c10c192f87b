/** Reading a data set as a function of the library; the readers are loaded when it is called. */
import type { DatasetRequest } from "./registry.js";
import type { LoadedDataset } from "./types.js";

/**
 * Reads a data set of any kind (docs/data.md): labels and splits; no image is opened.
 *
 * @throws RocError FILE_NOT_FOUND, DATA_INVALID (naming file, line and column) or USAGE, with a remedy
 *
 * @example
 * ```ts
 * import { readDataset } from "roc4mllm";
 *
 * const { scale, samples } = await readDataset({ folder: "AVA/", validationFraction: 0.1 });
 * console.log(scale.min, scale.max, samples[0]?.votes?.length); // 1 10 10
 * ```
 *
 * @category Data sets
 */
export async function readDataset(request: DatasetRequest): Promise<LoadedDataset> {
  const registry = await import("./registry.js");
  return registry.readDataset(request);
}
