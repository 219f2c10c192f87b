/** Which precision matrix products are computed in. */
import { autocast, multipliesBfloat16 } from "../../torch/index.js";
import type { Precision } from "../options.js";

/** Runs a forward in some precision. */
export type Mixed = <T>(body: () => T) => T;

/** Wraps a forward: as it is, or in autocast with float32 weights. */
export function mixedFor(precision: Precision, device: string): Mixed {
  if (precision === "float32") return (body) => body();
  const kind = device.split(":")[0] ?? "cpu";
  return (body) => autocast({ device: kind, dtype: "bfloat16" }, body);
}

/**
 * The precision that a device gains from: bfloat16 on CUDA, and on CPUs with instructions for it (others imitate them slowly).
 * Not measured, so that the same run on the same machine is always the same.
 *
 * @param cpu what Linux says of the processor
 * @param env where libtorch and oneDNN may be told to do without these instructions; default: of this process
 */
export function precisionOf(device: string, cpu?: string, env?: NodeJS.ProcessEnv): Precision {
  return device.startsWith("cuda") || multipliesBfloat16(cpu, env) ? "bfloat16" : "float32";
}
