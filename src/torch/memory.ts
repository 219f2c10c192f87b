/** How much memory there is for weights: of the machine, within the limits of its control groups, and of a GPU. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { controlGroups, readText, type ControlGroup, type ReadText } from "./control-groups.js";

/** Bytes of memory. */
export interface Memory {
  /** All of it, in use or not. */
  readonly total: number;
  /** What can be had now, of the files' cache too. */
  readonly free: number;
}

/** A field of /proc/meminfo or of a group's memory.stat. */
function field(text: string | undefined, name: string): number | undefined {
  const [, digits, unit] = new RegExp(`^${name}:?\\s+(\\d+)( kB)?`, "m").exec(text ?? "") ?? [];
  return digits === undefined ? undefined : Number(digits) * (unit === undefined ? 1 : 1024);
}

function number(text: string | undefined): number | undefined {
  const value = Number(text?.trim());
  return text === undefined || Number.isNaN(value) ? undefined : value;
}

/** What a control group has left of its limit. */
function groupMemory(read: ReadText, { folder, isSecond }: ControlGroup): Memory | undefined {
  const [limit, usage] = isSecond ? ["memory.max", "memory.current"] : ["memory.limit_in_bytes", "memory.usage_in_bytes"]; // prettier-ignore
  const total = number(read(join(folder, limit)));
  if (total === undefined) return undefined;
  const cached = field(read(join(folder, "memory.stat")), "(?:total_)?inactive_file") ?? 0;
  return { total, free: total - (number(read(join(folder, usage))) ?? 0) + cached };
}

/**
 * Memory of this machine for this process, swap not counted; undefined where the system does not say it.
 *
 * @param read for tests
 */
export function machineMemory(read: ReadText = readText): Memory | undefined {
  const text = read("/proc/meminfo");
  const [total, free] = [field(text, "MemTotal"), field(text, "MemAvailable")];
  if (total === undefined || free === undefined) return undefined;
  const all = [{ total, free }, ...controlGroups(read, "memory").flatMap((group) => groupMemory(read, group) ?? [])];
  return { total: Math.min(...all.map((one) => one.total)), free: Math.min(...all.map((one) => one.free)) };
}

/** The number by which the driver calls a device of this process. */
function driverName(device: string, visible: string | undefined): string {
  const index = Number(device.split(":")[1] ?? 0);
  return visible === undefined || visible === "" ? String(index) : (visible.split(",")[index]?.trim() ?? String(index));
}

/** Memory of an NVIDIA GPU, by its driver's program; undefined where that is not here. @param device "cuda", "cuda:1" */
function gpuMemory(device: string): Memory | undefined {
  const query = ["--query-gpu=memory.total,memory.free", "--format=csv,noheader,nounits"];
  const id = driverName(device, process.env["CUDA_VISIBLE_DEVICES"]);
  try {
    const options = { encoding: "utf8", timeout: 5000, stdio: "pipe" } as const;
    const [total, free] = execFileSync("nvidia-smi", [...query, "-i", id], options).split(",").map((text) => Number(text) * 2 ** 20); // prettier-ignore
    return total !== undefined && free !== undefined && total > 0 ? { total, free } : undefined;
  } catch {
    return undefined;
  }
}

/** Memory of a device; undefined where it cannot be asked. */
export function deviceMemory(device: string): Memory | undefined {
  return device === "cpu" ? machineMemory() : gpuMemory(device);
}
