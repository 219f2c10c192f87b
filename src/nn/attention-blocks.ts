/**
 * Attention in bfloat16 on a CPU, in blocks of queries and heads whose matrix of scores stays in a core's cache: a block's two
 * products are single calls to the matrix instructions, and of a causal mask only the keys up to the block's end are computed.
 */
import { aten, empty, full, getNumThreads, scope, type Tensor } from "../torch/index.js";
import type { Visibility } from "./visibility.js";

const bmm = aten("bmm");
const baddbmm = aten("baddbmm");
const softmax = aten("softmax.int");
const triu = aten("triu");

/** Queries of a block. Measured from 64 to 1024 for 600 to 2048 keys; two as many or few take a tenth more. */
const BLOCK_ROWS = 160;

/** Query heads of a block per thread: with {@link BLOCK_ROWS} and 600 keys, 1.5 MB of scores. */
const BLOCK_HEADS = 8;

/**
 * For inference: nothing of it can be differentiated.
 *
 * @param q `[batch, heads, T, headDim]`
 * @param k `[batch, kvHeads, keys, headDim]`, as `v`
 * @returns `[batch, T, heads * headDim]`
 */
export function blockAttention(q: Tensor, k: Tensor, v: Tensor, { mask, causal }: Visibility): Tensor {
  const [batch = 0, heads = 0, T = 0, size = 0] = q.shape;
  const [groups, keys] = [k.size(1), k.size(2)];
  const shared = heads / groups;
  const together = Math.max(1, Math.floor((BLOCK_HEADS * getNumThreads()) / shared));
  const { dtype, device } = v;
  const out = empty([batch, T, groups, shared, size], { dtype, device });
  const hidden = mask?.to(dtype).view(-1, T, keys);
  for (let start = 0; start < T; start += BLOCK_ROWS) {
    const rows = Math.min(BLOCK_ROWS, T - start);
    const seen = causal ? start + rows : keys;
    scope(() => {
      const later = causal ? triu(full([1, rows, seen], -Infinity, { dtype, device }), 1 + start) : undefined;
      for (let b = 0; b < batch; b++) {
        const added = later ?? hidden?.narrow(0, hidden.size(0) === 1 ? 0 : b, 1).narrow(1, start, rows);
        for (let first = 0; first < groups; first += together) {
          const count = Math.min(together, groups - first);
          const part = (x: Tensor, most: number): Tensor => x.select(0, b).narrow(0, first, count).narrow(1, 0, most);
          const queries = q.select(0, b).narrow(0, first * shared, count * shared).narrow(1, start, rows); // prettier-ignore
          const flat = queries.reshape(count, shared * rows, size);
          const scores = product(flat, part(k, seen), added, shared);
          const attended = bmm(softmax(scores, -1), part(v, seen));
          out
            .select(0, b)
            .narrow(0, start, rows)
            .narrow(1, first, count)
            .copy_(attended.view(count, shared, rows, size).permute(2, 0, 1, 3));
        }
      }
    });
  }
  return out.flatten(2, 4);
}

/** Scores `[groups, shared * rows, keys]`, with what hides keys `[1, rows, keys]` added for each of the shared heads. */
function product(queries: Tensor, k: Tensor, hidden: Tensor | undefined, shared: number): Tensor {
  const [transposed, alpha] = [k.transpose(1, 2), queries.size(2) ** -0.5];
  if (!hidden) return baddbmm(k.narrow(2, 0, 1).transpose(1, 2), queries, transposed, { beta: 0, alpha });
  const [, rows = 0, keys = 0] = hidden.shape;
  const added = shared === 1 ? hidden : hidden.expand(shared, rows, keys).reshape(1, shared * rows, keys);
  return baddbmm(added, queries, transposed, { alpha });
}
