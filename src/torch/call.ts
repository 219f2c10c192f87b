/**
 * How an operator is called: resolved once by name and overload, arguments encoded, results wrapped, and whatever C++
 * threw turned into an error of ours with the operator's name, the arguments' shapes and the JavaScript stack.
 *
 * Knows a tensor only as an object with a handle; the class with the methods is tensor.ts.
 */
import { inspect } from "node:util";
import { ERROR_CODES, RocError, messageOf, type ErrorCode } from "../errors.js";
import { native, type Handle, type OperatorDescription } from "./native.js";

/** What call.ts needs to know of a tensor. */
export abstract class TensorHandle {
  constructor(
    /** @internal */
    readonly handle: Handle,
  ) {}
}

type Wrap = (handle: Handle) => TensorHandle;

/** Set by tensor.ts at load: makes the public class of a handle. (The class has operator methods, so it is above.) */
let wrapHandle: Wrap;
export function setWrap(wrap: Wrap): void {
  wrapHandle = wrap;
}

/**
 * An operator without types; {@link aten} gives it those of its schema.
 *
 * @category Operators
 */
export type UntypedOperator = (...values: unknown[]) => unknown;

/** A parameter of an operator, as far as its values are distinguished here. */
interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly takesTensors: boolean;
}

/** Tensors as handles. A number given for a tensor would be taken for a handle, and a handle for a number. */
function encode(value: unknown, parameter: Parameter | undefined): unknown {
  if (value instanceof TensorHandle) {
    if (parameter?.takesTensors === false) throw wrongKind(value, parameter);
    return value.handle;
  }
  if (typeof value === "object" && Array.isArray(value)) return encodeList(value, parameter);
  if (typeof value === "number" && parameter?.takesTensors === true) throw wrongKind(value, parameter);
  return value;
}

function encodeList(values: readonly unknown[], parameter: Parameter | undefined): unknown {
  const found = values.some((element) => element instanceof TensorHandle);
  return found || parameter?.takesTensors === true ? values.map((element) => encode(element, parameter)) : values;
}

function wrongKind(value: unknown, { name, type }: Parameter): RocError {
  return new RocError("USAGE", `argument '${name}' of type ${type}: received ${describe(value)}`);
}

function describe(value: unknown): string {
  if (value instanceof TensorHandle) {
    if (!native.isLive(value.handle)) return "a disposed tensor";
    return `${native.dtypeOf(value.handle)}[${native.shapeOf(value.handle).join(", ")}]`;
  }
  if (Array.isArray(value)) return `[${value.map(describe).join(", ")}]`;
  return typeof value === "object" && value !== null
    ? inspect(value, { depth: 1, breakLength: Infinity })
    : String(value);
}

/**
 * CUDA's messages of errors that end its use in a process: every later call fails, whatever it is and in whatever words
 * ("errors that leave the process in an inconsistent state" in its manual).
 */
const LOST =
  /device-side assert|illegal memory access|illegal address|illegal instruction|invalid program counter|misaligned address|unspecified launch failure|launch timed out|hardware stack error|uncorrectable .*ECC|cudaError(Assert|IllegalAddress|LaunchFailure|LaunchTimeout|HardwareStackError|IllegalInstruction|MisalignedAddress|InvalidAddressSpace|InvalidPc|ECCUncorrectable)/i;
const OF_A_GPU = /cuda|cublas|cudnn|cufft|cusolver|cusparse|nccl|driver shutting down/i;

/** Set once a GPU is lost for this process: which call reported it, and CUDA's message. */
let lost: { readonly operation: string; readonly reason: string } | undefined;

/** The error of a GPU that this process cannot use any more: the same for the first call and all later ones. */
function deviceLost(message: string, operation: string, cause: unknown): RocError | undefined {
  if (lost === undefined && LOST.test(message) && OF_A_GPU.test(message)) {
    const reason = /^[^\n]*(?:error|assert)[^\n]*/im.exec(message)?.[0] ?? message;
    lost = { operation, reason: reason.replace(/^CUDA error: /i, "").trim() };
  }
  if (lost === undefined || !OF_A_GPU.test(message)) return undefined;
  const after = lost.operation === operation ? "" : ` before this call to ${operation}`;
  return new RocError(
    "DEVICE_LOST",
    `The GPU has failed (${lost.reason}), reported by ${lost.operation}${after}. Nothing more can be computed on it in this ` +
      "process: start the process anew. With CUDA_LAUNCH_BLOCKING=1 the operator that fails is the one that is named.",
    { cause },
  );
}

/** Converts an error of the addon to a RocError, made at the call site. */
export function torchError(error: unknown, operation: string, values: readonly unknown[] = []): RocError {
  if (error instanceof RocError) return error;
  const message = messageOf(error);
  const code = codeOf(error);
  // Only libtorch reports it; what is wrong with an argument may name a device as well.
  const ended = code === "TORCH" ? deviceLost(message, operation, error) : undefined;
  if (ended !== undefined) return ended;
  const where = values.length > 0 ? `${operation}(${values.map(describe).join(", ")})` : operation;
  return new RocError(code, `${where}: ${message}`, { cause: error });
}

/** The addon gives its errors codes of ours (native/errors.h). */
function codeOf(error: unknown): ErrorCode {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" && Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : "TORCH";
}

/** Runs `body`, with the addon's errors turned into ours. */
export function guarded<T>(operation: string, values: readonly unknown[], body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw torchError(error, operation, values);
  }
}

/** Gives results their class, by the types that the schema declares. */
function wrapResult(value: unknown, type: string): unknown {
  if (value === null || !type.startsWith("Tensor")) return value;
  return Array.isArray(value) ? value.map((element) => wrapResult(element, "Tensor")) : wrapHandle(value as Handle);
}

function resultWrapper(description: OperatorDescription): (value: unknown, values: readonly unknown[]) => unknown {
  const { returns, returnsSelf } = description;
  if (returnsSelf) return (_value, values) => values[0];
  if (returns.length === 0) return () => undefined;
  const only = returns[0] ?? "";
  if (returns.length === 1) return (value) => wrapResult(value, only);
  return (value) => (value as unknown[]).map((element, i) => wrapResult(element, returns[i] ?? ""));
}

/** Puts the keyword-only arguments of a last options object into their schema positions. */
function spreadKeywords(description: OperatorDescription, values: readonly unknown[]): unknown[] {
  const positional = description.arguments.filter((argument) => !argument.keywordOnly).length;
  if (values.length <= positional) return [...values];
  if (values.length > positional + 1) {
    throw new RocError("USAGE", `expected at most ${positional + 1} arguments, received ${values.length}`);
  }
  const given = values[positional];
  if (given === undefined) return values.slice(0, positional);
  const options = given as Record<string, unknown>;
  const keywords = description.arguments.slice(positional).map((argument) => argument.name);
  const unknown = Object.keys(options).find((key) => !keywords.includes(key));
  if (typeof given !== "object" || given instanceof TensorHandle || unknown !== undefined) {
    throw new RocError(
      "USAGE",
      `the last argument must be an object with keys of ${keywords.join(", ") || "(none)"}, received ${unknown ?? describe(given)}`,
    );
  }
  return [...values.slice(0, positional), ...keywords.map((key) => options[key])];
}

function resolve(name: string): UntypedOperator {
  const [base = name, overload = ""] = name.split(".", 2);
  const description = guarded(name, [], () => native.describeOperator(base, overload));
  const id = native.resolveOperator(base, overload);
  const positional = description.arguments.filter((argument) => !argument.keywordOnly).length;
  const parameters = description.arguments.map(({ name: argument, type }): Parameter => {
    return { name: argument, type, takesTensors: type.startsWith("Tensor") };
  });
  const [first, second, third] = parameters;
  const single = !description.returnsSelf && description.returns.length === 1 && description.returns[0] === "Tensor";
  const wrap = resultWrapper(description);

  const failure = (error: unknown, values: readonly unknown[]): RocError =>
    error instanceof RocError ? new RocError(error.code, `${name}: ${error.message}`) : torchError(error, name, values);
  const general = (values: readonly unknown[]): unknown => {
    try {
      const encoded = spreadKeywords(description, values).map((value, i) => encode(value, parameters[i]));
      return wrap(native.callOperator(id, ...encoded), values);
    } catch (error) {
      throw failure(error, values);
    }
  };
  if (!single) return (...values) => general(values);
  // The hot path, without a rest array: one tensor out, up to three positional arguments in.
  return function (a: unknown, b: unknown, c: unknown) {
    const count = arguments.length;
    // eslint-disable-next-line prefer-rest-params
    if (count > 3 || count > positional) return general(Array.from(arguments));
    try {
      let handle: unknown;
      if (count === 2) handle = native.callOperator(id, encode(a, first), encode(b, second));
      else if (count === 1) handle = native.callOperator(id, encode(a, first));
      else if (count === 3) handle = native.callOperator(id, encode(a, first), encode(b, second), encode(c, third));
      else return general([]);
      return handle === null ? null : wrapHandle(handle as Handle);
    } catch (error) {
      throw failure(error, [a, b, c].slice(0, count));
    }
  };
}

const resolved = new Map<string, UntypedOperator>();

/**
 * Any operator that libtorch knows, by its full name with namespace: `operator("aten::add.Tensor")`. {@link aten} has types.
 *
 * Positional arguments in schema order, keyword-only ones in a last options object. Numbers for `Scalar` arguments are
 * int64 where they have an integer's value, else double.
 *
 * @throws RocError TORCH where libtorch has no such operator
 * @category Operators
 */
export function operator(name: string): UntypedOperator {
  let found = resolved.get(name);
  if (found === undefined) {
    found = resolve(name);
    resolved.set(name, found);
  }
  return found;
}
