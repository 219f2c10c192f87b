/**
 * Activation checkpointing (arXiv 1604.06174): a segment of a forward stores only its input, and is recomputed when its
 * gradients are needed.
 *
 * libtorch's engine may run a backward on its own threads, which cannot call JavaScript. So a segment detaches the graph:
 * its output is a leaf of the following part. `Recomputation.backward()` visits the segments from last to first: each is
 * recomputed from its input, now recorded, and the gradient accumulated at its leaf is propagated through it. The
 * operators are those of a forward without segments in the same order, so the gradients are bit-identical.
 */
import { noGrad, scope, type Tensor } from "../torch/index.js";

type Body = (x: Tensor) => Tensor;

interface Segment {
  /** Attached to the graph before the segment. */
  readonly input: Tensor;
  readonly body: Body;
  /** The leaf that represents the output in the graph after it. */
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

  /** Runs a forward whose segments are recomputed. The current scope must still be open at {@link backward}. */
  record<T>(forward: () => T): T {
    return recordedBy(this, forward);
  }

  /**
   * Adds the segments' contributions to the gradients, after `backward()` of the loss.
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
 * One segment of a forward: `body(x)`. Gradients may reach `x` and the parameters that `body` uses only through it.
 *
 * Outside of {@link Recomputation.record}, and where `x` needs no gradient (nothing then connects the segment to the graph
 * before it), it simply runs. Its intermediate tensors are freed at its end, except those that the graph holds.
 */
export function segment(x: Tensor, body: Body): Tensor {
  return current !== null && x.requiresGrad ? current.run(x, body) : scope(() => body(x));
}
