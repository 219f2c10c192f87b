/** Device work that is done again and again: computed, then recorded, then replayed. */
import { canCapture, captureGraph, onCaptureStream, type CudaGraph, type Tensor } from "../torch/index.js";

/** How work is recorded; of a CUDA device, or a test's. */
export interface Recorder {
  /** Computes what is to be recorded afterwards. */
  warmUp<T>(body: () => T): T;
  /** Records without computing. Throws where that cannot be done. */
  capture<Output extends Readonly<Record<string, Tensor>>>(body: () => Output): CudaGraph<Output>;
}

/** That of a device; undefined where nothing can be recorded. */
export function recorderOf(device: string): Recorder | undefined {
  if (!canCapture(device)) return undefined;
  return {
    warmUp: (body) => onCaptureStream(device, body),
    capture: (body) => captureGraph(device, body),
  };
}

/**
 * A function whose work on the device is computed by the first call, recorded by the second and replayed from then on; by
 * each call once. What cannot be recorded is computed every time. The function calls operators and does nothing else.
 */
export class Recorded<Output extends Readonly<Record<string, Tensor>>> implements Disposable {
  #recorder: Recorder | undefined;
  #isWarm = false;
  #graph: CudaGraph<Output> | undefined;

  constructor(
    private readonly body: () => Output,
    recorder: Recorder | undefined,
  ) {
    this.#recorder = recorder;
  }

  /** What the function returns; with the next call, its tensors may be written anew. */
  run(): Output {
    if (!this.#recorder) return this.body();
    if (!this.#isWarm) {
      this.#isWarm = true;
      return this.#recorder.warmUp(this.body);
    }
    this.#graph ??= this.#capture(this.#recorder);
    if (!this.#graph) return this.body();
    this.#graph.replay();
    return this.#graph.output;
  }

  [Symbol.dispose](): void {
    this.#graph?.dispose();
  }

  #capture(recorder: Recorder): CudaGraph<Output> | undefined {
    try {
      return recorder.capture(this.body);
    } catch {
      // Nothing was computed: what is really wrong shows when it is computed without a recording.
      this.#recorder = undefined;
      return undefined;
    }
  }
}
