/** How every system makes its models: of a config, and of parameters from a checkpoint or any other source. */
import type { ParamSource } from "../../nn/index.js";
import { strictModel } from "../../models/common/strict-model.js";
import { strictSource } from "../../weights/index.js";
import type { Baseline, System } from "../types.js";

/**
 * A system's `load` and `create`. The tensors of a checkpoint that is loaded are all the model's parameters and buffers.
 *
 * @param parse what a config.json says. @throws RocError CONFIG_INVALID naming the field
 * @param make the model of such a config; `file` for messages
 */
export function madeBy<C>(
  parse: (config: unknown, file: string) => C,
  make: (config: C, source: ParamSource, file: string) => Baseline,
): Pick<System, "load" | "create"> {
  return {
    load(config, checkpoint, options, file) {
      const parsed = parse(config, file);
      const source = strictSource(checkpoint, { ...options, ignore: (name) => name.endsWith("num_batches_tracked") });
      return strictModel(source, () => make(parsed, source, file));
    },
    create: (config, source) => make(parse(config, "config.json"), source, "config.json"),
  };
}
