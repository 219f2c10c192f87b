/** New tensors. `dtype` defaults to float32 (int64 for `arange`), `device` to "cpu". */
import { RocError } from "../errors.js";
import { aten } from "./aten.js";
import { guarded } from "./call.js";
import { dtypeOfArray, type Device, type DType, type TypedArray } from "./dtype.js";
import { scope } from "./lifetime.js";
import { native } from "./native.js";
import { Tensor } from "./tensor.js";

export interface TensorOptions {
  readonly dtype?: DType;
  readonly device?: Device;
  readonly requiresGrad?: boolean;
}

type Factory = { dtype: DType; device: Device };

function factory(options: TensorOptions, dtype: DType = "float32"): Factory {
  return { dtype: options.dtype ?? dtype, device: options.device ?? "cpu" };
}

function finish(tensor: Tensor, options: TensorOptions): Tensor {
  return options.requiresGrad === true ? tensor.requiresGrad_() : tensor;
}

/**
 * A tensor with the elements of a typed array, row by row; they are copied once.
 *
 * @param shape its product is the array's length
 * @param options `dtype`: needed for a Uint16Array (bfloat16 or float16 bits); "bool" may be given for a Uint8Array
 * @throws RocError TORCH where shape and length disagree
 */
export function fromTypedArray(array: TypedArray, shape: readonly number[], options: TensorOptions = {}): Tensor {
  const held = dtypeOfArray(array) ?? options.dtype;
  if (held === undefined) {
    throw new RocError("USAGE", "fromTypedArray: a Uint16Array needs options.dtype, bfloat16 or float16");
  }
  const raw = held === "uint8" && options.dtype === "bool" ? "bool" : held;
  const { dtype = raw, device = "cpu" } = options;
  const read = (): Tensor => new Tensor(guarded("fromTypedArray", [shape], () => native.fromBytes(array, raw, shape)));
  // The scope frees what was read where the result is a converted copy of it.
  return finish(dtype === raw && device === "cpu" ? read() : scope(() => read().to({ dtype, device })), options);
}

/** A number, or numbers nested in arrays of equal lengths. */
export type Nested = number | boolean | readonly Nested[];

function shapeOfNested(value: Nested): number[] {
  if (typeof value !== "object") return [];
  const [first] = value;
  return first === undefined ? [0] : [value.length, ...shapeOfNested(first)];
}

/** A small constant: `tensor([[1, 2], [3, 4]], { dtype: "int64" })`. */
export function tensor(value: Nested, options: TensorOptions = {}): Tensor {
  const flat = (typeof value === "object" ? (value.flat(Infinity as 1) as (number | boolean)[]) : [value]).map(Number);
  const { dtype = "float32", device = "cpu" } = options;
  const shape = shapeOfNested(value);
  if (dtype === "int64") {
    return fromTypedArray(BigInt64Array.from(flat.map(BigInt)), shape, options);
  }
  return fromTypedArray(Float64Array.from(flat), shape, { ...options, dtype, device });
}

export function empty(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return finish(aten("empty.memory_format")(shape, factory(options)), options);
}
export function zeros(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return finish(aten("zeros")(shape, factory(options)), options);
}
export function ones(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return finish(aten("ones")(shape, factory(options)), options);
}
export function full(shape: readonly number[], value: number, options: TensorOptions = {}): Tensor {
  return finish(aten("full")(shape, value, factory(options)), options);
}
/** `start, start + 1, ...` below `end`; int64 by default. */
export function arange(start: number, end: number, options: TensorOptions = {}): Tensor {
  return finish(aten("arange.start")(start, end, factory(options, "int64")), options);
}
/** Standard normal. */
export function randn(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return finish(aten("randn")(shape, factory(options)), options);
}
/** Uniform in [0, 1). */
export function rand(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return finish(aten("rand")(shape, factory(options)), options);
}
/** Whole numbers in [low, high); int64 by default. */
export function randint(low: number, high: number, shape: readonly number[], options: TensorOptions = {}): Tensor {
  return finish(aten("randint.low")(low, high, shape, factory(options, "int64")), options);
}

export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  return aten("cat")(tensors, dim);
}
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  return aten("stack")(tensors, dim);
}
