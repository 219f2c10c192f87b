/**
 * Integrated gradients (Sundararajan, Taly and Yan 2017, "Axiomatic Attribution for Deep Networks"): the score's gradient with respect to
 * the numbers of the input, averaged on the way from what replaces the picture to the picture, times what changes on that way. Its sum is
 * what the score changes by. With one step, at the picture itself, it is gradient times input.
 */

export interface GradientParts {
  /** Numbers of the photo's input. */
  readonly photo: Float32Array;
  /** Numbers of what replaces it. */
  readonly replaced: Float32Array;
  /** Cell of each number, or -1. */
  readonly cells: Int32Array;
  /** How many cells there are. */
  readonly count: number;
  /** The score's gradient at each of these inputs. */
  readonly gradients: (inputs: readonly Float32Array[]) => readonly Float32Array[];
  /** Points on the way; 1: the picture alone. */
  readonly steps: number;
  /** Inputs that are computed at a time. */
  readonly together: number;
}

/** What each cell gives the score. NaN where the model sees nothing. */
export function gradientMap(parts: GradientParts): Float32Array<ArrayBuffer> {
  const { photo, replaced, cells, count, gradients, steps, together } = parts;
  const change = photo.map((value, i) => value - (replaced[i] as number));
  // The middle of each step.
  const shares = steps === 1 ? [1] : Array.from({ length: steps }, (_, i) => (i + 0.5) / steps);
  const sums = new Float64Array(count);
  for (let start = 0; start < shares.length; start += together) {
    const inputs = shares
      .slice(start, start + together)
      .map((share) => replaced.map((value, i) => value + share * (change[i] as number)));
    for (const gradient of gradients(inputs)) addTo(sums, gradient, change, cells);
  }
  const values = Float32Array.from(sums, (sum) => sum / shares.length);
  const seen = new Uint8Array(count);
  for (const cell of cells) if (cell >= 0) seen[cell] = 1;
  return values.map((value, cell) => (seen[cell] === 1 ? value : NaN));
}

function addTo(sums: Float64Array, gradient: Float32Array, change: Float32Array, cells: Int32Array): void {
  for (const [i, cell] of cells.entries()) {
    if (cell < 0) continue;
    sums[cell] = (sums[cell] as number) + (gradient[i] as number) * (change[i] as number);
  }
}
