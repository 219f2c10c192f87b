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
