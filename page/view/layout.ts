/** Rows of photos in their own proportions, as wide as the page. */

export interface Row {
  /** Index of the first photo. */
  readonly start: number;
  readonly end: number;
  /** Of the photos, in pixels. */
  readonly height: number;
  /** Of all of them with the gaps; undefined: the last row ends where it ends. */
  readonly width: number | undefined;
}

export const GAP = 4;
/** Very long or tall ones are cut a little, so that no row is a strip. */
const [NARROWEST, WIDEST] = [0.6, 2.4];
/** Of a photo whose size is not known yet. */
const USUAL = 1.5;

/** Width by height, as it is laid out. */
export function aspectOf({ width, height }: { width: number | undefined; height: number | undefined }): number {
  return width && height ? Math.min(WIDEST, Math.max(NARROWEST, width / height)) : USUAL;
}

/**
 * Fills rows of about one height. The last row keeps the height.
 *
 * @param width of the page, in pixels
 * @param target height of a row, in pixels
 */
export function rowsOf(aspects: readonly number[], width: number, target: number): Row[] {
  const rows: Row[] = [];
  let [start, sum] = [0, 0];
  aspects.forEach((aspect, i) => {
    sum += aspect;
    const height = (width - GAP * (i - start)) / sum;
    if (height > target) return;
    rows.push({ start, end: i + 1, height: Math.floor(height), width });
    [start, sum] = [i + 1, 0];
  });
  if (start < aspects.length) rows.push({ start, end: aspects.length, height: target, width: undefined });
  return rows;
}

/** The row that holds a photo, by halving. */
export function rowAt(rows: readonly Row[], index: number): number {
  let [low, high] = [0, rows.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.end ?? 0) <= index) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The photo of another row whose middle is nearest to that of a photo. @param by -1 up, 1 down */
export function neighbour(aspects: readonly number[], rows: readonly Row[], index: number, by: number): number {
  const at = rowAt(rows, index);
  const [from, to] = [rows[at], rows[at + by]];
  if (!from || !to) return index;
  const middles = (row: Row): number[] => {
    let left = 0;
    return aspects.slice(row.start, row.end).map((aspect) => {
      const middle = left + (aspect * row.height) / 2;
      left += aspect * row.height + GAP;
      return middle;
    });
  };
  const wanted = middles(from)[index - from.start] ?? 0;
  const distances = middles(to).map((middle) => Math.abs(middle - wanted));
  return to.start + distances.indexOf(Math.min(...distances));
}
