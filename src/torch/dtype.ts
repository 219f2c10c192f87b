/** Element types and the typed arrays that hold them. */

/**
 * Type of a tensor's elements.
 *
 * @category Tensors
 */
export type DType =
  "float32" | "float64" | "bfloat16" | "float16" | "int64" | "int32" | "int16" | "int8" | "uint8" | "bool";

/**
 * Where a tensor is: "cpu", "cuda", "cuda:1", "mps", ...
 *
 * @category Tensors
 */
export type Device = string;

/**
 * A typed array that holds the elements of a tensor; bfloat16 and float16 as their raw bits in a Uint16Array.
 *
 * @category Tensors
 */
export type TypedArray =
  Float32Array | Float64Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array | Uint16Array;

/**
 * What is known of a dtype.
 *
 * @category Tensors
 */
export interface ElementType {
  /** Bytes per element. */
  readonly bytes: number;
  /** A typed array for `count` elements; bfloat16 and float16 come as their raw 16 bits. */
  readonly allocate: (count: number) => TypedArray;
}

/** Dtypes that weights can have. */
export const FLOAT_DTYPES: readonly DType[] = ["float32", "bfloat16", "float16", "float64"];

/**
 * What is known of every dtype.
 *
 * @category Tensors
 */
export const DTYPES: Readonly<Record<DType, ElementType>> = {
  float32: { bytes: 4, allocate: (count) => new Float32Array(count) },
  float64: { bytes: 8, allocate: (count) => new Float64Array(count) },
  bfloat16: { bytes: 2, allocate: (count) => new Uint16Array(count) },
  float16: { bytes: 2, allocate: (count) => new Uint16Array(count) },
  int64: { bytes: 8, allocate: (count) => new BigInt64Array(count) },
  int32: { bytes: 4, allocate: (count) => new Int32Array(count) },
  int16: { bytes: 2, allocate: (count) => new Int16Array(count) },
  int8: { bytes: 1, allocate: (count) => new Int8Array(count) },
  uint8: { bytes: 1, allocate: (count) => new Uint8Array(count) },
  bool: { bytes: 1, allocate: (count) => new Uint8Array(count) },
};

/** The least and the largest number of every integer dtype. */
export const INTEGERS: Readonly<Partial<Record<DType, readonly [least: bigint, most: bigint]>>> = {
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int16: [-(2n ** 15n), 2n ** 15n - 1n],
  int8: [-128n, 127n],
  uint8: [0n, 255n],
};

/** The dtype whose elements a typed array holds; a Uint16Array says nothing (bfloat16 or float16). */
export function dtypeOfArray(array: TypedArray): DType | undefined {
  if (array instanceof Float32Array) return "float32";
  if (array instanceof Float64Array) return "float64";
  if (array instanceof BigInt64Array) return "int64";
  if (array instanceof Int32Array) return "int32";
  if (array instanceof Int16Array) return "int16";
  if (array instanceof Int8Array) return "int8";
  if (array instanceof Uint8Array) return "uint8";
  return undefined;
}
