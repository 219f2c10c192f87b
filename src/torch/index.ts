/**
 * Tensors over libtorch. The only room that knows the native addon.
 *
 * A tensor made inside `scope()` is freed at its end; any ATen operator is one `aten("name.overload")` away.
 */
export { Tensor } from "./tensor.js";
export { aten, type AtenOperators } from "./aten.js";
export { operator, type UntypedOperator } from "./call.js";
export type { Device, DType, ElementType, TypedArray } from "./dtype.js";
export { DTYPES } from "./dtype.js";
export { findNonFinite, nonFinite, nonFiniteText, type NonFinite, type NonFiniteTensors } from "./finite.js";
export { canCapture, captureGraph, onCaptureStream, type CudaGraph } from "./graph.js";
export { scope, keep, liveTensors } from "./lifetime.js";
export {
  arange,
  cat,
  empty,
  fromTypedArray,
  full,
  ones,
  rand,
  randint,
  randn,
  stack,
  tensor,
  uploaded,
  zeros,
  type Nested,
  type TensorOptions,
} from "./create.js";
export {
  applyThreads,
  autocast,
  backward,
  checkDevice,
  cudaIsAvailable,
  enableGrad,
  flagIsOn,
  getNumThreads,
  gradients,
  holdFlag,
  holdThreads,
  inferenceMode,
  manualSeed,
  noGrad,
  setFlag,
  setNumThreads,
  threadsWorth,
  torchVersion,
  whileNumThreads,
  withThreads,
} from "./modes.js";
export type { Flag } from "./native.js";
export { RandomStream } from "./random-stream.js";
export { MappedFile, mapFile } from "./mapped-file.js";
export {
  availableBackends,
  GradientBuckets,
  initProcessGroup,
  rankEnvironment,
  type Backend,
  type GroupOptions,
  type Pending,
  type ProcessGroup,
  type RankEnvironment,
  type Reduction,
  type SummedGradient,
} from "./distributed.js";
export { multipliesBfloat16 } from "./processor.js";
