/** Padding as layers that run along the tokens need it (delta-net.ts): there a mask of keys is not enough. */
import { fromTypedArray, tensor, type DType, type Tensor } from "../torch/index.js";

/** The padding of a forward that has some. */
export interface Padding {
  /** `[batch, T, 1]`: 0 at padding, else 1. */
  readonly real: Tensor;
  /** How each row's real tokens come first, where their state goes on behind them; undefined: the tokens are taken as they are. */
  readonly packed?: PackedRows;
}

/** Each row's real tokens, and behind them its padding. */
export interface PackedRows {
  /** `[batch, T, 1]`: {@link Padding.real} in that order. */
  readonly real: Tensor;
  /** `[batch * T]` int64: flat positions in that order, and the way back; undefined: it is theirs already. */
  readonly order?: { readonly there: Tensor; readonly back: Tensor } | undefined;
  /** `[batch]`: the real tokens of each row among the first `count`, which must be the forward's T where there is an order. */
  readonly before: (count: number) => readonly number[];
}

/** What {@link paddingOf} must know of a forward. */
export interface PaddingPlace {
  /** Its states are read or written by other forwards. */
  readonly cached: boolean;
  /** Tokens were seen before. */
  readonly continues: boolean;
  readonly dtype: DType;
  readonly device: string;
}

/**
 * The padding of a forward; undefined where there is none.
 *
 * Padding in front of everything leaves states at 0, and behind everything nothing is read from them, unless by a cache: tokens
 * are computed as transformers computes them then, padding included. Else padding would make states forget.
 *
 * @param mask `[batch, T]`, 0 = padding; read here
 */
export function paddingOf(mask: Tensor | undefined, place: PaddingPlace): Padding | undefined {
  if (!mask) return undefined;
  const { cached, continues, dtype, device } = place;
  const [batch = 0, T = 0] = mask.shape;
  const flat = mask.toNumbers();
  if (flat.every((one) => one !== 0)) return undefined;
  const rows = Array.from({ length: batch }, (_, b) => flat.slice(b * T, (b + 1) * T).map((one) => Number(one !== 0)));
  const matrix = (values: readonly number[][]): Tensor =>
    tensor(values, { dtype: "float32" }).to({ dtype, device }).unsqueeze(2);
  const real = matrix(rows);
  const gaps = rows.map((row) => ({ first: row.indexOf(1), last: row.lastIndexOf(1), row }));
  const isWhole = gaps.every(({ first, last, row }) => first < 0 || !row.slice(first, last).includes(0));
  const inFront = gaps.every(({ last }) => last < 0 || last === T - 1);
  if (isWhole && (cached ? inFront && !continues : true)) return { real };
  const orders = rows.map((row) => [...row.keys()].sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0) || a - b));
  const there = orders.flatMap((order, b) => order.map((t) => b * T + t));
  const before = (count: number): number[] => rows.map((row) => row.slice(0, count).reduce((sum, one) => sum + one, 0));
  if (there.every((from, to) => from === to)) return { real, packed: { real, before } };
  const back = new Array<number>(there.length).fill(0);
  there.forEach((from, to) => (back[from] = to));
  const index = (values: readonly number[]): Tensor =>
    fromTypedArray(BigInt64Array.from(values, BigInt), [values.length], { device });
  const packed = { real: matrix(rows.map((row) => row.toSorted((a, b) => b - a))), before };
  return { real, packed: { ...packed, order: { there: index(there), back: index(back) } } };
}
