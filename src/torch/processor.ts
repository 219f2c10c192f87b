/** What the processor has instructions for. */
import { readFileSync } from "node:fs";

/**
 * Whether the processor multiplies bfloat16 by instructions of its own, with twice the speed of float32 or more; others imitate
 * them slowly. Known on Linux only; elsewhere false.
 *
 * @param cpu what Linux says of the processor; default: of this one
 *
 * @category Threads and devices
 */
export function multipliesBfloat16(cpu = cpuInfo()): boolean {
  return /^(flags|Features)\s*:.*\b(avx512_bf16|amx_bf16|bf16)\b/m.test(cpu);
}

function cpuInfo(): string {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    // Not Linux.
    return "";
  }
}
