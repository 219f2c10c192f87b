/**
 * When tensors are freed: scopes, and the garbage collector as a backstop for those outside of any scope.
 *
 * Scopes are synchronous, so the one stack of open scopes in this thread is never seen by two tasks at a time.
 */
import { TensorHandle, guarded } from "./call.js";
import { native, type Handle } from "./native.js";
import { ended } from "./synchronous.js";

let openScopes = 0;

/** Whether no scope is open, so that a new tensor would live until it is disposed. */
export function isUnscoped(): boolean {
  return openScopes === 0;
}

const backstop = new FinalizationRegistry<{ handle: Handle; bytes: number }>(({ handle, bytes }) => {
  native.freeTensor(handle);
  native.adjustMemory(-bytes);
});
const watched = new WeakMap<TensorHandle, number>();

/** Frees a tensor that no scope owns when its object is collected, and reports its bytes to the collector. */
export function watch(tensor: TensorHandle, handle: Handle): void {
  if (watched.has(tensor)) return;
  const bytes = native.heldBytes(handle);
  native.adjustMemory(bytes);
  watched.set(tensor, bytes);
  backstop.register(tensor, { handle, bytes }, tensor);
}

/** Ends {@link watch}, because the tensor is freed. */
export function forget(tensor: TensorHandle): void {
  const bytes = watched.get(tensor);
  if (bytes === undefined) return;
  watched.delete(tensor);
  backstop.unregister(tensor);
  native.adjustMemory(-bytes);
}

/** The tensors in a returned value: itself, or in arrays, Maps, Sets and plain objects of any depth. */
function collect(value: unknown, found: TensorHandle[], seen: Set<object>): void {
  if (value instanceof TensorHandle) {
    found.push(value);
    return;
  }
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || seen.has(value)) return;
  seen.add(value);
  if (Array.isArray(value) || value instanceof Set) for (const element of value) collect(element, found, seen);
  else if (value instanceof Map) for (const element of value.values()) collect(element, found, seen);
  else if (isPlain(value)) for (const element of Object.values(value)) collect(element, found, seen);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function close(depth: number, survivors: readonly TensorHandle[]): void {
  native.endScope(
    depth,
    survivors.map((tensor) => tensor.handle),
  );
  openScopes = depth - 1;
  if (openScopes > 0) return;
  for (const tensor of survivors) if (native.isLive(tensor.handle)) watch(tensor, tensor.handle);
}

/**
 * Runs `body` and frees every tensor made inside it, except those in what it returns (a tensor, or arrays, Maps, Sets and
 * plain objects of tensors), which belong to the scope around it or, outside of any, to the caller.
 *
 * @throws RocError USAGE where `body` returns a promise: a scope is synchronous, because the tensors of two tasks
 *   that take turns could not be told apart
 *
 * @example
 * ```ts
 * import { torch } from "roc4mllm";
 *
 * using norm = torch.scope(() => {
 *   const x = torch.tensor([3, 4]);
 *   return x.mul(x).sum().sqrt(); // lives on; all others are freed
 * });
 * console.log(norm.item()); // 5
 * ```
 *
 * @category Memory
 */
export function scope<T>(body: () => T): T {
  const depth = native.beginScope();
  openScopes = depth;
  let result: T;
  try {
    result = ended("scope()", body());
  } catch (error) {
    close(depth, []);
    throw error;
  }
  const survivors: TensorHandle[] = [];
  collect(result, survivors, new Set());
  close(depth, survivors);
  return result;
}

/**
 * Takes a tensor out of its scope: it lives until `dispose()`.
 *
 * @returns the same tensor
 *
 * @category Memory
 */
export function keep<T extends TensorHandle>(tensor: T): T {
  guarded("keep", [tensor], () => {
    native.keepTensor(tensor.handle);
  });
  watch(tensor, tensor.handle);
  return tensor;
}

/**
 * Number of tensors that are alive in this thread.
 *
 * @category Memory
 */
export function liveTensors(): number {
  return native.liveTensors();
}
