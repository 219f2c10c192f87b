/** Weights and pictures by a formula, as test/fixtures/baselines/levels.py gives them to the reference. */
import assert from "node:assert/strict";
import type { RgbImage } from "../../src/image/index.js";
import type { ParamSource } from "../../src/nn/index.js";
import { fromTypedArray, keep, scope, type Tensor } from "../../src/torch/index.js";
import { CONTRACT } from "./common/parity.js";

/** 16 levels from -0.9375 to 0.9375. */
function uniform(name: string, count: number): Float64Array {
  let seed = 0x811c9dc5;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 0x01000193);
  return Float64Array.from({ length: count }, (_, i) => {
    let x = Math.imul(i + seed, 0x9e3779b1);
    x = Math.imul(x ^ (x >>> 15), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    x ^= x >>> 16;
    return ((x >>> 28) - 7.5) / 8;
  });
}

function product(shape: readonly number[]): number {
  return shape.reduce((all, size) => all * size, 1);
}

/** A parameter's values by its name and shape. */
export function weights(name: string, shape: readonly number[]): Float32Array {
  const count = product(shape);
  const isVector = count === Math.max(...shape);
  const scaled = (u: number): number => {
    if (name.endsWith("running_var") || (isVector && name.endsWith("weight"))) return 1 + u / 4;
    return isVector || /(emb|table)$/.test(name) ? u / 4 : u * Math.sqrt((3 * (shape[0] ?? 1)) / count);
  };
  return Float32Array.from(uniform(name, count), scaled);
}

/** Every parameter by the formula. */
export const byFormula: ParamSource = {
  take: (name, shape) => keep(scope(() => fromTypedArray(weights(name, shape), shape))),
};

/** Smooth where x * y is small and full of edges elsewhere. */
export function picture(name: string, height: number, width: number): RgbImage {
  const noise = uniform(name, height * width * 3);
  const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const [channel, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return Math.floor((x * y) / 3) + 7 * x + 3 * y * (channel + 1) + Math.trunc((noise[i] ?? 0) * 16);
  });
  return { width, height, data };
}

/** As many numbers as the fixtures have of a tensor, evenly spread. */
export function sampled(tensor: Tensor, most = 64): Float32Array {
  const all = tensor.toFloat32Array();
  const step = Math.ceil(all.length / most);
  return all.filter((_, i) => i % step === 0);
}

/** The largest distance of two lists of numbers. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length);
  return Array.from(actual).reduce((worst, value, i) => Math.max(worst, Math.abs(value - (expected[i] ?? NaN))), 0);
}

/** @throws where a number differs by more than the contract */
export function assertNear(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  what: string,
  bound = CONTRACT,
): void {
  const error = distance(actual, expected);
  assert.ok(error <= bound, `${what} differs by ${error}`);
}
