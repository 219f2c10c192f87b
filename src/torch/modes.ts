/** The modes that this thread computes in, gradients of several tensors, seeds, threads and devices. All synchronous. */
import { RocError } from "../errors.js";
import { guarded } from "./call.js";
import type { Device, DType } from "./dtype.js";
import { native } from "./native.js";
import { Tensor } from "./tensor.js";

function withGradMode<T>(on: boolean, body: () => T): T {
  const before = native.setGradMode(on);
  try {
    return body();
  } finally {
    native.setGradMode(before);
  }
}

/** Runs `body` without recording for `backward()`. */
export function noGrad<T>(body: () => T): T {
  return withGradMode(false, body);
}

/** Runs `body` recording for `backward()`, inside `noGrad()` too. */
export function enableGrad<T>(body: () => T): T {
  return withGradMode(true, body);
}

/** As `noGrad()`, and cheaper: tensors made inside can never take part in a recorded computation. */
export function inferenceMode<T>(body: () => T): T {
  native.pushInferenceMode();
  try {
    return body();
  } finally {
    native.popInferenceMode();
  }
}

/** Runs matrix products and the like inside `body` in a 16-bit dtype (PyTorch's autocast); not nested. */
export function autocast<T>(options: { device: Device; dtype: DType }, body: () => T): T {
  guarded("autocast", [], () => {
    native.setAutocast(options.device, options.dtype);
  });
  try {
    return body();
  } finally {
    native.setAutocast(options.device, null);
  }
}

/** Adds the gradients of a scalar loss to the leaves. */
export function backward(loss: Tensor): void {
  loss.backward();
}

/** Gradients of the sum of `outputs` with respect to `inputs`; null where an input was not used. Leaves stay as they are. */
export function gradients(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: { retainGraph?: boolean; createGraph?: boolean } = {},
): (Tensor | null)[] {
  const handles = guarded("gradients", [...outputs, ...inputs], () =>
    native.gradients(
      outputs.map((tensor) => tensor.handle),
      inputs.map((tensor) => tensor.handle),
      outputs.map(() => null),
      options.retainGraph ?? options.createGraph ?? false,
      options.createGraph ?? false,
    ),
  );
  return handles.map((handle) => (handle === null ? null : new Tensor(handle)));
}

/** Seeds libtorch's own generators (random tensors), those of every device. */
export function manualSeed(seed: number): void {
  native.manualSeed(seed);
}

/** Threads that one operator uses, in this process. */
export function setNumThreads(count: number): void {
  guarded("setNumThreads", [count], () => {
    native.setThreads(count);
  });
}

export function getNumThreads(): number {
  return native.threads();
}

/**
 * Switches of the whole process: TF32 in CUDA's products and convolutions (off is exact), deterministic kernels, freed
 * memory kept for what comes next instead of given back to the system (glibc only).
 */
export function setFlag(name: "allowTf32" | "deterministic" | "keepFreedMemory", on: boolean): void {
  native.setFlag(name, on);
}

export function cudaIsAvailable(): boolean {
  return native.hasCuda();
}

/**
 * Whether tensors can be put on a device.
 * @throws RocError USAGE where it is no device's name, or there is no CUDA here
 */
export function checkDevice(device: Device): void {
  if (!/^(cpu|mps|(cuda|xpu)(:\d+)?)$/.test(device)) {
    throw new RocError("USAGE", `"${device}" is no device; give cpu, cuda or cuda:1.`);
  }
  if (device.startsWith("cuda") && !cudaIsAvailable()) {
    throw new RocError(
      "USAGE",
      `Device ${device}: this libtorch finds no CUDA; use cpu, or a libtorch built for CUDA.`,
    );
  }
}

/** libtorch's version, "2.13.0". */
export function torchVersion(): string {
  return native.version();
}
