/** ATen's operators with the types of their schemas. */
import { operator } from "./call.js";
import type { AtenOperators } from "./generated/aten.js";

export type { AtenOperators };

/**
 * An ATen operator by name and overload, typed from its schema: `aten("add.Tensor")(a, b, { alpha: 2 })`.
 *
 * Resolved at the first use and remembered; hold the result in a constant where it is called often.
 */
export function aten<Name extends keyof AtenOperators>(name: Name): AtenOperators[Name] {
  return operator(`aten::${name}`) as AtenOperators[Name];
}

/** As {@link aten}, but resolved at the first call, so that a module can name its operators before anything runs. */
export function lazyAten<Name extends keyof AtenOperators>(name: Name): AtenOperators[Name] {
  let found: ((...values: unknown[]) => unknown) | undefined;
  const call = (...values: unknown[]): unknown => (found ??= operator(`aten::${name}`))(...values);
  return call as AtenOperators[Name];
}
