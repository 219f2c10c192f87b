/** Whether a checkpoint's weights fit into memory, by their headers, before any of them is read. */
import { RocError } from "../errors.js";
import { DTYPES, type Device, type DType } from "../torch/index.js";
import { deviceMemory, type Memory } from "../torch/memory.js";
import { fitsInt8, type QuantizePlan } from "../torch/int8.js";
import type { Checkpoint } from "./checkpoint.js";

export interface Wanted {
  readonly dtype?: DType | undefined;
  readonly device?: Device | undefined;
  readonly quantize?: QuantizePlan | undefined;
}

/** Smaller ones fit, or fail while they are read: the system is not asked. */
const ASKED_FROM = 2 ** 28;

/** Bytes of memory that weights take: copies of their own, and views of the files, which the system can read again. */
interface Needed {
  readonly copied: number;
  readonly mapped: number;
}

function needed(checkpoint: Checkpoint, names: readonly string[], { dtype, device = "cpu", quantize }: Wanted): Needed {
  let [copied, mapped] = [0, 0];
  for (const name of names) {
    const { dtype: stored, shape } = checkpoint.info(name);
    const count = shape.reduce((product, size) => product * size, 1);
    const isRounded = quantize !== undefined && !quantize.stored && fitsInt8(shape);
    const target = stored === "int8" ? stored : isRounded ? "int8" : (dtype ?? stored);
    if (device === "cpu" && target === stored) mapped += count * DTYPES[stored].bytes;
    else copied += count * DTYPES[target].bytes;
  }
  return { copied, mapped };
}

function fits({ copied, mapped }: Needed, { total, free }: Memory): boolean {
  return copied <= free && copied + mapped <= total;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/** What makes the same weights smaller. */
const SMALLER: readonly (readonly [flag: string, wanted: Wanted])[] = [
  ["--dtype bfloat16", { dtype: "bfloat16" }],
  ["--quantize int8", { dtype: "bfloat16", quantize: { to: "int8", stored: false } }],
];

/**
 * Checks that the weights fit into the memory of their device.
 *
 * @param memory for tests
 * @throws RocError OUT_OF_MEMORY with the sizes and what would fit
 */
export function checkRoom(
  checkpoint: Checkpoint,
  names: readonly string[],
  wanted: Wanted,
  memory: (device: string) => Memory | undefined = deviceMemory,
): void {
  const device = String(wanted.device ?? "cpu");
  const size = needed(checkpoint, names, wanted);
  const bytes = size.copied + size.mapped;
  if (bytes < ASKED_FROM) return;
  const found = memory(device);
  if (found === undefined || fits(size, found)) return;
  const place = device === "cpu" ? "this machine" : device;
  const what = `${checkpoint.path}: its weights take ${gigabytes(bytes)}${wanted.dtype ? ` in ${wanted.dtype}` : ""}`;
  const has = `${place} has ${gigabytes(found.free)} of ${gigabytes(found.total)} free`;
  const ways = SMALLER.flatMap(([flag, change]) => {
    const other = needed(checkpoint, names, { ...wanted, ...change });
    const total = other.copied + other.mapped;
    return total < bytes && fits(other, found) ? [`${flag} (${gigabytes(total)})`] : [];
  });
  const remedies = [...ways, "a smaller checkpoint", device === "cpu" ? "a machine with more memory" : "--device cpu"];
  throw new RocError("OUT_OF_MEMORY", `${what}, and ${has}; nothing was read. Take ${remedies.join(", or ")}.`);
}
