/** The named tensors of the object that was passed to torch.save. */
import { invalid, quoted } from "./errors.js";
import { Dict, kindOf, TensorRef, type Value } from "./values.js";

export interface StateDict {
  readonly tensors: ReadonlyMap<string, TensorRef>;
  /** Entries that are not tensors, described. */
  readonly ignored: readonly string[];
}

/** Keys under which trainers save a model's tensors: Lightning's and many more, pyiqa's (BasicSR's), timm's and DAT's. */
const NESTED = ["state_dict", "params_ema", "params", "model_state_dict", "model"];

/**
 * The tensors of a dict, or where it has no tensor itself, of the dict under the first of the keys {@link NESTED} that it has.
 *
 * @throws RocError CHECKPOINT_INVALID where there is none, or one exceeds its storage
 */
export function readStateDict(value: Value, file: string): StateDict {
  if (!(value instanceof Dict)) {
    throw invalid(file, `it holds ${kindOf(value)} where a dict of tensors must be`);
  }
  const outer = sorted(value);
  const key = NESTED.find((name) => value.get(name) instanceof Dict);
  const inner = key === undefined ? undefined : value.get(key);
  const nested = outer.tensors.size === 0 && inner instanceof Dict ? sorted(inner) : undefined;
  const { tensors, ignored } = nested ?? outer;
  if (tensors.size === 0) throw invalid(file, "it holds no tensors");
  for (const [name, tensor] of tensors) checkBounds(file, name, tensor);
  const beside = nested ? outer.ignored.filter((name) => !name.startsWith(quoted(key ?? ""))) : [];
  const all = ignored.concat(beside);
  const more = all.length > LISTED ? [`and ${all.length - LISTED} more`] : [];
  return { tensors, ignored: [...all.slice(0, LISTED), ...more] };
}

/** Number of entries that are named; the rest is counted. */
const LISTED = 100;

function sorted(dict: Dict): StateDict {
  const tensors = new Map<string, TensorRef>();
  const ignored: string[] = [];
  for (const [key, value] of dict.entries) {
    if (typeof key === "string" && value instanceof TensorRef) tensors.set(key, value);
    else ignored.push(`${typeof key === "string" ? quoted(key) : kindOf(key)} (${kindOf(value)})`);
  }
  return { tensors, ignored };
}

/** Maximum elements of a tensor with overlapping elements (stride 0), which may be larger than its storage. */
const MAX_REPEATED = 2 ** 24;

/** Elements of the storage from a tensor's first to its last; 0 where it has none. */
export function spanOf({ shape, strides }: TensorRef): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((last, size, dim) => last + (size - 1) * (strides[dim] ?? 0), 1);
}

function elementsOf({ shape }: TensorRef): number {
  return shape.reduce((product, size) => product * size, 1);
}

function checkBounds(file: string, name: string, tensor: TensorRef): void {
  const { storage, offset, shape, strides } = tensor;
  const [elements, span] = [elementsOf(tensor), spanOf(tensor)];
  const what = `its tensor ${quoted(name)} of the size [${shape.join(", ")}]`;
  const layout = `from element ${offset} with the strides [${strides.join(", ")}]`;
  if (span > 0 && offset + span > storage.length) {
    throw invalid(file, `${what} ${layout} does not fit into its storage of ${storage.length} elements`);
  }
  if (elements > Math.max(storage.length, MAX_REPEATED)) {
    throw invalid(file, `${what} repeats the ${storage.length} elements of its storage absurdly often`);
  }
}
