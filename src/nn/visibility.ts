/** Which keys queries see. */
import type { Tensor } from "../torch/index.js";

/** Which keys the queries of an attention see. */
export interface Visibility {
  /** Added to the scores, `[batch, 1, T, keys]` of 0 and -Infinity; null: see `causal`. */
  readonly mask: Tensor | null;
  /** Query t sees keys 0..t; false without a mask: every key. */
  readonly causal: boolean;
}
