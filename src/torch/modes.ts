/** The modes that this thread computes in, gradients of several tensors, seeds, threads and devices. All synchronous. */
import { RocError } from "../errors.js";
import { guarded } from "./call.js";
import { chooseThreads, chosenThreads, threadsAreGiven, threadsFor, usableCores } from "./cores.js";
import type { Device, DType } from "./dtype.js";
import { native, type Flag } from "./native.js";
import { ended } from "./synchronous.js";
import { Tensor } from "./tensor.js";

function withGradMode<T>(on: boolean, body: () => T): T {
  const before = native.setGradMode(on);
  try {
    return ended(on ? "enableGrad()" : "noGrad()", body());
  } finally {
    native.setGradMode(before);
  }
}

/**
 * Runs `body` without recording for `backward()`.
 *
 * @category Gradients and modes
 */
export function noGrad<T>(body: () => T): T {
  return withGradMode(false, body);
}

/**
 * Runs `body` recording for `backward()`, inside `noGrad()` too.
 *
 * @category Gradients and modes
 */
export function enableGrad<T>(body: () => T): T {
  return withGradMode(true, body);
}

/**
 * As `noGrad()`, and cheaper: tensors made inside can never take part in a recorded computation.
 *
 * @category Gradients and modes
 */
export function inferenceMode<T>(body: () => T): T {
  native.pushInferenceMode();
  try {
    return ended("inferenceMode()", body());
  } finally {
    native.popInferenceMode();
  }
}

/**
 * Runs matrix products and the like inside `body` in a 16-bit dtype (PyTorch's autocast); the innermost one counts.
 *
 * @category Gradients and modes
 */
export function autocast<T>(options: { device: Device; dtype: DType }, body: () => T): T {
  guarded("autocast", [], () => {
    native.pushAutocast(options.device, options.dtype);
  });
  try {
    return ended("autocast()", body());
  } finally {
    native.popAutocast();
  }
}

/**
 * Adds the gradients of a scalar loss to the leaves.
 *
 * @category Gradients and modes
 */
export function backward(loss: Tensor): void {
  loss.backward();
}

/**
 * Gradients of the sum of `outputs` with respect to `inputs`; null where an input was not used. Leaves stay as they are.
 *
 * @category Gradients and modes
 */
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

/**
 * Seeds libtorch's own generators (random tensors), those of every device. See {@link RandomStream} for numbers of one's own.
 *
 * @param seed an integer up to 2^53 - 1, or a BigInt of 64 bits; a negative one means that of 2^64 more
 * @throws RocError USAGE for another number
 *
 * @category Gradients and modes
 */
export function manualSeed(seed: number | bigint): void {
  guarded("manualSeed", [seed], () => {
    native.manualSeed(seed);
  });
}

/**
 * Threads that one operator uses, in this thread of JavaScript; from now on no model chooses its own number. While
 * {@link holdThreads} holds, it is the number afterwards.
 *
 * @throws RocError USAGE where it is no whole number from 1 to 4096
 *
 * @category Threads and devices
 */
export function setNumThreads(count: number): void {
  applyThreads(count);
  chooseThreads(count);
}

/**
 * As {@link setNumThreads}, leaving it to models to choose their own number.
 *
 * @category Threads and devices
 */
export function applyThreads(count: number): void {
  guarded("setNumThreads", [count], () => {
    native.setThreads(count);
  });
}

/**
 * Computes with so many threads until the result is disposed; then as before. Of several that hold, in whatever order they
 * end, the newest counts.
 *
 * @throws RocError USAGE where it is no whole number from 1 to 4096
 *
 * @category Threads and devices
 */
export function holdThreads(count: number): Disposable {
  const holder = guarded("holdThreads", [count], () => native.holdThreads(count));
  return { [Symbol.dispose]: () => native.releaseThreads(holder) };
}

/**
 * Threads that one operator uses now, in this thread of JavaScript.
 *
 * @category Threads and devices
 */
export function getNumThreads(): number {
  return native.threads();
}

/**
 * Threads that a model's work is worth on this machine: by its size and the cores, never by the load, since the number of
 * threads changes how sums are rounded. What `setNumThreads()`, OMP_NUM_THREADS or MKL_NUM_THREADS say goes before.
 *
 * @param parameters of the model
 * @param rows pictures that it computes together
 *
 * @category Threads and devices
 */
export function threadsWorth(parameters: Iterable<Tensor>, rows: number): number {
  if (chosenThreads() !== undefined || threadsAreGiven()) return native.threads();
  let count = 0;
  for (const { numel } of parameters) count += numel;
  return threadsFor(count, rows, usableCores());
}

/**
 * Runs `body`, which is synchronous, with so many threads.
 *
 * @category Threads and devices
 */
export function withThreads<T>(count: number, body: () => T): T {
  using _ = holdThreads(count);
  return ended("withThreads()", body());
}

/**
 * Runs `body` as after {@link setNumThreads}, and puts back what was set before.
 *
 * @category Threads and devices
 */
export async function whileNumThreads<T>(count: number, body: () => Promise<T>): Promise<T> {
  const [before, chosen] = [native.threads(), chosenThreads()];
  setNumThreads(count);
  try {
    return await body();
  } finally {
    applyThreads(before);
    chooseThreads(chosen);
  }
}

/**
 * Switches of the whole process: TF32 in CUDA's products and convolutions (off is exact), deterministic kernels, freed
 * memory kept for what comes next instead of given back to the system (glibc only), cuDNN's attention (off: it builds a plan
 * for every new length, which takes milliseconds). While {@link holdFlag} holds one, it is what the switch is afterwards.
 *
 * @category Threads and devices
 */
export function setFlag(name: Flag, on: boolean): void {
  guarded("setFlag", [name, on], () => {
    native.setFlag(name, on);
  });
}

/**
 * Whether a switch is on now.
 *
 * @category Threads and devices
 */
export function flagIsOn(name: Flag): boolean {
  return guarded("flagIsOn", [name], () => native.flagIsOn(name));
}

/**
 * Turns a switch on or off until the result is disposed; then it is what it was before. Of several that hold, in whatever
 * order they end and in whatever worker, the newest counts.
 *
 * @category Threads and devices
 */
export function holdFlag(name: Flag, on: boolean): Disposable {
  const holder = guarded("holdFlag", [name, on], () => native.holdFlag(name, on));
  return { [Symbol.dispose]: () => native.releaseFlag(name, holder) };
}

/**
 * Whether this libtorch can compute on a GPU of NVIDIA that is here.
 *
 * @category Threads and devices
 */
export function cudaIsAvailable(): boolean {
  return native.hasCuda();
}

/**
 * Whether tensors can be put on a device.
 *
 * @param countOf devices of a kind ("cuda", "mps", "xpu") that are here; for tests
 * @throws RocError USAGE where it is no device's name, or there is no such device here
 *
 * @category Threads and devices
 */
export function checkDevice(device: Device, countOf = (kind: string): number => native.deviceCount(kind)): void {
  const [, kind = "", index = "0"] = /^(cpu|mps|cuda|xpu)(?::(0|[1-9]\d{0,3}))?$/.exec(device) ?? [];
  if (kind === "" || (device.includes(":") && (kind === "cpu" || kind === "mps"))) {
    throw new RocError("USAGE", `"${device}" is no device; give cpu, cuda or cuda:1.`);
  }
  if (kind === "cpu") return;
  const count = countOf(kind);
  if (Number(index) < count) return;
  const name = kind.toUpperCase();
  if (count === 0) {
    const message = `Device ${device}: this libtorch finds no ${name}; use cpu, or a libtorch built for ${name}.`;
    throw new RocError("USAGE", message);
  }
  const all = count === 1 ? `${kind}:0 alone` : `${kind}:0 to ${kind}:${count - 1}`;
  throw new RocError("USAGE", `Device ${device}: there is ${all} here (counted from 0); give one of these, or cpu.`);
}

/**
 * libtorch's version, "2.13.0".
 *
 * @category Threads and devices
 */
export function torchVersion(): string {
  return native.version();
}
