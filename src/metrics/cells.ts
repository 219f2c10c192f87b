/** Values of the cells of a picture. */

/** Cells of a picture, row by row; NaN where there is none. */
export interface Cells {
  readonly values: ArrayLike<number>;
  readonly columns: number;
  readonly rows: number;
}

/**
 * Each cell's mean with those around it that there are: what is near is likely of one thing, and a map that is drawn so was truer
 * (docs/explain.md).
 */
export function smoothed({ values, columns, rows }: Cells): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: columns * rows }, (_, cell) => {
    if (Number.isNaN(values[cell])) return NaN;
    const [column, row] = [cell % columns, Math.floor(cell / columns)];
    let [sum, count] = [0, 0];
    for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++)
      for (let x = Math.max(0, column - 1); x <= Math.min(columns - 1, column + 1); x++) {
        const value = values[y * columns + x] as number;
        if (!Number.isNaN(value)) [sum, count] = [sum + value, count + 1];
      }
    return sum / count;
  });
}
