/** What the processor has instructions for. */
import { readFileSync } from "node:fs";

/**
 * Whether the processor multiplies bfloat16 by instructions of its own, with twice the speed of float32 or more; others imitate
 * them slowly. Known on Linux only; elsewhere false, as where libtorch or oneDNN is told to do without these instructions
 * (ATEN_CPU_CAPABILITY, ONEDNN_MAX_CPU_ISA).
 *
 * @param cpu what Linux says of the processor; default: of this one
 * @param env variables of the environment; default: of this process
 *
 * @category Threads and devices
 */
export function multipliesBfloat16(cpu = cpuInfo(), env: NodeJS.ProcessEnv = process.env): boolean {
  const most = env["ONEDNN_MAX_CPU_ISA"] ?? env["DNNL_MAX_CPU_ISA"] ?? "ALL";
  const mayUse = !/^(default|avx2)$/i.test(env["ATEN_CPU_CAPABILITY"] ?? "") && ISA_WITH_BFLOAT16.test(most);
  return mayUse && /^(flags|Features)\s*:.*\b(avx512_bf16|amx_bf16|bf16)\b/m.test(cpu);
}

/** oneDNN's names of instruction sets (dnnl.h) that have products of bfloat16, and those that mean all. */
const ISA_WITH_BFLOAT16 = /^(ALL|DEFAULT|AVX512_CORE_(BF16|FP16|AMX)\w*|AVX10\w*)?$/i;

function cpuInfo(): string {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    // Not Linux.
    return "";
  }
}
