/** The selective scan of Mamba (arXiv 2312.00752, algorithm 2) by libtorch's operators, as `selective_scan_ref` computes it. */
import { aten, cat, scope, stack, type Tensor } from "../../torch/index.js";

const addcmul = aten("addcmul");
const unbind = aten("unbind.int");

/** What is scanned: B pictures in K orders of L places, with D channels of N states each. */
export interface Scan {
  /** `[B, K, D, L]`, what comes in. */
  readonly x: Tensor;
  /** `[B, K, D, L]`, above 0: how far each place moves the state. */
  readonly step: Tensor;
  /** `[K, D, N]`, below 0: how fast the states fade. */
  readonly fade: Tensor;
  /** `[B, K, N, L]`: how a place enters the states, and how it reads them. */
  readonly write: Tensor;
  readonly read: Tensor;
}

/** Places whose factors are in memory at a time, outside of a training's graph. */
const CHUNK = 64;

/**
 * States that start at 0; at each place `state = exp(step * fade) * state + step * x * write`, and `y` is their product with `read`.
 *
 * One operator a place, whatever K, D and N are: the recurrence itself has no other parallelism that saves work.
 *
 * @returns `[B, K, D, L]`
 */
export function selectiveScan({ x, step, fade, write, read }: Scan): Tensor {
  const [xs, steps, writes, reads] = [x, step, write, read].map((one) => one.permute(3, 0, 1, 2).contiguous()) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const length = xs.size(0);
  const parts: Tensor[] = [];
  let state: Tensor | undefined;
  for (let start = 0; start < length; start += CHUNK) {
    const part = (whole: Tensor): Tensor => whole.narrow(0, start, Math.min(CHUNK, length - start));
    const before = state;
    const done = scope(() => {
      const [own, moves] = [part(xs), part(steps)];
      const keeps = moves.unsqueeze(4).mul(fade).exp();
      const adds = moves.mul(own).unsqueeze(4).mul(part(writes).unsqueeze(3));
      const states = recurrence(keeps, adds, before);
      const y = stack(states).matmul(part(reads).unsqueeze(4)).squeeze(4);
      return { y, last: states.at(-1) as Tensor };
    });
    parts.push(done.y);
    state = done.last;
  }
  return cat(parts, 0).permute(1, 2, 3, 0);
}

/** The states after each place. @param keeps, adds `[T, ...]` @param state before the first; undefined: 0 */
function recurrence(keeps: Tensor, adds: Tensor, state: Tensor | undefined): Tensor[] {
  const factors = unbind(keeps, 0);
  let last = state;
  return unbind(adds, 0).map((add, i) => (last = last ? addcmul(add, factors[i] as Tensor, last) : add));
}
