/**
 * Tables of biases by distance for windows of another size: distances are spread in a geometric progression and read linearly, as
 * timm resizes them (`resize_rel_pos_bias_table`, after BEiT's).
 */
import { fromTypedArray, type Tensor } from "../../torch/index.js";

/** `[heads, rows, rows]` to `[heads, side, side]`; both sides are odd. */
export function resizeBiasTable(table: Tensor, side: number): Tensor {
  const rows = table.size(1);
  if (rows === side) return table;
  const weights = fromTypedArray(linearWeights(rows, side), [side, rows]);
  return weights.matmul(table.to("float32")).matmul(weights.t()).to(table.dtype);
}

/** Of each of `side` distances from -`side / 2`: the weights of the table's `rows`, `[side, rows]`. */
function linearWeights(rows: number, side: number): Float32Array {
  const places = progression(rows, side).map(Math.fround);
  const weights = new Float32Array(side * rows);
  for (let i = 0; i < side; i++) {
    const at = i - Math.floor(side / 2);
    const found = places.findIndex((place) => place >= at);
    const right = found < 0 ? rows - 1 : found;
    const left = Math.max(right - 1, 0);
    const [before, behind] = distances(at - (places[left] ?? 0), (places[right] ?? 0) - at);
    const add = (row: number, weight: number): void => {
      weights[i * rows + row] = (weights[i * rows + row] ?? 0) + weight;
    };
    add(left, behind / (before + behind));
    add(right, before / (before + behind));
  }
  return weights;
}

/** Beyond the ends the outermost row counts. */
function distances(before: number, behind: number): readonly [number, number] {
  const pair = [Math.max(before, 0), Math.max(behind, 0)] as const;
  return pair[0] === 0 && pair[1] === 0 ? [1, 1] : pair;
}

/** Where the table's rows lie among the distances of the other: 0, and on either side 1, 1 + q, 1 + q + q², ... */
function progression(rows: number, side: number): number[] {
  const [half, reach] = [Math.floor(rows / 2), Math.floor(side / 2)];
  const q = ratio(half, reach);
  const one: number[] = [];
  for (let i = 0, at = 1; i < half; i++, at += q ** i) one.push(at);
  return [...one.toReversed().map((place) => -place), 0, ...one];
}

/** By halving, as exactly as timm: of the progression of `terms` terms that reaches as far as `reach`. */
function ratio(terms: number, reach: number): number {
  let [left, right, q] = [1.01, 1.5, 1.01];
  while (right - left > 1e-6) {
    q = (left + right) / 2;
    if ((1 - q ** terms) / (1 - q) > reach) right = q;
    else left = q;
  }
  return q;
}
