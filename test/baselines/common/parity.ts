/** Fixtures of the classical systems: one safetensors file whose tensors are named `CASE/PART/NAME`. */
import assert from "node:assert/strict";
import { mapSource, Params } from "../../../src/nn/index.js";
import type { Tensor } from "../../../src/torch/index.js";
import type { Checkpoint } from "../../../src/weights/index.js";
import { difference } from "../../models/support.js";

/** The contract of every system against its reference, in float32. */
export const CONTRACT = 1e-4;

/** The tensors below a prefix, by the rest of their names. */
export function tensorsBelow(checkpoint: Checkpoint, prefix: string): Map<string, Tensor> {
  const names = checkpoint.names().filter((name) => name.startsWith(prefix));
  assert.notEqual(names.length, 0, `the fixture has nothing below ${prefix}`);
  return new Map(names.map((name) => [name.slice(prefix.length), checkpoint.tensor(name)]));
}

/** A network's parameters from the tensors below a prefix; every one of them has to be asked for. */
export function paramsBelow(checkpoint: Checkpoint, prefix: string): { params: Params; assertAllTaken: () => void } {
  const tensors = tensorsBelow(checkpoint, prefix);
  const params = new Params(mapSource(tensors));
  const assertAllTaken = (): void => {
    assert.deepEqual([...params.tensors.keys(), ...params.buffers.keys()].sort(), [...tensors.keys()].sort());
  };
  return { params, assertAllTaken };
}

/** The same names, and values that differ by no more than the contract. */
export function assertClose(
  actual: ReadonlyMap<string, Tensor | null | undefined>,
  expected: ReadonlyMap<string, Tensor>,
  what: string,
): void {
  assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort(), what);
  for (const [name, tensor] of expected) {
    const found = actual.get(name);
    const error = found ? difference(found, tensor) : Infinity;
    assert.ok(error <= CONTRACT, `${what} ${name} differs by ${error}`);
  }
}

/** Frees a network's tensors. */
export function disposeAll({ tensors, buffers }: Params): void {
  for (const tensor of [...tensors.values(), ...buffers.values()]) tensor.dispose();
}
