/**
 * The abstractor's fixed tables of places: sines and cosines (arXiv 1706.03762) in float32, step by step as NumPy
 * computes them for the reference.
 */

/**
 * One row a place: sines of `place * w_i`, then their cosines, with `w_i = 10000^(-i / (size / 2))`.
 *
 * @param size of a row; even
 * @returns `[places.length, size]`
 */
function rows(places: readonly number[], size: number): Float32Array {
  const half = size / 2;
  const frequencies = Float32Array.from({ length: half }, (_, i) => 1 / Math.fround(10000 ** Math.fround(i / half)));
  const table = new Float32Array(places.length * size);
  places.forEach((place, row) => {
    frequencies.forEach((frequency, i) => {
      const angle = Math.fround(place * frequency);
      table[row * size + i] = Math.sin(angle);
      table[row * size + half + i] = Math.cos(angle);
    });
  });
  return table;
}

/** Places of the queries, `[queries, size]`. */
export function queryPositions(queries: number, size: number): Float32Array {
  return rows(
    Array.from({ length: queries }, (_, i) => i),
    size,
  );
}

/**
 * Places of the vision tower's rows, `[1 + grid², size]`: zeros for the class token, then the patches row by row, the
 * first half of each saying the column and the second the row.
 */
export function patchPositions(grid: number, size: number): Float32Array {
  const half = size / 2;
  const sides = rows(
    Array.from({ length: grid }, (_, i) => i),
    half,
  );
  const side = (place: number): Float32Array => sides.subarray(place * half, (place + 1) * half);
  const table = new Float32Array((1 + grid * grid) * size);
  for (let row = 0; row < grid; row++) {
    for (let column = 0; column < grid; column++) {
      const start = (1 + row * grid + column) * size;
      table.set(side(column), start);
      table.set(side(row), start + half);
    }
  }
  return table;
}
