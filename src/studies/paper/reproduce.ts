/** `reproduce()`: what `roc4mllm reproduce` does, as a function. The work behind it is loaded when it is called. */
import { requireSpec, RocError } from "../../errors.js";
import { TABLES } from "./published.js";
import type { ReproduceOptions, Reproduction, ReproductionSpec } from "./spec.js";

/**
 * A table of the paper with our own figures beside the published ones; what no run fills says what it needs. With `run` it
 * first makes the runs that are missing, one after another: each is trained by the table's recipe and evaluated, in folders
 * under `work`. Stopped anywhere, even by a kill, the same call resumes.
 *
 * @throws RocError USAGE for a field that is not as documented, or where a run in `work` was made with other settings, naming
 *   them; FILE_NOT_FOUND, DATA_INVALID of `runs`; ABORTED on the signal; what `trainModel()` and `evaluate()` throw
 *
 * @example
 * ```ts
 * import { mkdir } from "node:fs/promises";
 * import { formatTable, reproduce } from "roc4mllm";
 *
 * await mkdir("my-runs", { recursive: true }); // of evaluate()
 * const { table } = await reproduce({ table: "table6", runs: "my-runs" });
 * console.error(formatTable(table, "text"));
 * console.log(table.rows.length, table.needs.length); // 3 6
 * ```
 *
 * @category Studies
 */
export async function reproduce(spec: ReproductionSpec, options: ReproduceOptions = {}): Promise<Reproduction> {
  requireSpec(spec, "reproduce()");
  const table = TABLES.find(({ name }) => name === spec.table);
  if (!table) {
    const names = TABLES.map(({ name }) => name).join(", ");
    throw new RocError("USAGE", `There is no ${spec.table}; give one of ${names}.`);
  }
  const { reproduceTable } = await import("./reproduce-table.js");
  return reproduceTable(table, spec, options);
}
