/**
 * Activation checkpointing (arXiv 1604.06174): a segment of a forward keeps only its input, and is run again when its
 * gradients are due.
 *
 * libtorch's engine may run a backward on threads of its own, where no JavaScript can be called. So a segment cuts the
 * graph: its output is a leaf of what follows. `Recomputation.backward()` walks the segments from the last to the first:
 * each is run again from its input, now recorded, and the gradient that its leaf has collected goes through. The operators
 * are those of a forward without segments in the same order, so the gradients are the same to the last bit.
 */
import { noGrad, scope, type Tensor } from "../torch/index.js";

type Body = (x: Tensor) => Tensor;

interface Segment {
  /** Attached to the graph before the segment. */
  readonly input: Tensor;
  readonly body: Body;
  /** The leaf that stands for the output in the graph after it. */
  readonly output: Tensor;
}

let current: Recomputation | null = null;

function recordedBy<T>(recomputation: Recomputation, forward: () => T): T {
  const before = current;
  current = recomputation;
  try {
    return forward();
  } finally {
    current = before;
  }
}

/** The segments of one forward. */
export class Recomputation {
  readonly #segments: Segment[] = [];

  /** Runs a forward whose segments are recomputed. The scope that is open must be open still at {@link backward}. */
  record<T>(forward: () => T): T {
    return recordedBy(this, forward);
  }

  /**
   * Adds what the segments owe to the gradients, after `backward()` of the loss.
   * @param mode runs a body in the mode that the forward ran in (autocast)
   */
  backward(mode: <T>(body: () => T) => T = (body) => body()): void {
    for (let segment = this.#segments.pop(); segment; segment = this.#segments.pop()) {
      const { input, body, output } = segment;
      scope(() => {
        const gradient = output.grad;
        if (gradient === null) return;
        const x = input.detach().requiresGrad_();
        mode(() => body(x)).backward(gradient);
        output.zeroGrad();
        if (x.grad !== null) input.backward(x.grad);
      });
    }
  }

  run(input: Tensor, body: Body): Tensor {
    const output = scope(() => noGrad(() => body(input))).requiresGrad_();
    this.#segments.push({ input, body, output });
    return output;
  }
}

/**
 * One segment of a forward: `body(x)`, by which alone gradients may reach `x` and the parameters that `body` uses.
 *
 * Outside of {@link Recomputation.record}, and where `x` needs no gradient (there is then nothing that ties the segment to
 * the graph before it), it is only run. Its intermediate tensors are freed at its end, but for those that the graph keeps.
 */
export function segment(x: Tensor, body: Body): Tensor {
  return current !== null && x.requiresGrad ? current.run(x, body) : scope(() => body(x));
}
