/** New tensors. `dtype` defaults to float32 (int64 for `arange`), `device` to "cpu". */
import { RocError } from "../errors.js";
import { aten } from "./aten.js";
import { guarded } from "./call.js";
import { dtypeOfArray, INTEGERS, type Device, type DType, type TypedArray } from "./dtype.js";
import { scope } from "./lifetime.js";
import { native } from "./native.js";
import { Tensor } from "./tensor.js";

/**
 * How a new tensor is made.
 *
 * @category Tensors
 */
export interface TensorOptions {
  /** Type of its elements; default float32, or as the function says. */
  readonly dtype?: DType;
  /** Where it is: "cpu" (default), "cuda", "cuda:1", ... */
  readonly device?: Device;
  /** Whether `backward()` computes a gradient of it; default false. */
  readonly requiresGrad?: boolean;
}

type Factory = { dtype: DType; device: Device };

/** @throws RocError OUT_OF_MEMORY for more elements than any memory holds, whichever their number is exactly */
function checkSizes(shape: readonly number[]): void {
  const size = shape.find((one) => Number.isInteger(one) && one > Number.MAX_SAFE_INTEGER);
  if (size !== undefined) {
    throw new RocError("OUT_OF_MEMORY", `A tensor of the shape [${shape.join(", ")}] cannot be allocated.`);
  }
}

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
 * @param options `dtype`: needed for a Uint16Array (bfloat16 or float16 bits); "bool" may be given for a Uint8Array of 0
 *   and 1
 * @throws RocError USAGE where shape and length disagree, or the array is of another kind
 *
 * @example
 * ```ts
 * import { torch } from "roc4mllm";
 *
 * using x = torch.fromTypedArray(Float32Array.of(1, 2, 3, 4), [2, 2]);
 * console.log(x.t().toNumbers().join()); // 1,3,2,4
 * ```
 *
 * @category Tensors
 */
export function fromTypedArray(array: TypedArray, shape: readonly number[], options: TensorOptions = {}): Tensor {
  const held = dtypeOfArray(array) ?? (array instanceof Uint16Array ? halfOf(options.dtype) : undefined);
  if (held === undefined) {
    throw new RocError("USAGE", `fromTypedArray: a ${kindOf(array)} holds the elements of no dtype; ${ARRAYS}`);
  }
  const raw = held === "uint8" && options.dtype === "bool" ? "bool" : held;
  const { dtype = raw, device = "cpu" } = options;
  const read = (): Tensor => new Tensor(guarded("fromTypedArray", [shape], () => native.fromBytes(array, raw, shape)));
  // The scope frees what was read where the result is a converted copy of it.
  const isRead = dtype === raw && device === "cpu";
  return finish(isRead ? read() : scope(() => uploaded(read(), { dtype, device })), options);
}

const pinMemory = aten("pin_memory");
const toDevice = aten("to.dtype_layout");

/** Whether this process can have memory that a GPU reads by itself. */
let canPin = true;

/**
 * The tensor on a device and in a dtype. From main memory to a GPU it goes by way of pinned memory, so that this thread does
 * not wait for what the GPU still has to compute, as it does in `to()`.
 *
 * @param target `dtype`: default that of the tensor
 * @throws RocError OUT_OF_MEMORY, DEVICE_LOST; TORCH where there is no such device
 *
 * @category Tensors
 */
export function uploaded(tensor: Tensor, target: { readonly dtype?: DType; readonly device: Device }): Tensor {
  const { dtype = tensor.dtype, device } = target;
  if (!device.startsWith("cuda") || tensor.device !== "cpu") return tensor.to({ dtype, device });
  const pinned = canPin ? pinnedOrNot(tensor) : tensor;
  return toDevice(pinned, { dtype, device, non_blocking: pinned !== tensor });
}

function pinnedOrNot(tensor: Tensor): Tensor {
  try {
    return pinMemory(tensor);
  } catch {
    // Its amount may be limited. A GPU that has failed is told by the copy that follows.
    canPin = false;
    return tensor;
  }
}

const ARRAYS =
  "give a Float32Array, Float64Array, BigInt64Array, Int32Array, Int16Array, Int8Array or Uint8Array, or a Uint16Array with " +
  "options.dtype bfloat16 or float16";

function halfOf(dtype: DType | undefined): DType | undefined {
  return dtype === "bfloat16" || dtype === "float16" ? dtype : undefined;
}

function kindOf(value: unknown): string {
  return typeof value === "object" && value !== null ? value.constructor.name : typeof value;
}

/**
 * A number, or numbers nested in arrays of equal lengths. Beyond 2^53 - 1 only a BigInt is an exact integer.
 *
 * @category Tensors
 */
export type Nested = number | bigint | boolean | readonly Nested[];

/** @throws RocError USAGE for arrays of different lengths */
function shapeOfNested(value: Nested): number[] {
  if (typeof value !== "object") return [];
  const [first, ...others] = value.map(shapeOfNested);
  if (first === undefined) return [0];
  const odd = others.find((shape) => shape.join() !== first.join());
  if (odd !== undefined) {
    throw new RocError("USAGE", `tensor: parts of shapes [${first.join(", ")}] and [${odd.join(", ")}] make no tensor`);
  }
  return [value.length, ...first];
}

/** @throws RocError USAGE for a number that an integer dtype cannot hold */
function checkWhole(value: number | bigint | boolean, dtype: DType): void {
  const range = INTEGERS[dtype];
  if (range === undefined || typeof value === "boolean") return;
  const isExact = typeof value === "bigint" || Number.isSafeInteger(value);
  if (isExact && value >= range[0] && value <= range[1]) return;
  const remedy = Number.isInteger(value) && dtype === "int64" ? "; beyond 2^53 - 1 give a BigInt" : "";
  const numbers = `whole numbers from ${range[0]} to ${range[1]}${remedy}`;
  throw new RocError("USAGE", `${value} cannot be an element of ${dtype}, which holds ${numbers}`);
}

/**
 * A small constant.
 *
 * @param value the elements, nested per dimension
 * @throws RocError USAGE for arrays of different lengths, and for numbers that an integer dtype cannot hold
 *
 * @example
 * ```ts
 * import { torch } from "roc4mllm";
 *
 * using ids = torch.tensor([[1, 2, 3], [4, 5, 6]], { dtype: "int64" });
 * console.log(ids.shape.join(), ids.dtype); // 2,3 int64
 * ```
 *
 * @category Tensors
 */
export function tensor(value: Nested, options: TensorOptions = {}): Tensor {
  const flat = typeof value === "object" ? (value.flat(Infinity as 1) as (number | bigint | boolean)[]) : [value];
  const { dtype = "float32", device = "cpu" } = options;
  const shape = shapeOfNested(value);
  for (const element of flat) checkWhole(element, dtype);
  if (dtype === "int64") {
    return fromTypedArray(BigInt64Array.from(flat.map(BigInt)), shape, options);
  }
  return fromTypedArray(Float64Array.from(flat.map(Number)), shape, { ...options, dtype, device });
}

/**
 * A tensor whose elements are whatever was in memory.
 *
 * @throws RocError OUT_OF_MEMORY
 *
 * @category Tensors
 */
export function empty(shape: readonly number[], options: TensorOptions = {}): Tensor {
  checkSizes(shape);
  return finish(aten("empty.memory_format")(shape, factory(options)), options);
}
/**
 * A tensor of zeros.
 *
 * @throws RocError OUT_OF_MEMORY
 *
 * @category Tensors
 */
export function zeros(shape: readonly number[], options: TensorOptions = {}): Tensor {
  checkSizes(shape);
  return finish(aten("zeros")(shape, factory(options)), options);
}
/**
 * A tensor of ones.
 *
 * @throws RocError OUT_OF_MEMORY
 *
 * @category Tensors
 */
export function ones(shape: readonly number[], options: TensorOptions = {}): Tensor {
  checkSizes(shape);
  return finish(aten("ones")(shape, factory(options)), options);
}
/**
 * A tensor whose every element is `value`.
 *
 * @throws RocError USAGE for a number that an integer dtype cannot hold; OUT_OF_MEMORY
 *
 * @category Tensors
 */
export function full(shape: readonly number[], value: number, options: TensorOptions = {}): Tensor {
  checkSizes(shape);
  checkWhole(value, options.dtype ?? "float32");
  return finish(aten("full")(shape, value, factory(options)), options);
}
/**
 * `[start, start + 1, ...]` below `end`; int64 by default.
 *
 * @category Tensors
 */
export function arange(start: number, end: number, options: TensorOptions = {}): Tensor {
  return finish(aten("arange.start")(start, end, factory(options, "int64")), options);
}
/**
 * Random numbers of the standard normal distribution, from the generator that {@link manualSeed} seeds.
 *
 * @category Tensors
 */
export function randn(shape: readonly number[], options: TensorOptions = {}): Tensor {
  checkSizes(shape);
  return finish(aten("randn")(shape, factory(options)), options);
}
/**
 * Random numbers, uniform in [0, 1), from the generator that {@link manualSeed} seeds.
 *
 * @category Tensors
 */
export function rand(shape: readonly number[], options: TensorOptions = {}): Tensor {
  checkSizes(shape);
  return finish(aten("rand")(shape, factory(options)), options);
}
/**
 * Random whole numbers, uniform in [low, high); int64 by default.
 *
 * @category Tensors
 */
export function randint(low: number, high: number, shape: readonly number[], options: TensorOptions = {}): Tensor {
  checkSizes(shape);
  return finish(aten("randint.low")(low, high, shape, factory(options, "int64")), options);
}

/**
 * Tensors joined along a dimension, in which alone their shapes may differ.
 *
 * @category Tensors
 */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  return aten("cat")(tensors, dim);
}
/**
 * Tensors of one shape joined along a new dimension.
 *
 * @category Tensors
 */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  return aten("stack")(tensors, dim);
}
