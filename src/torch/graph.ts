/** CUDA graphs: the device work of a function, recorded once and replayed without a call an operator. */
import { guarded } from "./call.js";
import type { Device } from "./dtype.js";
import { keep, scope } from "./lifetime.js";
import { native } from "./native.js";
import type { Tensor } from "./tensor.js";

/**
 * Recorded work of a CUDA device, as `torch.cuda.CUDAGraph`; made by {@link captureGraph}.
 *
 * @category Threads and devices
 */
export interface CudaGraph<Output> extends Disposable {
  /** The tensors that the recorded function returned, which every replay writes anew. They live as long as the graph. */
  readonly output: Output;
  /** Queues the recorded work behind what the device has to do. Throws RocError DEVICE_LOST, TORCH. */
  replay(): void;
  /** Frees the recording, its memory and its output. Twice is harmless. */
  dispose(): void;
}

/**
 * Whether work on a device can be recorded: a CUDA device, and an addon that was built with CUDA's headers.
 *
 * @category Threads and devices
 */
export function canCapture(device: Device): boolean {
  return guarded("canCapture", [device], () => native.canCapture(device));
}

/**
 * Runs `body` on the stream that {@link captureGraph} records on, and waits for it: once before a recording, so that
 * libraries set up what they cannot set up while one is made.
 *
 * @category Threads and devices
 */
export function onCaptureStream<T>(device: Device, body: () => T): T {
  const id = guarded("onCaptureStream", [device], () => native.openGraph(device));
  try {
    return within(id, false, body);
  } finally {
    native.closeGraph(id);
  }
}

/**
 * Records the work of `body` on a CUDA device; nothing of it is computed before {@link CudaGraph.replay}, which then computes
 * on the same tensors, whatever they hold. So `body` reads what changes from tensors that live on (write into them with
 * `copy_`), needs no value of a tensor in JavaScript, and makes no tensor of numbers. What it does besides calling operators
 * is done once, now. Call it through {@link onCaptureStream} first.
 *
 * @throws RocError TORCH where something cannot be recorded; nothing was computed then
 *
 * @category Threads and devices
 */
export function captureGraph<Output extends Readonly<Record<string, Tensor>>>(
  device: Device,
  body: () => Output,
): CudaGraph<Output> {
  const id = guarded("captureGraph", [device], () => native.openGraph(device));
  try {
    const output = within(id, true, () => scope(body));
    for (const tensor of Object.values(output)) keep(tensor);
    return new Recording(id, output);
  } catch (error) {
    native.closeGraph(id);
    throw error;
  }
}

function within<T>(id: number, capture: boolean, body: () => T): T {
  const name = capture ? "captureGraph" : "onCaptureStream";
  guarded(name, [], () => native.enterGraph(id, capture));
  let result: T;
  try {
    result = body();
  } catch (error) {
    native.leaveGraph(id, false);
    throw error;
  }
  guarded(name, [], () => native.leaveGraph(id, true));
  return result;
}

class Recording<Output extends Readonly<Record<string, Tensor>>> implements CudaGraph<Output> {
  constructor(
    private readonly id: number,
    readonly output: Output,
  ) {}

  replay(): void {
    guarded("replay", [], () => native.replayGraph(this.id));
  }

  dispose(): void {
    native.closeGraph(this.id);
    for (const tensor of Object.values(this.output)) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
