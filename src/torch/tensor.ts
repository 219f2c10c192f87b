/**
 * A tensor: a handle into the addon's table, with PyTorch's methods and semantics.
 *
 * Memory is explicit: tensors made inside `scope()` are freed at its end, others live until `dispose()`; the garbage
 * collector is only a backstop. This file holds methods only, each a line over an operator of ATen; whatever is
 * missing is one `aten("name.overload")` away.
 */
import { inspect } from "node:util";
import { RocError } from "../errors.js";
import { aten } from "./aten.js";
import { TensorHandle, guarded, setWrap } from "./call.js";
import { DTYPES, type Device, type DType, type TypedArray } from "./dtype.js";
import { native, type Handle } from "./native.js";
import { forget, isUnscoped, watch } from "./lifetime.js";
import { tensorText } from "./print.js";

const op = {
  add: aten("add.Tensor"),
  addScalar: aten("add.Scalar"),
  sub: aten("sub.Tensor"),
  subScalar: aten("sub.Scalar"),
  mul: aten("mul.Tensor"),
  mulScalar: aten("mul.Scalar"),
  div: aten("div.Tensor"),
  divScalar: aten("div.Scalar"),
  pow: aten("pow.Tensor_Tensor"),
  powScalar: aten("pow.Tensor_Scalar"),
  addInPlace: aten("add_.Tensor"),
  addScalarInPlace: aten("add_.Scalar"),
  subInPlace: aten("sub_.Tensor"),
  subScalarInPlace: aten("sub_.Scalar"),
  mulInPlace: aten("mul_.Tensor"),
  mulScalarInPlace: aten("mul_.Scalar"),
  divInPlace: aten("div_.Tensor"),
  divScalarInPlace: aten("div_.Scalar"),
  matmul: aten("matmul"),
  to: aten("to.dtype_layout"),
  reshape: aten("reshape"),
  transpose: aten("transpose.int"),
  softmax: aten("softmax.int"),
  logSoftmax: aten("log_softmax.int"),
  sum: aten("sum"),
  sumDims: aten("sum.dim_IntList"),
  mean: aten("mean"),
  meanDims: aten("mean.dim"),
} as const;

/** The operator for a tensor operand or the one for a number. */
function binary(
  self: Tensor,
  other: Tensor | number,
  withTensor: (a: Tensor, b: Tensor) => Tensor,
  withNumber: (a: Tensor, b: number) => Tensor,
): Tensor {
  return typeof other === "number" ? withNumber(self, other) : withTensor(self, other);
}

/**
 * A tensor of libtorch: elements of one dtype in an array of any number of dimensions, with PyTorch's methods and
 * semantics. Made by {@link tensor}, {@link zeros}, {@link fromTypedArray} and others, and by operators.
 *
 * Memory is explicit: a tensor made inside {@link scope} is freed at its end, another lives until {@link dispose}; the
 * garbage collector is only a backstop. Methods whose name ends in `_` work in place and return the tensor. Whatever is
 * missing is one {@link aten} away.
 *
 * Every method throws a RocError: TENSOR_DISPOSED where a tensor was freed before; TORCH where shapes, dtypes or devices do
 * not fit, with the operator and the shapes; OUT_OF_MEMORY; DEVICE_LOST.
 *
 * @example
 * ```ts
 * import { torch } from "roc4mllm";
 *
 * torch.scope(() => {
 *   const x = torch.tensor([[1, 2], [3, 4]], { requiresGrad: true });
 *   const y = x.mul(x).sum();
 *   y.backward();
 *   console.log(y.item(), x.grad?.toNumbers().join()); // 30 2,4,6,8
 * });
 * ```
 *
 * @category Tensors
 */
export class Tensor extends TensorHandle {
  /** Not for users: make tensors with `tensor()`, `zeros()`, `fromTypedArray()`, ... */
  constructor(handle: Handle) {
    super(handle);
    if (isUnscoped()) watch(this, handle);
  }

  // --- what it is -------------------------------------------------------------------------------------------------

  /** Lengths of the dimensions; `[]` for a scalar. */
  get shape(): number[] {
    return guarded("shape", [this], () => native.shapeOf(this.handle));
  }
  /** Number of dimensions. */
  get ndim(): number {
    return this.shape.length;
  }
  /** Number of elements: the product of {@link shape}. */
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }
  /** Length of one dimension; negative `dim` counts from the end. */
  size(dim: number): number {
    return aten("size.int")(this, dim);
  }
  /** Type of its elements. */
  get dtype(): DType {
    return guarded("dtype", [this], () => native.dtypeOf(this.handle)) as DType;
  }
  /** Where its elements are: "cpu", "cuda:0", ... */
  get device(): Device {
    return guarded("device", [this], () => native.deviceOf(this.handle));
  }
  /** Bytes of its elements. */
  get nbytes(): number {
    return guarded("nbytes", [this], () => native.bytesOf(this.handle));
  }

  /** Whether it is the outline of a parameter: one number that stands for all of many. */
  get isOutline(): boolean {
    return this.numel > 1 && guarded("isOutline", [this], () => native.heldBytes(this.handle)) < this.nbytes;
  }
  /** What `console.log()` shows: dtype, shape, device and the values, of a large tensor those at its corners. */
  [inspect.custom](depth: number): unknown {
    // An object, so that the lines are indented where the tensor is nested in others.
    return depth < 0 ? String(this) : { [inspect.custom]: () => tensorText(this) };
  }
  /** Its dtype, shape and device in one line, without values. */
  override toString(): string {
    return this.isDisposed ? "Tensor(disposed)" : `Tensor(${this.dtype}[${this.shape.join(", ")}], ${this.device})`;
  }

  // --- life -------------------------------------------------------------------------------------------------------

  /** Whether it was freed. */
  get isDisposed(): boolean {
    return !native.isLive(this.handle);
  }
  /** Frees it; using it afterwards is an error. Twice is harmless. */
  dispose(): void {
    forget(this);
    native.freeTensor(this.handle);
  }
  /** {@link dispose} at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  // --- gradients --------------------------------------------------------------------------------------------------

  /** Whether `backward()` computes a gradient of it. */
  get requiresGrad(): boolean {
    return guarded("requiresGrad", [this], () => native.requiresGrad(this.handle));
  }
  /** Asks for a gradient of it, or no more; only for tensors of floats that no operator made. */
  requiresGrad_(on = true): this {
    guarded("requiresGrad_", [this], () => {
      native.setRequiresGrad(this.handle, on);
    });
    return this;
  }
  /** The gradient that `backward()` left, or null. */
  get grad(): Tensor | null {
    const handle = guarded("grad", [this], () => native.gradOf(this.handle));
    return handle === null ? null : new Tensor(handle);
  }
  /** Puts another gradient in its place, of the same shape, or none. */
  set grad(gradient: Tensor | null) {
    guarded("grad", [this, gradient], () => {
      native.setGrad(this.handle, gradient === null ? null : gradient.handle);
    });
  }
  /** Drops the gradient (as PyTorch's `zero_grad(set_to_none=True)`). */
  zeroGrad(): void {
    this.grad = null;
  }
  /**
   * Adds the gradients of this scalar with respect to the leaves to theirs.
   *
   * @param gradient weights of its elements, of the same shape; needed where it is no scalar
   * @param options `retainGraph` (default false): keep what was recorded for another `backward()`
   */
  backward(gradient?: Tensor, options: { retainGraph?: boolean } = {}): void {
    guarded("backward", [this], () => {
      native.backward([this.handle], [gradient?.handle ?? null], options.retainGraph ?? false);
    });
  }
  /** The same elements without the record for `backward()`; shares memory. */
  detach(): Tensor {
    return aten("detach")(this);
  }

  // --- out --------------------------------------------------------------------------------------------------------

  /**
   * Its elements row by row: int64 as BigInt64Array, bool as Uint8Array, 16-bit floats as raw bits in a Uint16Array.
   * @throws RocError USAGE for a dtype that is none of {@link DTYPES}, such as complex64
   */
  toArray(): TypedArray {
    const { dtype } = this;
    if (!Object.hasOwn(DTYPES, dtype)) {
      throw new RocError(
        "USAGE",
        `toArray: no typed array holds ${dtype}; convert it before, by to() or aten("view_as_real").`,
      );
    }
    const array = DTYPES[dtype].allocate(this.numel);
    guarded("toArray", [this], () => {
      native.readBytes(this.handle, array);
    });
    return array;
  }
  /** Its elements row by row as float32, whatever its dtype. */
  toFloat32Array(): Float32Array {
    return this.#converted("float32", (tensor) => tensor.toArray()) as Float32Array;
  }
  /**
   * Its elements row by row as JavaScript numbers, whatever its dtype.
   * @throws RocError USAGE for an integer that is no JavaScript number, beyond 2^53: read it by {@link toArray}
   */
  toNumbers(): number[] {
    const numbers = Array.from(this.#converted("float64", (tensor) => tensor.toArray()) as Float64Array);
    if (numbers.some((value) => Math.abs(value) > Number.MAX_SAFE_INTEGER) && this.dtype === "int64") {
      const inexact = (this.toArray() as BigInt64Array).find((value) => BigInt(Number(value)) !== value);
      if (inexact !== undefined) {
        const remedy = "read it by toArray(), as a BigInt";
        throw new RocError("USAGE", `toNumbers: the integer ${inexact} is no JavaScript number; ${remedy}`);
      }
    }
    return numbers;
  }
  #converted(dtype: DType, read: (tensor: Tensor) => TypedArray): TypedArray {
    if (this.dtype === dtype) return read(this);
    const converted = this.to(dtype);
    try {
      return read(converted);
    } finally {
      converted.dispose();
    }
  }
  /** The number in a tensor of one element, of any shape. */
  item(): number {
    return guarded("item", [this], () => native.itemOf(this.handle));
  }

  // --- arithmetic -------------------------------------------------------------------------------------------------

  /** `this + other`, element by element; shapes are broadcast. */
  add(other: Tensor | number): Tensor {
    return typeof other === "number" ? op.addScalar(this, other) : op.add(this, other);
  }
  /** `this - other`, element by element; shapes are broadcast. */
  sub(other: Tensor | number): Tensor {
    return typeof other === "number" ? op.subScalar(this, other) : op.sub(this, other);
  }
  /** `this * other`, element by element; shapes are broadcast. */
  mul(other: Tensor | number): Tensor {
    return typeof other === "number" ? op.mulScalar(this, other) : op.mul(this, other);
  }
  /** `this / other`, element by element; shapes are broadcast. */
  div(other: Tensor | number): Tensor {
    return typeof other === "number" ? op.divScalar(this, other) : op.div(this, other);
  }
  /** `this ** exponent`, element by element; shapes are broadcast. */
  pow(exponent: Tensor | number): Tensor {
    return typeof exponent === "number" ? op.powScalar(this, exponent) : op.pow(this, exponent);
  }
  /** `-this`. */
  neg(): Tensor {
    return aten("neg")(this);
  }
  /** Absolute values. */
  abs(): Tensor {
    return aten("abs")(this);
  }
  /** Square roots; NaN below 0. */
  sqrt(): Tensor {
    return aten("sqrt")(this);
  }
  /** `1 / sqrt(this)`. */
  rsqrt(): Tensor {
    return aten("rsqrt")(this);
  }
  /** e to the power of each element. */
  exp(): Tensor {
    return aten("exp")(this);
  }
  /** Natural logarithms. */
  log(): Tensor {
    return aten("log")(this);
  }
  /** Sines, of radians. */
  sin(): Tensor {
    return aten("sin")(this);
  }
  /** Cosines, of radians. */
  cos(): Tensor {
    return aten("cos")(this);
  }
  /** `1 / (1 + exp(-this))`. */
  sigmoid(): Tensor {
    return aten("sigmoid")(this);
  }
  /** Hyperbolic tangents. */
  tanh(): Tensor {
    return aten("tanh")(this);
  }
  /** `this * sigmoid(this)`. */
  silu(): Tensor {
    return aten("silu")(this);
  }
  /** `max(this, 0)`. */
  relu(): Tensor {
    return aten("relu")(this);
  }
  /** Gaussian error linear unit, exactly or by its approximation with tanh. */
  gelu(approximate: "none" | "tanh" = "none"): Tensor {
    return aten("gelu")(this, { approximate });
  }
  /** Values below `min` and above `max` made these; null: no such bound. */
  clamp(min: number | null, max: number | null): Tensor {
    return aten("clamp")(this, min, max);
  }

  // --- in place; each returns this --------------------------------------------------------------------------------

  /** Adds in place. */
  add_(other: Tensor | number): this {
    binary(this, other, op.addInPlace, op.addScalarInPlace);
    return this;
  }
  /** Subtracts in place. */
  sub_(other: Tensor | number): this {
    binary(this, other, op.subInPlace, op.subScalarInPlace);
    return this;
  }
  /** Multiplies in place. */
  mul_(other: Tensor | number): this {
    binary(this, other, op.mulInPlace, op.mulScalarInPlace);
    return this;
  }
  /** Divides in place. */
  div_(other: Tensor | number): this {
    binary(this, other, op.divInPlace, op.divScalarInPlace);
    return this;
  }
  /** Copies the elements of `source` into this, with its dtype and device; shapes are broadcast. */
  copy_(source: Tensor): this {
    aten("copy_")(this, source);
    return this;
  }
  /** Makes every element `value`. */
  fill_(value: number): this {
    aten("fill_.Scalar")(this, value);
    return this;
  }
  /** Makes every element 0. */
  zero_(): this {
    aten("zero_")(this);
    return this;
  }

  // --- comparisons ------------------------------------------------------------------------------------------------

  /** Where `this == other`, as bool; shapes are broadcast. */
  eq(other: Tensor | number): Tensor {
    return binary(this, other, aten("eq.Tensor"), aten("eq.Scalar"));
  }
  /** Where `this != other`, as bool; shapes are broadcast. */
  ne(other: Tensor | number): Tensor {
    return binary(this, other, aten("ne.Tensor"), aten("ne.Scalar"));
  }
  /** Where `this < other`, as bool; shapes are broadcast. */
  lt(other: Tensor | number): Tensor {
    return binary(this, other, aten("lt.Tensor"), aten("lt.Scalar"));
  }
  /** Where `this <= other`, as bool; shapes are broadcast. */
  le(other: Tensor | number): Tensor {
    return binary(this, other, aten("le.Tensor"), aten("le.Scalar"));
  }
  /** Where `this > other`, as bool; shapes are broadcast. */
  gt(other: Tensor | number): Tensor {
    return binary(this, other, aten("gt.Tensor"), aten("gt.Scalar"));
  }
  /** Where `this >= other`, as bool; shapes are broadcast. */
  ge(other: Tensor | number): Tensor {
    return binary(this, other, aten("ge.Tensor"), aten("ge.Scalar"));
  }
  /** Where both are not 0, as bool. */
  logicalAnd(other: Tensor): Tensor {
    return aten("logical_and")(this, other);
  }
  /** Where this is 0, as bool. */
  logicalNot(): Tensor {
    return aten("logical_not")(this);
  }
  /** This with `value` where `mask` is true. */
  maskedFill(mask: Tensor, value: number): Tensor {
    return aten("masked_fill.Scalar")(this, mask, value);
  }
  /** This where `condition` is true, else `other`. */
  where(condition: Tensor, other: Tensor): Tensor {
    return aten("where.self")(condition, this, other);
  }

  // --- reductions -------------------------------------------------------------------------------------------------

  /** Sum over the dimensions, by default over all (a scalar). `keepdim`: keep them with length 1. */
  sum(dims?: readonly number[] | number, keepdim = false): Tensor {
    return dims === undefined ? op.sum(this) : op.sumDims(this, [dims].flat(), keepdim);
  }
  /** Mean over the dimensions, by default over all (a scalar). `keepdim`: keep them with length 1. */
  mean(dims?: readonly number[] | number, keepdim = false): Tensor {
    return dims === undefined ? op.mean(this) : op.meanDims(this, [dims].flat(), keepdim);
  }
  /** The largest element over the dimensions. `keepdim`: keep them with length 1. */
  amax(dims: readonly number[] | number, keepdim = false): Tensor {
    return aten("amax")(this, [dims].flat(), keepdim);
  }
  /** Index (int64) of the largest element along a dimension, or among all elements row by row where `dim` is null. */
  argmax(dim: number | null = null, keepdim = false): Tensor {
    return aten("argmax")(this, dim, keepdim);
  }
  /** The largest element, a scalar. */
  max(): Tensor {
    return aten("max")(this);
  }
  /** The smallest element, a scalar. */
  min(): Tensor {
    return aten("min")(this);
  }
  /** Euclidean norm of all elements, a scalar. */
  norm(): Tensor {
    return aten("norm.Scalar")(this);
  }
  /** Standard deviation of all elements with Bessel's correction, a scalar. */
  std(): Tensor {
    return aten("std")(this, true);
  }
  /** `exp(this) / sum(exp(this))` along a dimension. */
  softmax(dim: number): Tensor {
    return op.softmax(this, dim, null);
  }
  /** Logarithm of {@link softmax} along a dimension, computed stably. */
  logSoftmax(dim: number): Tensor {
    return op.logSoftmax(this, dim, null);
  }
  /** Sums of the elements up to each, along a dimension. */
  cumsum(dim: number): Tensor {
    return aten("cumsum")(this, dim);
  }

  // --- products ---------------------------------------------------------------------------------------------------

  /** Matrix product, `[..., N, K]` and `[..., K, M]` to `[..., N, M]`; dimensions in front are broadcast. */
  matmul(other: Tensor): Tensor {
    return op.matmul(this, other);
  }
  /** Matrix product, `[N, K]` and `[K, M]` to `[N, M]`. */
  mm(other: Tensor): Tensor {
    return aten("mm")(this, other);
  }
  /** Matrix products, `[B, N, K]` and `[B, K, M]` to `[B, N, M]`. */
  bmm(other: Tensor): Tensor {
    return aten("bmm")(this, other);
  }
  /** A matrix transposed, `[N, M]` to `[M, N]`; shares memory. */
  t(): Tensor {
    return aten("t")(this);
  }

  // --- shape ------------------------------------------------------------------------------------------------------

  /** The same elements in another shape; one length may be -1. Shares memory where it can. */
  reshape(...shape: number[]): Tensor {
    return op.reshape(this, shape);
  }
  /** The same elements in another shape, in the same memory; one length may be -1. */
  view(...shape: number[]): Tensor {
    return aten("view")(this, shape);
  }
  /** Dimensions `start` to `end` (both included) as one. */
  flatten(start = 0, end = -1): Tensor {
    return aten("flatten.using_ints")(this, start, end);
  }
  /** With two dimensions exchanged; shares memory. */
  transpose(a: number, b: number): Tensor {
    return op.transpose(this, a, b);
  }
  /** With the dimensions in another order; shares memory. */
  permute(...dims: number[]): Tensor {
    return aten("permute")(this, dims);
  }
  /** The elements row by row in memory: itself where they are, else a copy. */
  contiguous(): Tensor {
    return aten("contiguous")(this);
  }
  /** With a dimension of length 1 put in at `dim`; shares memory. */
  unsqueeze(dim: number): Tensor {
    return aten("unsqueeze")(this, dim);
  }
  /** Without the dimension `dim`, if it has length 1; by default without all such. Shares memory. */
  squeeze(dim?: number): Tensor {
    return dim === undefined ? aten("squeeze")(this) : aten("squeeze.dim")(this, dim);
  }
  /** With dimensions of length 1 stretched to `shape` without a copy; -1 leaves a length as it is. */
  expand(...shape: number[]): Tensor {
    return aten("expand")(this, shape);
  }
  /** Copies side by side, as often as `repeats` says per dimension. */
  repeat(...repeats: number[]): Tensor {
    return aten("repeat")(this, repeats);
  }
  /** The part `[start, start + length)` of a dimension; shares memory. */
  narrow(dim: number, start: number, length: number): Tensor {
    return aten("narrow")(this, dim, start, length);
  }
  /** The part `[start, end)` of a dimension in steps; negative numbers count from the end. Shares memory. */
  slice(dim: number, start: number, end?: number, step = 1): Tensor {
    return aten("slice.Tensor")(this, dim, start, end ?? null, step);
  }
  /** The part at one index of a dimension, without that dimension; shares memory. */
  select(dim: number, index: number): Tensor {
    return aten("select.int")(this, dim, index);
  }
  /** The parts at the indices (`[n]` int64) of a dimension, in their order. */
  indexSelect(dim: number, index: Tensor): Tensor {
    return aten("index_select")(this, dim, index);
  }
  /** Elements at the indices (int64) along a dimension; the result has the shape of `index`. */
  gather(dim: number, index: Tensor): Tensor {
    return aten("gather")(this, dim, index);
  }
  /** A copy, with the record for `backward()`. */
  clone(): Tensor {
    return aten("clone")(this);
  }
  /** Another dtype or device; shares its memory where nothing changes. */
  to(target: DType | { dtype?: DType; device?: Device }): Tensor {
    const { dtype, device } = typeof target === "string" ? { dtype: target, device: undefined } : target;
    return op.to(this, { dtype: dtype ?? null, device: device ?? null });
  }
}

setWrap((handle) => new Tensor(handle));
