/** What tests of several families share. */
import assert from "node:assert/strict";
import type { Mllm } from "../../src/models/types.js";
import type { ParamSource } from "../../src/nn/index.js";
import { fromTypedArray, keep, scope, type Tensor } from "../../src/torch/index.js";
import { openCheckpoint } from "../../src/weights/index.js";

export function maxError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  return Array.from(actual).reduce((worst, value, i) => Math.max(worst, Math.abs(value - (expected[i] ?? NaN))), 0);
}

export function difference(actual: Tensor, expected: Tensor): number {
  return actual.shape.join() === expected.shape.join() ? maxError(actual.toNumbers(), expected.toNumbers()) : Infinity;
}

/** Token ids, `[rows, T]`. */
export function ids(...rows: readonly (readonly number[])[]): Tensor {
  const flat = BigInt64Array.from(rows.flat().map(BigInt));
  return fromTypedArray(flat, [rows.length, rows[0]?.length ?? 0]);
}

function bytes(tensor: Tensor | undefined): Buffer {
  return tensor ? Buffer.from(tensor.toArray().buffer) : Buffer.alloc(0);
}

/** The same names, and the same bytes under each. */
export function assertEqualParameters(actual: Mllm, expected: Mllm): void {
  const [own, other] = [actual.parameters(), expected.parameters()];
  assert.deepEqual([...own.keys()].sort(), [...other.keys()].sort());
  for (const [name, tensor] of other) assert.ok(bytes(tensor).equals(bytes(own.get(name))), name);
}

/** Names, shapes and dtypes of a folder's tensors, by name. */
export async function entries(path: string): Promise<Map<string, unknown>> {
  using checkpoint = await openCheckpoint(path);
  const list = checkpoint.names().map((name) => [name, { ...checkpoint.info(name), file: "" }] as const);
  return new Map(list.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The deterministic filler of the reference sheet (backbones, section 8.1). */
export function filler(name: string, count: number): number[] {
  let seed = 0x811c9dc5;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 0x01000193);
  return Array.from({ length: count }, (_, i) => {
    let h = (i + seed) >>> 0;
    h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
    h = (h ^ (h >>> 16)) >>> 0;
    return (2 * h) / 2 ** 32 - 1;
  });
}

export const filled: ParamSource = {
  take(name, shape) {
    const values = filler(
      name,
      shape.reduce((product, size) => product * size, 1),
    );
    const isGain = shape.length === 1 && name.endsWith(".weight");
    const scaled = values.map((v) => (shape.length > 1 ? 0.2 * v : isGain ? 1 + 0.1 * v : 0.1 * v));
    return keep(scope(() => fromTypedArray(Float32Array.from(scaled), shape)));
  },
};
