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

export class Tensor extends TensorHandle {
  /** Not for users: make tensors with `tensor()`, `zeros()`, `fromTypedArray()`, ... */
  constructor(handle: Handle) {
    super(handle);
    if (isUnscoped()) watch(this, handle);
  }

  // --- what it is -------------------------------------------------------------------------------------------------

  get shape(): number[] {
    return guarded("shape", [this], () => native.shapeOf(this.handle));
  }
  get ndim(): number {
    return this.shape.length;
  }
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }
  /** Length of one dimension; negative `dim` counts from the end. */
  size(dim: number): number {
    return aten("size.int")(this, dim);
  }
  get dtype(): DType {
    return guarded("dtype", [this], () => native.dtypeOf(this.handle)) as DType;
  }
  get device(): Device {
    return guarded("device", [this], () => native.deviceOf(this.handle));
  }
  /** Bytes of its elements. */
  get nbytes(): number {
    return guarded("nbytes", [this], () => native.bytesOf(this.handle));
  }
  /** What `console.log()` shows: dtype, shape, device and the values, of a large tensor those at its corners. */
  [inspect.custom](depth: number): unknown {
    // An object, so that the lines are indented where the tensor stands within others.
    return depth < 0 ? String(this) : { [inspect.custom]: () => tensorText(this) };
  }
  override toString(): string {
    return this.isDisposed ? "Tensor(disposed)" : `Tensor(${this.dtype}[${this.shape.join(", ")}], ${this.device})`;
  }

  // --- life -------------------------------------------------------------------------------------------------------

  get isDisposed(): boolean {
    return !native.isLive(this.handle);
  }
  /** Frees it; using it afterwards is an error. Twice is harmless. */
  dispose(): void {
    forget(this);
    native.freeTensor(this.handle);
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  // --- gradients --------------------------------------------------------------------------------------------------

  get requiresGrad(): boolean {
    return guarded("requiresGrad", [this], () => native.requiresGrad(this.handle));
  }
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
  set grad(gradient: Tensor | null) {
    guarded("grad", [this, gradient], () => {
      native.setGrad(this.handle, gradient === null ? null : gradient.handle);
    });
  }
  /** Drops the gradient (as PyTorch's `zero_grad(set_to_none=True)`). */
  zeroGrad(): void {
    this.grad = null;
  }
  /** Adds the gradients of this scalar (or, with `gradient`, of this tensor) to the leaves. */
  backward(gradient?: Tensor, options: { retainGraph?: boolean } = {}): void {
    guarded("backward", [this], () => {
      native.backward([this.handle], [gradient?.handle ?? null], options.retainGraph ?? false);
    });
  }
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
  /**
   * The number in a tensor of one element.
   * @throws RocError USAGE for an integer that is no JavaScript number, beyond 2^53: read it by {@link toArray}
   */
  item(): number {
    return guarded("item", [this], () => native.itemOf(this.handle));
  }

  // --- arithmetic -------------------------------------------------------------------------------------------------

  add(other: Tensor | number): Tensor {
    return typeof other === "number" ? op.addScalar(this, other) : op.add(this, other);
  }
  sub(other: Tensor | number): Tensor {
    return typeof other === "number" ? op.subScalar(this, other) : op.sub(this, other);
  }
  mul(other: Tensor | number): Tensor {
    return typeof other === "number" ? op.mulScalar(this, other) : op.mul(this, other);
  }
  div(other: Tensor | number): Tensor {
    return typeof other === "number" ? op.divScalar(this, other) : op.div(this, other);
  }
  pow(exponent: Tensor | number): Tensor {
    return typeof exponent === "number" ? op.powScalar(this, exponent) : op.pow(this, exponent);
  }
  neg(): Tensor {
    return aten("neg")(this);
  }
  abs(): Tensor {
    return aten("abs")(this);
  }
  sqrt(): Tensor {
    return aten("sqrt")(this);
  }
  rsqrt(): Tensor {
    return aten("rsqrt")(this);
  }
  exp(): Tensor {
    return aten("exp")(this);
  }
  log(): Tensor {
    return aten("log")(this);
  }
  sin(): Tensor {
    return aten("sin")(this);
  }
  cos(): Tensor {
    return aten("cos")(this);
  }
  sigmoid(): Tensor {
    return aten("sigmoid")(this);
  }
  tanh(): Tensor {
    return aten("tanh")(this);
  }
  silu(): Tensor {
    return aten("silu")(this);
  }
  relu(): Tensor {
    return aten("relu")(this);
  }
  gelu(approximate: "none" | "tanh" = "none"): Tensor {
    return aten("gelu")(this, { approximate });
  }
  clamp(min: number | null, max: number | null): Tensor {
    return aten("clamp")(this, min, max);
  }

  // --- in place; each returns this --------------------------------------------------------------------------------

  add_(other: Tensor | number): this {
    binary(this, other, op.addInPlace, op.addScalarInPlace);
    return this;
  }
  sub_(other: Tensor | number): this {
    binary(this, other, op.subInPlace, op.subScalarInPlace);
    return this;
  }
  mul_(other: Tensor | number): this {
    binary(this, other, op.mulInPlace, op.mulScalarInPlace);
    return this;
  }
  div_(other: Tensor | number): this {
    binary(this, other, op.divInPlace, op.divScalarInPlace);
    return this;
  }
  copy_(source: Tensor): this {
    aten("copy_")(this, source);
    return this;
  }
  fill_(value: number): this {
    aten("fill_.Scalar")(this, value);
    return this;
  }
  zero_(): this {
    aten("zero_")(this);
    return this;
  }

  // --- comparisons ------------------------------------------------------------------------------------------------

  eq(other: Tensor | number): Tensor {
    return binary(this, other, aten("eq.Tensor"), aten("eq.Scalar"));
  }
  ne(other: Tensor | number): Tensor {
    return binary(this, other, aten("ne.Tensor"), aten("ne.Scalar"));
  }
  lt(other: Tensor | number): Tensor {
    return binary(this, other, aten("lt.Tensor"), aten("lt.Scalar"));
  }
  le(other: Tensor | number): Tensor {
    return binary(this, other, aten("le.Tensor"), aten("le.Scalar"));
  }
  gt(other: Tensor | number): Tensor {
    return binary(this, other, aten("gt.Tensor"), aten("gt.Scalar"));
  }
  ge(other: Tensor | number): Tensor {
    return binary(this, other, aten("ge.Tensor"), aten("ge.Scalar"));
  }
  logicalAnd(other: Tensor): Tensor {
    return aten("logical_and")(this, other);
  }
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

  sum(dims?: readonly number[] | number, keepdim = false): Tensor {
    return dims === undefined ? op.sum(this) : op.sumDims(this, [dims].flat(), keepdim);
  }
  mean(dims?: readonly number[] | number, keepdim = false): Tensor {
    return dims === undefined ? op.mean(this) : op.meanDims(this, [dims].flat(), keepdim);
  }
  amax(dims: readonly number[] | number, keepdim = false): Tensor {
    return aten("amax")(this, [dims].flat(), keepdim);
  }
  argmax(dim: number | null = null, keepdim = false): Tensor {
    return aten("argmax")(this, dim, keepdim);
  }
  max(): Tensor {
    return aten("max")(this);
  }
  min(): Tensor {
    return aten("min")(this);
  }
  norm(): Tensor {
    return aten("norm.Scalar")(this);
  }
  std(): Tensor {
    return aten("std")(this, true);
  }
  softmax(dim: number): Tensor {
    return op.softmax(this, dim, null);
  }
  logSoftmax(dim: number): Tensor {
    return op.logSoftmax(this, dim, null);
  }
  cumsum(dim: number): Tensor {
    return aten("cumsum")(this, dim);
  }

  // --- products ---------------------------------------------------------------------------------------------------

  matmul(other: Tensor): Tensor {
    return op.matmul(this, other);
  }
  mm(other: Tensor): Tensor {
    return aten("mm")(this, other);
  }
  bmm(other: Tensor): Tensor {
    return aten("bmm")(this, other);
  }
  t(): Tensor {
    return aten("t")(this);
  }

  // --- shape ------------------------------------------------------------------------------------------------------

  reshape(...shape: number[]): Tensor {
    return op.reshape(this, shape);
  }
  view(...shape: number[]): Tensor {
    return aten("view")(this, shape);
  }
  flatten(start = 0, end = -1): Tensor {
    return aten("flatten.using_ints")(this, start, end);
  }
  transpose(a: number, b: number): Tensor {
    return op.transpose(this, a, b);
  }
  permute(...dims: number[]): Tensor {
    return aten("permute")(this, dims);
  }
  contiguous(): Tensor {
    return aten("contiguous")(this);
  }
  unsqueeze(dim: number): Tensor {
    return aten("unsqueeze")(this, dim);
  }
  squeeze(dim?: number): Tensor {
    return dim === undefined ? aten("squeeze")(this) : aten("squeeze.dim")(this, dim);
  }
  expand(...shape: number[]): Tensor {
    return aten("expand")(this, shape);
  }
  repeat(...repeats: number[]): Tensor {
    return aten("repeat")(this, repeats);
  }
  narrow(dim: number, start: number, length: number): Tensor {
    return aten("narrow")(this, dim, start, length);
  }
  slice(dim: number, start: number, end?: number, step = 1): Tensor {
    return aten("slice.Tensor")(this, dim, start, end ?? null, step);
  }
  select(dim: number, index: number): Tensor {
    return aten("select.int")(this, dim, index);
  }
  indexSelect(dim: number, index: Tensor): Tensor {
    return aten("index_select")(this, dim, index);
  }
  gather(dim: number, index: Tensor): Tensor {
    return aten("gather")(this, dim, index);
  }
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
