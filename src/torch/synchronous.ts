/** Functions that must have ended when they return. */
import { RocError } from "../errors.js";

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/**
 * What a function has returned, which is to be no promise: what holds while it runs (a scope, a mode) would have ended
 * before its end.
 *
 * @param caller whose function it is, as "scope()"
 * @throws RocError USAGE for a promise
 */
export function ended<T>(caller: string, result: T): T {
  if (!isPromise(result)) return result;
  // No caller gets it, so no caller could catch its error.
  result.then(undefined, () => undefined);
  const message = `${caller} is synchronous: its function must not return a promise. Await outside of it.`;
  throw new RocError("USAGE", message);
}
