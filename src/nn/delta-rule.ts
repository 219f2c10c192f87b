/**
 * The gated delta rule (Gated DeltaNet, arXiv 2412.06464, equation 10): a matrix a head that forgets by `exp(g)` and is corrected
 * by what each token's key should give. In float32, or in float64 where the tokens are.
 *
 * Chunks of 64 tokens are solved at once (its equations 8 and 9): within a chunk the corrections `V` obey `(I + A) V = R`, with
 * `A` strictly lower triangular. Unlike transformers, which computes the parts of all chunks first, a chunk is finished before the
 * next one begins: what it computes stays in a core's cache, and one solve is enough, as `R` has what the memory gives already.
 */
import { aten, full, type Tensor } from "../torch/index.js";

const bmm = aten("bmm");
const baddbmm = aten("baddbmm");
const addcmul = aten("addcmul");
const addcmulInPlace = aten("addcmul_");
const triu = aten("triu");
const solveTriangular = aten("linalg_solve_triangular");

/** Tokens that are solved at once, as in transformers. */
export const CHUNK = 64;

/** Of the squared length that keys and queries are divided by. */
const EPS = 1e-6;

/** Heads and their sizes. */
export interface DeltaHeads {
  /** Heads of queries and keys; each serves `valueHeads / keyHeads` consecutive heads of values. */
  readonly keyHeads: number;
  readonly valueHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
}

/** Tokens as the rule takes them; `n` of them. */
export interface DeltaTokens {
  /** `[batch, n, 2 * keyHeads * keyDim + valueHeads * valueDim]`: queries, keys and values. */
  readonly qkv: Tensor;
  /** `[batch, n, valueHeads]`: logarithms of what is kept of the memory, 0 or less. */
  readonly g: Tensor;
  /** `[batch, n, valueHeads]`: how much of each correction is written, 0 to 1. */
  readonly beta: Tensor;
}

/** The tokens of a call in the layout of the rule: heads in front. */
interface Parts {
  /** `[batch * keyHeads, 2n, keyDim]`, of length 1: queries, over the root of keyDim, then keys. */
  readonly queriesKeys: Tensor;
  /** `[batch * keyHeads, shared, n, valueDim]` */
  readonly values: Tensor;
  /** `[batch * keyHeads, shared, n, 1]`, as `beta`. */
  readonly kept: Tensor;
  readonly beta: Tensor;
}

function partsOf({ qkv, g, beta }: DeltaTokens, heads: DeltaHeads): Parts {
  const { keyHeads, valueHeads, keyDim, valueDim } = heads;
  const [batch = 0, n = 0] = qkv.shape;
  const [groups, shared, width] = [batch * keyHeads, valueHeads / keyHeads, 2 * keyHeads * keyDim];
  const pairs = qkv.narrow(2, 0, width).view(batch, n, 2, keyHeads, keyDim);
  const inverse = pairs.mul(pairs).sum(-1, true).add(EPS).rsqrt();
  const unit = pairs.mul(inverse).permute(0, 3, 2, 1, 4);
  const perHead = (x: Tensor): Tensor => x.transpose(1, 2).reshape(groups, shared, n, 1);
  return {
    queriesKeys: unit.reshape(groups, 2 * n, keyDim),
    values: qkv
      .narrow(2, width, valueHeads * valueDim)
      .reshape(batch, n, valueHeads, valueDim)
      .transpose(1, 2)
      .reshape(groups, shared, n, valueDim),
    kept: perHead(g),
    beta: perHead(beta),
  };
}

/** What the rule gives: the tokens' outputs `[batch, n, valueHeads, valueDim]`, and the memory behind them. */
export interface DeltaResult {
  readonly output: Tensor;
  /** `[batch * keyHeads, keyDim, shared * valueDim]`: the heads that share a key are side by side. */
  readonly memory: Tensor;
}

/**
 * A chunk of up to {@link CHUNK} tokens.
 *
 * @param memory before them; undefined: nothing was seen
 * @param later `[n, n]`: -Infinity above the diagonal, else 0; see {@link laterTokens}
 */
export function deltaChunk(
  tokens: DeltaTokens,
  memory: Tensor | undefined,
  heads: DeltaHeads,
  later: Tensor,
): DeltaResult {
  const { valueHeads, keyDim, valueDim } = heads;
  const { queriesKeys, values, kept, beta } = partsOf(tokens, heads);
  const [groups = 0, shared = 0, n = 0] = values.shape;
  const [batch, scale] = [tokens.qkv.size(0), keyDim ** -0.5];
  const keys = queriesKeys.narrow(1, n, n);
  const decay = kept.cumsum(2);
  const last = decay.narrow(2, n - 1, 1);
  // Of token j, as much is left at token i. Masked before the exponential, which would overflow.
  const between = decay.add(later).sub(decay.transpose(2, 3)).exp();
  const products = bmm(queriesKeys, keys.transpose(1, 2)).unsqueeze(1);
  const system = products.narrow(2, n, n).mul(between).mul(beta);
  const weights = products.narrow(2, 0, n).mul(between.mul(scale));
  const held =
    memory &&
    bmm(queriesKeys, memory)
      .view(groups, 2 * n, shared, valueDim)
      .transpose(1, 2);
  const start = held && decay.exp();
  const wanted = held && start ? values.sub(held.narrow(2, n, n).mul(start)) : values;
  const corrections = solveTriangular(system, wanted.mul(beta), { upper: false, unitriangular: true });
  const flat = (x: Tensor): Tensor => x.reshape(groups * shared, n, x.size(3));
  const fromMemory = held && start && flat(held.narrow(2, 0, n).mul(start.mul(scale)));
  const output = fromMemory
    ? baddbmm(fromMemory, flat(weights), flat(corrections))
    : bmm(flat(weights), flat(corrections));
  const written = corrections
    .mul(last.sub(decay).exp())
    .transpose(1, 2)
    .reshape(groups, n, shared * valueDim);
  const left = memory
    ?.view(groups, keyDim, shared, valueDim)
    .mul(last.exp().transpose(1, 2))
    .view(...memory.shape);
  const across = keys.transpose(1, 2);
  return {
    output: output.view(batch, valueHeads, n, valueDim).transpose(1, 2),
    memory: left ? baddbmm(left, across, written) : bmm(across, written),
  };
}

/** What {@link deltaChunk} hides of `n` tokens. @param like a tensor of the dtype and device */
export function laterTokens(n: number, { dtype, device }: Tensor): Tensor {
  return triu(full([n, n], -Infinity, { dtype, device }), 1);
}

/**
 * One token: the memory is read once for query and key, and written once.
 *
 * @param inPlace the memory itself becomes the next one
 */
export function deltaStep(tokens: DeltaTokens, memory: Tensor, heads: DeltaHeads, inPlace: boolean): DeltaResult {
  const { valueHeads, keyDim, valueDim } = heads;
  const { queriesKeys, values, kept, beta } = partsOf(tokens, heads);
  const [groups = 0, shared = 0] = values.shape;
  const decay = kept.exp().squeeze(3);
  const held = bmm(queriesKeys, memory).view(groups, 2, shared, valueDim);
  const [query, key] = [queriesKeys.narrow(1, 0, 1), queriesKeys.narrow(1, 1, 1)];
  const correction = values.squeeze(2).sub(held.select(1, 1).mul(decay)).mul(beta.squeeze(3));
  // The query reads what is left of the memory, and what is written now.
  const output = addcmul(held.select(1, 0).mul(decay), query.mul(key).sum(2, true), correction).mul(keyDim ** -0.5);
  const column = key.transpose(1, 2).unsqueeze(3);
  const row = correction.unsqueeze(1);
  const split = memory.view(groups, keyDim, shared, valueDim);
  const factor = decay.unsqueeze(1);
  const next = inPlace ? addcmulInPlace(split.mul_(factor), column, row) : addcmul(split.mul(factor), column, row);
  return {
    output: output.view(tokens.qkv.size(0), 1, valueHeads, valueDim),
    memory: inPlace ? memory : next.view(...memory.shape),
  };
}
