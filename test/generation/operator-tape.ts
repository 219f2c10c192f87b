/**
 * What a CUDA graph does, on the CPU: operators are taken down with the tensors that they were given, and replaying calls the
 * same ones on the same tensors. No JavaScript of the recorded function runs then, so a number that came from there would
 * stay what it was. As while CUDA records, tensors are neither made of numbers nor read; and nothing is computed in the end,
 * since all tensors that existed before get back what they held.
 */
import type { Recorder } from "../../src/generation/recorded.js";
import { native, type Handle } from "../../src/torch/native.js";
import { keep, scope, type CudaGraph, type Tensor } from "../../src/torch/index.js";

interface Call {
  readonly id: number;
  readonly values: readonly unknown[];
  /** Handles of its results, in order; those that it returned in place are not among them. */
  readonly results: readonly Handle[];
}

/** Handles are above all numbers that the tiny models use. */
const LEAST_HANDLE = 2 ** 22;
const isHandle = (value: unknown): value is Handle =>
  typeof value === "number" && value >= LEAST_HANDLE && native.isLive(value);

const real = { ...native };
const [alias, clone, copy, isSetTo] = ["alias", "clone", "copy_", "is_set_to"].map((name) =>
  real.resolveOperator(`aten::${name}`, ""),
);

function call(id: number | undefined, ...values: readonly unknown[]): Handle {
  return real.callOperator(id ?? -1, ...values) as Handle;
}

function keptHandle(handle: Handle): Handle {
  real.keepTensor(handle);
  return handle;
}

/** Operators and the memory that they use, held by handles of its own. */
class Tape {
  readonly #calls: Call[] = [];
  /** Handles of the recorded function, and ours of the same memory. */
  readonly #own = new Map<Handle, Handle>();
  readonly #before: { readonly own: Handle; readonly content: Handle }[] = [];

  callOperator = (id: number, ...values: unknown[]): unknown => {
    const own = values.map((value) => this.#given(value));
    const result = real.callOperator(id, ...values);
    const handles = [result].flat().filter(isHandle);
    this.#calls.push({ id, values: own, results: handles.map((handle) => this.#adopt(handle)) });
    return result;
  };

  /** Puts back what the tensors from before the recording held. */
  undo(): void {
    for (const { own, content } of this.#before) {
      call(copy, own, content);
      real.freeTensor(content);
    }
  }

  replay(): void {
    for (const { id, values, results } of this.#calls) {
      const fresh = [real.callOperator(id, ...values)].flat().filter(isHandle);
      fresh.forEach((handle, i) => {
        const known = results[i] as Handle;
        // A view of the same memory needs nothing.
        if (!real.callOperator(isSetTo as number, handle, known)) call(copy, known, handle);
        real.freeTensor(handle);
      });
    }
  }

  dispose(): void {
    for (const handle of this.#own.values()) real.freeTensor(handle);
    this.#own.clear();
  }

  #adopt(handle: Handle): Handle {
    const own = keptHandle(call(alias, handle));
    this.#own.set(handle, own);
    return own;
  }

  #given(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((element) => this.#given(element));
    if (!isHandle(value)) return value;
    const known = this.#own.get(value);
    if (known !== undefined) return known;
    const own = this.#adopt(value);
    this.#before.push({ own, content: keptHandle(call(clone, own)) });
    return own;
  }
}

/** What was asked for while recording, for tests. */
export interface TapeRecorder extends Recorder {
  warmUps: number;
  captures: number;
  replays: number;
}

/** @param refuse makes every recording fail halfway */
export function tapeRecorder({ refuse = false } = {}): TapeRecorder {
  const recorder: TapeRecorder = {
    ...{ warmUps: 0, captures: 0, replays: 0 },
    warmUp(body) {
      recorder.warmUps += 1;
      return body();
    },
    capture(body) {
      recorder.captures += 1;
      const tape = new Tape();
      try {
        const output = recording(tape, () => scope(body), refuse);
        for (const tensor of Object.values(output)) keep(tensor);
        return graphOf(tape, output, recorder);
      } catch (error) {
        tape.dispose();
        throw error;
      }
    },
  };
  return recorder;
}

function recording<T>(tape: Tape, body: () => T, refuse: boolean): T {
  const forbidden = (): never => {
    throw new Error("CUDA error: operation not permitted when stream is capturing");
  };
  let left = refuse ? 20 : Infinity;
  const callOperator: typeof native.callOperator = (id, ...values) => (left-- > 0 ? tape.callOperator(id, ...values) : forbidden()); // prettier-ignore
  Object.assign(native, { callOperator, fromBytes: forbidden, readBytes: forbidden, itemOf: forbidden });
  try {
    return body();
  } finally {
    Object.assign(native, real);
    tape.undo();
  }
}

function graphOf<Output extends Readonly<Record<string, Tensor>>>(
  tape: Tape,
  output: Output,
  recorder: TapeRecorder,
): CudaGraph<Output> {
  const dispose = (): void => {
    tape.dispose();
    for (const tensor of Object.values(output)) tensor.dispose();
  };
  const replay = (): void => {
    recorder.replays += 1;
    tape.replay();
  };
  return { output, replay, dispose, [Symbol.dispose]: dispose };
}
