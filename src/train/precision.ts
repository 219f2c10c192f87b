/** Which precision matrix products are computed in. */
import { performance } from "node:perf_hooks";
import { autocast } from "../torch/index.js";
import { PRECISIONS, type Precision } from "./options.js";

/** Runs a forward in some precision. */
export type Mixed = <T>(body: () => T) => T;

/** bfloat16 has to save this share of the time on a CPU to be taken. */
const WORTHWHILE = 0.1;
const ROUNDS = 3;

/** Wraps a forward: as it is, or in autocast with float32 weights. */
export function mixedFor(precision: Precision, device: string): Mixed {
  if (precision === "float32") return (body) => body();
  const kind = device.split(":")[0] ?? "cpu";
  return (body) => autocast({ device: kind, dtype: "bfloat16" }, body);
}

/**
 * The faster precision for a device: bfloat16 on CUDA; on a CPU whichever `trial`, a forward and backward, takes less
 * time in (some have bfloat16 products in hardware, others imitate them slowly).
 *
 * @param now a clock
 */
export function fasterPrecision(
  device: string,
  trial: (precision: Precision) => void,
  now: () => number = () => performance.now(),
): Precision {
  if (device.startsWith("cuda")) return "bfloat16";
  const seconds = { float32: Infinity, bfloat16: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    for (const precision of PRECISIONS) {
      const start = now();
      trial(precision);
      seconds[precision] = Math.min(seconds[precision], now() - start);
    }
  }
  return seconds.bfloat16 < (1 - WORTHWHILE) * seconds.float32 ? "bfloat16" : "float32";
}
