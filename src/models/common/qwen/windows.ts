/** Windows of patches (Qwen2.5-VL, arXiv 2502.13923, section 2.1.1), laid out so that those of one size are neighbours. */
import type { RowSpan } from "../../../nn/index.js";
import type { Grid } from "./positions.js";
import { joinSpans } from "./vision.js";

export interface WindowLayout {
  /** Of each place the block that comes there: blocks are sorted window by window. */
  readonly order: Int32Array;
  /** The windows as spans of patches. */
  readonly spans: readonly RowSpan[];
}

/**
 * The windows of each frame: squares of `side` blocks from the top left, cut off at the right and lower edge. Whole ones come
 * first, then those of each edge, then the corner: attention does not depend on the order, and so each frame has four spans at
 * most.
 *
 * @param merge patches a side of a block
 */
export function windowsOf(grids: readonly Grid[], merge: number, side: number): WindowLayout {
  const order: number[] = [];
  const spans: RowSpan[] = [];
  let start = 0;
  for (const [height, width] of grids.flatMap(([t, h, w]) => new Array<[number, number]>(t).fill([h, w]))) {
    const [rows, columns] = [height / merge, width / merge];
    for (const tall of bands(rows, side)) {
      for (const wide of bands(columns, side)) {
        spans.push({ rows: tall.size * wide.size * merge ** 2, count: tall.starts.length * wide.starts.length });
        for (const top of tall.starts) {
          for (const left of wide.starts) {
            for (let row = top; row < top + tall.size; row++) {
              for (let column = left; column < left + wide.size; column++) order.push(start + row * columns + column);
            }
          }
        }
      }
    }
    start += rows * columns;
  }
  return { order: Int32Array.from(order), spans: joinSpans(spans) };
}

/** Windows along one side that are equally long: whole ones, and what is left at the edge. */
function bands(length: number, side: number): { readonly size: number; readonly starts: readonly number[] }[] {
  const whole = Math.floor(length / side);
  const found = [
    { size: side, starts: Array.from({ length: whole }, (_, i) => i * side) },
    { size: length - whole * side, starts: [whole * side] },
  ];
  return found.filter(({ size, starts }) => size > 0 && starts.length > 0);
}

/** Where each block of the sorted ones was: the order that undoes `order`. */
export function undone(order: Int32Array): Int32Array {
  const places = new Int32Array(order.length);
  order.forEach((block, at) => {
    places[block] = at;
  });
  return places;
}
