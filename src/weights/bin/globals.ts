/**
 * The allow-list of Python names in a checkpoint, and what each becomes. No Python runs: a "call" builds plain data. Only
 * this file decides which names are allowed.
 */
import { DTYPES, type DType } from "../../torch/index.js";
import { Damage } from "./errors.js";
import { Dict, Global, kindOf, Opaque, StorageRef, TensorRef, Tuple, type Value } from "./values.js";

/** Element types of the storage classes. */
const STORAGES: ReadonlyMap<string, DType> = new Map([
  ["torch.DoubleStorage", "float64"],
  ["torch.FloatStorage", "float32"],
  ["torch.HalfStorage", "float16"],
  ["torch.BFloat16Storage", "bfloat16"],
  ["torch.LongStorage", "int64"],
  ["torch.IntStorage", "int32"],
  ["torch.ShortStorage", "int16"],
  ["torch.CharStorage", "int8"],
  ["torch.ByteStorage", "uint8"],
  ["torch.BoolStorage", "bool"],
  ["torch.storage.UntypedStorage", "uint8"],
]);

/** Builds the result of a call from its arguments; throws a Damage for invalid ones. */
type Call = (args: readonly Value[]) => Value;

const CALLS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ["collections.OrderedDict", orderedDict],
  ["torch._utils._rebuild_tensor_v2", rebuildTensor],
  ["torch._utils._rebuild_parameter", rebuildParameter],
  ["torch._utils._rebuild_parameter_with_state", rebuildParameter],
  ["torch.Size", () => new Opaque("torch.Size")],
  ["torch.device", () => new Opaque("torch.device")],
]);

/** Element types, which may occur in the settings beside the weights. */
const DTYPE_GLOBALS: ReadonlySet<string> = new Set(
  [...Object.keys(DTYPES), "half", "float", "double", "long", "int", "short"].map((name) => `torch.${name}`),
);

/** Whether a name is allowed in a checkpoint. */
export function isAllowed(name: string): boolean {
  return CALLS.has(name) || STORAGES.has(name) || DTYPE_GLOBALS.has(name) || name === "torch.storage.TypedStorage";
}

/** The result of calling an allowed name. @throws Damage where it is not callable or the arguments are invalid */
export function call(target: Value | undefined, args: readonly Value[]): Value {
  const make = target instanceof Global ? CALLS.get(target.name) : undefined;
  if (make === undefined) throw new Damage(`it calls ${kindOf(target)}, which is not a function`);
  return make(args);
}

/** The storage of a persistent id ("storage", class, key, device, elements[, view]). @throws Damage */
export function storageOf(id: Value | undefined): StorageRef {
  const [tag, type, key, , length, view = null] = id instanceof Tuple ? id.items : [];
  const dtype = type instanceof Global ? STORAGES.get(type.name) : undefined;
  if (tag !== "storage" || typeof key !== "string") throw new Damage("one of its persistent ids is not a storage");
  if (dtype === undefined) throw new Damage(`it has a storage of the type ${kindOf(type)}`);
  if (view !== null) throw new Damage("it has views of storages, as PyTorch before 0.4 wrote them");
  return new StorageRef(key, dtype, count(length, "length of a storage"));
}

function orderedDict(args: readonly Value[]): Value {
  const dict = new Dict();
  const [items = []] = args;
  // Python 2 passed the items as an argument.
  if (args.length > 1 || !Array.isArray(items)) throw new Damage("an OrderedDict in it is built in an unknown way");
  for (const item of items) {
    const [key, value, ...rest] = Array.isArray(item) ? item : item instanceof Tuple ? item.items : [];
    if (key === undefined || value === undefined || rest.length > 0) throw new Damage("an OrderedDict has no pairs");
    dict.entries.push([key, value]);
  }
  return dict;
}

/** (storage, offset, size, stride, requires_grad, hooks[, metadata]) */
function rebuildTensor(args: readonly Value[]): Value {
  const [storage, offset, size, stride] = args;
  if (args.length < 6 || args.length > 7 || !(storage instanceof StorageRef)) {
    throw new Damage("a tensor in it is built in an unknown way");
  }
  const [shape, strides] = [counts(size, "size"), counts(stride, "stride")];
  if (shape.length !== strides.length) throw new Damage("a tensor in it has different numbers of sizes and strides");
  return new TensorRef(storage, count(offset, "offset of a tensor"), shape, strides);
}

/** (tensor, requires_grad, hooks[, state]): the tensor. */
function rebuildParameter([tensor, ...rest]: readonly Value[]): Value {
  if (!(tensor instanceof TensorRef) || rest.length < 2) throw new Damage("a parameter in it holds no tensor");
  return tensor;
}

const MAX_DIMS = 64;

function counts(value: Value | undefined, what: string): number[] {
  if (!(value instanceof Tuple) || value.items.length > MAX_DIMS)
    throw new Damage(`the ${what} of a tensor is not a tuple`);
  return value.items.map((item) => count(item, `${what} of a tensor`));
}

function count(value: Value | undefined, what: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Damage(`the ${what} is ${typeof value === "bigint" ? "absurd" : String(kindOf(value))}, not a count`);
}
