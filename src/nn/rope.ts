/**
 * Rotary position embedding (RoFormer, arXiv 2104.09864) in the rotate-half form of LLaMA and Qwen2: element `j` is
 * paired with `j + headDim / 2`.
 */
import { aten, arange, cat, fromTypedArray, scope, type DType, type Tensor } from "../torch/index.js";

const roll = aten("roll");
const addcmul = aten("addcmul");

/** Factors per position and element, `[batch or 1, T, 1, headDim]`; the first half of `sin` is negated. */
export interface Rope {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** `theta^(-2j / headDim)` for `j < headDim / 2`, rounded as PyTorch's float32 arithmetic does. */
export function inverseFrequencies(headDim: number, theta: number): Float32Array {
  return scope(() => {
    const exponents = arange(0, headDim / 2, { dtype: "float32" })
      .mul(2)
      .div(headDim);
    return aten("pow.Scalar")(theta, exponents).pow(-1).toFloat32Array();
  });
}

/**
 * How frequencies change with the length of a sequence ("dynamic NTK scaling"): up to `positions` tokens not at all, then they
 * slow down so that the slowest turns as far in the whole sequence as it did in `positions` tokens.
 */
export interface DynamicRope {
  /** Above 1 or 1; 2 stretches as much as the sequence is longer. */
  readonly factor: number;
  /** Tokens that the model was trained on (`max_position_embeddings`). */
  readonly positions: number;
}

/** {@link inverseFrequencies} of a sequence of `length` tokens. */
export function dynamicFrequencies(
  headDim: number,
  theta: number,
  { factor, positions }: DynamicRope,
  length: number,
): Float32Array {
  const stretch = (factor * Math.max(length, positions)) / positions - (factor - 1);
  return inverseFrequencies(headDim, theta * stretch ** (headDim / (headDim - 2)));
}

/**
 * The table of a forward: angles in float32 whatever the model's dtype, cast at the end.
 *
 * @param positions `[batch or 1, T]` int64
 * @param frequencies of {@link inverseFrequencies}; several positions may each have their own, `[T, headDim / 2]`
 */
export function ropeTable(positions: Tensor, frequencies: Float32Array, dtype: DType, each = false): Rope {
  const T = each ? positions.size(1) : 1;
  const factors = fromTypedArray(frequencies, [T, frequencies.length / T], { device: positions.device });
  return cosSin(positions.to("float32").unsqueeze(-1).mul(factors), dtype);
}

/**
 * {@link ropeTable} for positions on several axes, each of which rotates some of the frequencies: Qwen2-VL's text (M-RoPE:
 * arXiv 2409.12191, section 2.1) and, with rows and columns, its patches.
 *
 * @param positions `[axes, batch or 1, T]` whole numbers
 * @param sections how many consecutive frequencies belong to the first axis, the second, ... (then the first again)
 */
export function sectionedRopeTable(
  positions: Tensor,
  frequencies: Float32Array,
  sections: readonly number[],
  dtype: DType,
): Rope {
  const axes = positions.size(0);
  const axisOf = sections.flatMap((size, section) => new Array<number>(size).fill(section % axes));
  return axesRopeTable(positions, frequencies, axisOf, dtype);
}

/**
 * {@link sectionedRopeTable} with the axes taking turns (Qwen3-VL: arXiv 2511.21631, interleaved M-RoPE): frequency `j` turns
 * with axis `j mod axes` where that axis has a frequency left, else with the first.
 *
 * @param sections how many frequencies belong to each axis
 */
export function interleavedRopeTable(
  positions: Tensor,
  frequencies: Float32Array,
  sections: readonly number[],
  dtype: DType,
): Rope {
  const axes = positions.size(0);
  const axisOf = Array.from(frequencies, (_, j) => (j < axes * (sections[j % axes] ?? 0) ? j % axes : 0));
  return axesRopeTable(positions, frequencies, axisOf, dtype);
}

/** @param axisOf of each frequency */
function axesRopeTable(positions: Tensor, frequencies: Float32Array, axisOf: readonly number[], dtype: DType): Rope {
  const { device } = positions;
  const index = fromTypedArray(BigInt64Array.from(axisOf, BigInt), [axisOf.length], { device });
  const factors = fromTypedArray(frequencies, [frequencies.length], { device });
  return cosSin(positions.to("float32").permute(1, 2, 0).indexSelect(-1, index).mul(factors), dtype);
}

/** @param flat angles `[batch or 1, T, headDim / 2]` */
function cosSin(flat: Tensor, dtype: DType): Rope {
  const angles = flat.unsqueeze(2);
  const [cos, sin] = [angles.cos().to(dtype), angles.sin().to(dtype)];
  return { cos: cat([cos, cos], -1), sin: cat([sin.neg(), sin], -1) };
}

/** The factors of `positions`, `[batch, 1]` int64, from a table of all positions from 0 on: `[batch, 1, 1, headDim]`. */
export function ropeAt({ cos, sin }: Rope, positions: Tensor): Rope {
  const pick = (table: Tensor): Tensor => table.indexSelect(1, positions.flatten()).transpose(0, 1);
  return { cos: pick(cos), sin: pick(sin) };
}

/**
 * Rotates queries or keys `[batch, T, heads, headDim]`, as projections give them: their memory is in order, and nothing is
 * copied. Swapping the halves is a roll; the sign is part of `sin`. In the wider dtype of both. Where the factors are fewer than
 * elements, only the first ones are rotated.
 */
export function applyRope(x: Tensor, { cos, sin }: Rope): Tensor {
  const [size, turned] = [x.size(-1), cos.size(-1)];
  if (turned < size) {
    return cat([applyRope(x.narrow(-1, 0, turned), { cos, sin }), x.narrow(-1, turned, size - turned)], -1);
  }
  return addcmul(x.mul(cos), roll(x, [turned / 2], [-1]), sin);
}
