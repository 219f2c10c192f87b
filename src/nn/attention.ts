/** Attention and its masks. */
import { RocError } from "../errors.js";
import { aten, arange, cat, full, ones, uploaded, zeros, type DType, type Tensor } from "../torch/index.js";
import { blockAttention } from "./attention-blocks.js";
import type { Visibility } from "./visibility.js";

export type { Visibility };

const sdpa = aten("scaled_dot_product_attention");
const softmax = aten("softmax.int");
const triu = aten("triu");

/**
 * On a CPU in bfloat16, libtorch's fused kernel uses blocks so small that the set-up of a product costs more than the
 * product, above all in the backward pass: up to this many keys, whole matrices are 2 to 6 times as fast and still small.
 * Where nothing is differentiated, larger blocks are (attention-blocks.ts), for as many queries as make one worth its calls.
 */
const MOST_KEYS_UNFUSED = 512;
const LEAST_QUERIES_IN_BLOCKS = 32;

/** Every query sees every key. */
export const SEES_ALL: Visibility = { mask: null, causal: false };

/**
 * Scaled dot-product attention, scale `headDim^-0.5`.
 *
 * On a GPU, libtorch takes its flash kernel in 16 bits without a mask and its memory-efficient one otherwise, which both take
 * any length as it comes (cuDNN's, which plans for every length, is off: `setFlag`). With a mask the latter knows no groups in
 * all versions, and what is left then computes whole matrices in float32; so there keys and values are repeated for it.
 *
 * @param q `[batch, heads, T, headDim]`
 * @param k `[batch, kvHeads, keys, headDim]`, as `v`; each is shared by `heads / kvHeads` consecutive query heads
 * @returns `[batch, T, heads * headDim]`
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, sees: Visibility, grouped: boolean): Tensor {
  if (grouped && q.size(2) === 1 && !sees.causal) return groupedStep(q, k, v, sees);
  if (v.dtype === "bfloat16" && v.device === "cpu") {
    const differentiated = q.requiresGrad || k.requiresGrad || v.requiresGrad;
    if (!differentiated && q.size(2) >= LEAST_QUERIES_IN_BLOCKS)
      return blockAttention(q.to(v.dtype), k.to(v.dtype), v, sees);
    if (v.size(2) <= MOST_KEYS_UNFUSED) return unfused(q.to(v.dtype), k.to(v.dtype), v, sees);
  }
  const repeats = grouped && sees.mask !== null && v.device !== "cpu";
  const [keys, values] = repeats ? [k, v].map((x) => forEveryHead(x, q.size(1))) : [k, v];
  return sdpa(q, keys as Tensor, values as Tensor, sees.mask, 0, sees.causal, { enable_gqa: grouped && !repeats })
    .transpose(1, 2)
    .flatten(2, 3);
}

/** `[batch, kvHeads, keys, headDim]` to `[batch, heads, keys, headDim]`: each for as many consecutive heads as share it. */
export function forEveryHead(x: Tensor, heads: number): Tensor {
  const [batch = 0, groups = 0, keys = 0, size = 0] = x.shape;
  return x
    .unsqueeze(2)
    .expand(batch, groups, heads / groups, keys, size)
    .flatten(1, 2);
}

/** The same as two matrix products and a softmax; the queries of a group's heads are concatenated along T. */
function unfused(q: Tensor, k: Tensor, v: Tensor, { mask, causal }: Visibility): Tensor {
  const [batch = 0, heads = 0, T = 0, size = 0] = q.shape;
  const [groups, keys] = [k.size(1), k.size(2)];
  const queries = q.reshape(batch, groups, (heads / groups) * T, size);
  const products = queries
    .matmul(k.transpose(-1, -2))
    .mul(size ** -0.5)
    .view(batch, heads, T, keys);
  const hidden = causal ? causalMask(T, products) : mask?.to(products.dtype);
  const weights = softmax(hidden ? products.add(hidden) : products, -1);
  return weights
    .view(batch, groups, (heads / groups) * T, keys)
    .matmul(v)
    .view(batch, heads, T, size)
    .transpose(1, 2)
    .flatten(2, 3);
}

function causalMask(T: number, { dtype, device }: Tensor): Tensor {
  return triu(full([T, T], -Infinity, { dtype, device }), 1);
}

/** `count` consecutive blocks of `rows` rows each; a row sees those of its own block. */
export interface RowSpan {
  readonly rows: number;
  readonly count: number;
}

/**
 * {@link attention} within blocks: no mask is built, and blocks of equal size are batched.
 *
 * @param q `[batch, heads, T, headDim]`, as `k` and `v`; T is the sum of the spans' rows, which are those of every image
 * @returns `[batch, T, heads * headDim]`
 */
export function spanAttention(q: Tensor, k: Tensor, v: Tensor, spans: readonly RowSpan[]): Tensor {
  const [batch = 0, heads = 0, , headDim = 0] = q.shape;
  let start = 0;
  const parts = spans.map(({ rows, count }) => {
    const blocks = (x: Tensor): Tensor =>
      x
        .narrow(2, start, rows * count)
        .reshape(batch, heads, count, rows, headDim)
        .transpose(1, 2)
        .flatten(0, 1);
    const attended = attention(blocks(q), blocks(k), blocks(v), SEES_ALL, false);
    start += rows * count;
    return attended.reshape(batch, rows * count, heads * headDim);
  });
  return parts.length === 1 && parts[0] ? parts[0] : cat(parts, 1);
}

/** One query: the heads of a group become the query dimension, so that no key is repeated for them. */
function groupedStep(q: Tensor, k: Tensor, v: Tensor, { mask }: Visibility): Tensor {
  const [batch = 0, heads = 0, , size = 0] = q.shape;
  const groups = k.size(1);
  const grouped = q.reshape(batch, groups, heads / groups, size);
  return sdpa(grouped, k, v, mask).reshape(batch, 1, heads * size);
}

/** Position ids of the new tokens of a forward, and their attention mask. */
export interface Placement extends Visibility {
  /** `[batch or 1, T]` int64 */
  readonly positions: Tensor;
  /** `[batch, past + T]` bool, or null where no token is padding; stored in the cache. */
  readonly real: Tensor | null;
}

/** The part of a key-value cache that {@link placeTokens} uses. */
export interface Past {
  readonly length: number;
  /** `[batch, length]` bool, or null where no cached token is padding. */
  readonly real: Tensor | null;
}

/**
 * Position ids and mask of `T` new tokens after `past`.
 *
 * The position of a token is the number of real tokens before it, as in transformers' `generate`: it does not depend on
 * the side or amount of padding. Right padding continues the count and sees the real tokens, as in transformers. Left
 * padding sees itself, so that no row of the mask is empty (a softmax over no key is NaN).
 *
 * @param attentionMask `[batch, T]`, 1 = real token, of the new tokens only; undefined: all are real. Read here: on the CPU,
 *   nothing waits for a GPU
 * @throws RocError USAGE for a wrong shape
 */
export function placeTokens(
  [batch, T]: readonly [number, number],
  attentionMask: Tensor | undefined,
  past: Past,
  { dtype, device }: { dtype: DType; device: string },
): Placement {
  if (attentionMask && attentionMask.shape.join() !== `${batch},${T}`) {
    const shapes = `[${attentionMask.shape.join(", ")}], the token ids [${batch}, ${T}]`;
    throw new RocError("USAGE", `The attention mask has the shape ${shapes}; it must be that of the token ids.`);
  }
  const keys = past.length + T;
  const real = realKeys([batch, T], attentionMask, past, device);
  const order = arange(past.length, keys, { device });
  // PyTorch's causal mode aligns query 0 with key 0, so it is correct for an empty cache only.
  if (real === null && (T === 1 || past.length === 0)) {
    return { positions: order.unsqueeze(0), real, mask: null, causal: T > 1 };
  }
  const [query, key] = [order.unsqueeze(1), arange(0, keys, { device })];
  const before = key.le(query);
  const visible = real === null ? before : seen(before.logicalAnd(real.unsqueeze(1)), key.eq(query));
  const mask = zeros(visible.shape, { dtype, device }).maskedFill(visible.logicalNot(), -Infinity);
  const positions = real === null ? order.unsqueeze(0) : count(real, key).narrow(1, past.length, T);
  return { positions, real, mask: mask.unsqueeze(-3), causal: false };
}

/** Rows in which no key is visible see `own`. */
function seen(visible: Tensor, own: Tensor): Tensor {
  const blind = aten("any.dim")(visible, -1, true).logicalNot();
  return aten("logical_or")(visible, own.logicalAnd(blind));
}

/** Positions `[batch, keys]` of all tokens. @param order of the keys, 0, 1, 2, ... */
function count(real: Tensor, order: Tensor): Tensor {
  const before = real.cumsum(1).sub(1);
  const inFront = before.lt(0).sum(1, true);
  return before.where(real, order.sub(inFront)).clamp(0, null);
}

function realKeys(
  [batch, T]: readonly [number, number],
  attentionMask: Tensor | undefined,
  past: Past,
  device: string,
): Tensor | null {
  const given = attentionMask?.ne(0);
  // One check here, for a mask that hides nothing, avoids the masked kernel in every layer.
  if (past.real === null && (!given || aten("all")(given).item() !== 0)) return null;
  const fresh = given && uploaded(given, { device });
  const before = past.real ?? ones([batch, past.length], { dtype: "bool", device });
  return cat([before, fresh ?? ones([batch, T], { dtype: "bool", device })], 1);
}
