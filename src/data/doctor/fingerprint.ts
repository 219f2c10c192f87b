/**
 * A compact description of a picture's appearance, to find copies that were resized, recompressed, mirrored or slightly
 * cropped. Perceptual hashes (signs of low frequencies) find candidates, a small grey image decides.
 */

/** 8-bit RGB pixels in row-major order. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export function isPixels(value: unknown): value is Pixels {
  return typeof value === "object" && value !== null && "data" in value && value.data instanceof Uint8Array;
}

export interface Fingerprint {
  /** Hashes of the {@link VIEWS}, two words each: those expected of the picture itself and of a cropped or mirrored copy. */
  readonly hashes: Int32Array;
  /** {@link SIDE} by {@link SIDE} grey values, smoothed. */
  readonly grey: Uint8Array;
  /** Means of red, green and blue, 0 to 255, and the standard deviation of the grey values. */
  readonly tone: readonly [red: number, green: number, blue: number, contrast: number];
}

/** The part of a picture that a copy may show. */
export interface View {
  readonly window: Window;
  readonly mirrored: boolean;
}

/** A part of a picture, in fractions of its sides. */
export interface Window {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const SIDE = 24;
const WHOLE: Window = { left: 0, top: 0, right: 1, bottom: 1 };

/** Side of the grey image after averaging, and of the image for the DCT. */
const [FINE, COARSE] = [64, 32];
/** Frequencies per side; the lowest, the mean, is left out. */
const FREQUENCIES = 8;
/** Standard deviation of grey values below which a picture counts as uniform. */
const FLAT = 2;

/** Typical slight crops: a tenth of each side is removed, from either end or from both. */
const WINDOWS: readonly Window[] = [0, 0.05, 0.1].flatMap((left) =>
  [0, 0.05, 0.1].map((top) => ({ left, top, right: left + 0.9, bottom: top + 0.9 })),
);

/** The whole picture first. */
export const VIEWS: readonly View[] = [false, true].flatMap((mirrored) =>
  [WHOLE, ...WINDOWS].map((window) => ({ window, mirrored })),
);

const COSINES = Float64Array.from({ length: FREQUENCIES * COARSE }, (_, i) => {
  const [frequency, x] = [Math.floor(i / COARSE), i % COARSE];
  return Math.cos((Math.PI * frequency * (2 * x + 1)) / (2 * COARSE));
});

/** @returns undefined for a picture of one colour, which would match any other */
export function fingerprintOf(picture: Pixels): Fingerprint | undefined {
  const fine = greyOf(picture);
  const grey = smoothed(reduced(fine, WHOLE, SIDE));
  const contrast = deviation(grey);
  if (contrast < FLAT) return undefined;
  const frequencies = new Map([WHOLE, ...WINDOWS].map((window) => [window, frequenciesOf(fine, window)]));
  const hashes = VIEWS.flatMap(({ window, mirrored }) =>
    hashOf(frequencies.get(window) ?? new Float64Array(), mirrored),
  );
  return { hashes: Int32Array.from(hashes), grey: Uint8Array.from(grey), tone: [...meansOf(picture), contrast] };
}

/** The hash of a picture as it is: 63 bits. */
export function lookOf(picture: Pixels): bigint {
  const [low, high] = hashOf(frequenciesOf(greyOf(picture), WHOLE), false);
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function meansOf({ data }: Pixels): [number, number, number] {
  const sums: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < data.length; i += 3) for (let k = 0; k < 3; k++) (sums[k] as number) += data[i + k] as number;
  return sums.map((sum) => (3 * sum) / data.length) as [number, number, number];
}

/** Tolerance of mean colours, in levels; a crop may remove a bright sky. */
const [MOST_LEVELS, MOST_TINT] = [24, 6];
const MOST_CONTRAST = 1.35;

/** Whether the colours and contrast of two pictures are compatible with one being a copy of the other. */
export function matches({ tone: a }: Fingerprint, { tone: b }: Fingerprint): boolean {
  const differences = [0, 1, 2].map((k) => (a[k] as number) - (b[k] as number));
  const mean = differences.reduce((sum, difference) => sum + difference, 0) / 3;
  const tint = Math.max(...differences.map((difference) => Math.abs(difference - mean)));
  const contrast = Math.max(a[3] / b[3], b[3] / a[3]);
  return Math.abs(mean) <= MOST_LEVELS && tint <= MOST_TINT && contrast <= MOST_CONTRAST;
}

/** {@link FINE} by {@link FINE} means of the grey values. */
function greyOf({ width, height, data }: Pixels): Float64Array {
  const addRow = (y: number, weight: number, line: Float64Array): void => {
    for (let x = 0, at = 3 * y * width; x < width; x++, at += 3) {
      const [red, green, blue] = [data[at] as number, data[at + 1] as number, data[at + 2] as number];
      (line[x] as number) += weight * (0.299 * red + 0.587 * green + 0.114 * blue);
    }
  };
  return averaged(addRow, { width, height }, WHOLE, FINE);
}

/** Means over a window of a {@link FINE} square, as a square of `side`. */
function reduced(values: Float64Array, window: Window, side: number): Float64Array {
  const addRow = (y: number, weight: number, line: Float64Array): void => {
    for (let x = 0; x < FINE; x++) (line[x] as number) += weight * (values[y * FINE + x] as number);
  };
  return averaged(addRow, { width: FINE, height: FINE }, window, side);
}

/** Which values are in each of `side` equal parts of a range, and with what weight. */
function coverage(from: number, to: number, side: number): { first: number; weights: number[] }[] {
  const length = (to - from) / side;
  return Array.from({ length: side }, (_, k) => {
    const [start, end] = [from + k * length, from + (k + 1) * length];
    const first = Math.floor(start + 1e-9);
    const last = Math.max(first, Math.ceil(end - 1e-9) - 1);
    const weights = Array.from({ length: last - first + 1 }, (_, i) => Math.max(0, Math.min(end, first + i + 1) - Math.max(start, first + i)) / length); // prettier-ignore
    return { first, weights };
  });
}

/**
 * A window as a square of `side` means, each over the area that it covers.
 *
 * @param addRow adds a row of values, times a weight, to a line
 */
function averaged(
  addRow: (y: number, weight: number, line: Float64Array) => void,
  { width, height }: { width: number; height: number },
  { left, top, right, bottom }: Window,
  side: number,
): Float64Array {
  const columns = coverage(left * width, right * width, side);
  const rows = coverage(top * height, bottom * height, side);
  const result = new Float64Array(side * side);
  const line = new Float64Array(width);
  rows.forEach(({ first, weights }, y) => {
    line.fill(0);
    weights.forEach((weight, i) => addRow(Math.min(height - 1, first + i), weight, line));
    columns.forEach(({ first: from, weights: across }, x) => {
      let sum = 0;
      for (let i = 0; i < across.length; i++)
        sum += (across[i] as number) * (line[Math.min(width - 1, from + i)] as number);
      result[y * side + x] = sum;
    });
  });
  return result;
}

/** Each value averaged with its neighbours: finer detail is noise or depends on how a copy was scaled. */
function smoothed(values: Float64Array): Float64Array {
  const at = (x: number, y: number): number => {
    const [column, row] = [x, y].map((k) => Math.min(SIDE - 1, Math.max(0, k))) as [number, number];
    return values[row * SIDE + column] as number;
  };
  const weights = [1, 2, 1];
  return values.map((_, i) => {
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    let sum = 0;
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++)
        sum += (weights[dx + 1] as number) * (weights[dy + 1] as number) * at(x + dx, y + dy);
    }
    return sum / 16;
  });
}

/** A window of a square of values as a square of `side`, by linear interpolation. */
function resampled(values: ArrayLike<number>, from: number, window: Window, side: number): Float64Array {
  const { left, top, right, bottom } = window;
  const result = new Float64Array(side * side);
  const place = (share: number): [number, number] => {
    const at = Math.min(from - 1, Math.max(0, share * from - 0.5));
    return [Math.floor(at), at - Math.floor(at)];
  };
  const columns = Array.from({ length: side }, (_, x) => place(left + ((x + 0.5) / side) * (right - left)));
  for (let y = 0; y < side; y++) {
    const [y0, dy] = place(top + ((y + 0.5) / side) * (bottom - top));
    const [above, below] = [y0 * from, Math.min(from - 1, y0 + 1) * from];
    for (let x = 0; x < side; x++) {
      const [x0, dx] = columns[x] as [number, number];
      const x1 = Math.min(from - 1, x0 + 1);
      const upper = (values[above + x0] as number) * (1 - dx) + (values[above + x1] as number) * dx;
      const lower = (values[below + x0] as number) * (1 - dx) + (values[below + x1] as number) * dx;
      result[y * side + x] = upper * (1 - dy) + lower * dy;
    }
  }
  return result;
}

/** The lowest frequencies of a window's grey values (DCT-II), row by row. */
function frequenciesOf(fine: Float64Array, window: Window): Float64Array {
  const values = reduced(fine, window, COARSE);
  const rows = new Float64Array(COARSE * FREQUENCIES);
  for (let y = 0; y < COARSE; y++) {
    for (let u = 0; u < FREQUENCIES; u++) {
      let sum = 0;
      for (let x = 0; x < COARSE; x++) sum += (values[y * COARSE + x] as number) * (COSINES[u * COARSE + x] as number);
      rows[y * FREQUENCIES + u] = sum;
    }
  }
  const result = new Float64Array(FREQUENCIES * FREQUENCIES);
  for (let v = 0; v < FREQUENCIES; v++) {
    for (let u = 0; u < FREQUENCIES; u++) {
      let sum = 0;
      for (let y = 0; y < COARSE; y++)
        sum += (rows[y * FREQUENCIES + u] as number) * (COSINES[v * COARSE + y] as number);
      result[v * FREQUENCIES + u] = sum;
    }
  }
  return result;
}

/** One bit per frequency: whether it is above the median. Mirroring flips the sign of odd horizontal frequencies. */
function hashOf(frequencies: Float64Array, mirrored: boolean): [number, number] {
  const values = frequencies.map((value, i) => (mirrored && i % 2 === 1 ? -value : value));
  const sorted = values.slice(1).sort();
  const median = sorted[sorted.length >> 1] as number;
  const words: [number, number] = [0, 0];
  for (let i = 1; i < values.length; i++) {
    if ((values[i] as number) > median) words[i >> 5] = (words[i >> 5] as number) | (1 << (i & 31));
  }
  return words;
}

function deviation(values: ArrayLike<number>): number {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    sum += values[i] as number;
    squares += (values[i] as number) ** 2;
  }
  const mean = sum / values.length;
  return Math.sqrt(Math.max(0, squares / values.length - mean * mean));
}

/** Correlation of two squares of grey values, -1 to 1. */
export function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [sumA, sumB, squaresA, squaresB, products] = [0, 0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    sumA += x;
    sumB += y;
    squaresA += x * x;
    squaresB += y * y;
    products += x * y;
  }
  const n = a.length;
  const spread = Math.sqrt((squaresA - (sumA * sumA) / n) * (squaresB - (sumB * sumB) / n));
  return spread > 0 ? (products - (sumA * sumB) / n) / spread : 0;
}

/** Maximum share of each side that a crop may remove in total. */
const MOST_CROP = 0.15;
const STEPS = [0.04, 0.02, 0.01];
/** A view with a correlation below this is another picture; the search is skipped. */
const WORTH = 0.7;

/**
 * Similarity of `copy` to a view of a picture: the best correlation of windows near the view's.
 *
 * @returns -1 to 1
 */
export function likeness(picture: Uint8Array, { window, mirrored }: View, copy: Uint8Array): number {
  const target = mirrored ? mirror(copy) : copy;
  let [best, at] = [correlation(resampled(picture, SIDE, window, SIDE), target), window];
  if (best < WORTH) return best;
  for (const step of STEPS) {
    for (let better = true; better;) {
      better = false;
      for (const next of neighbours(at, step)) {
        const found = correlation(resampled(picture, SIDE, next, SIDE), target);
        if (found > best) [best, at, better] = [found, next, true];
      }
    }
  }
  return best;
}

function mirror(grey: Uint8Array): Uint8Array {
  return grey.map((_, i) => grey[i - (i % SIDE) + (SIDE - 1 - (i % SIDE))] as number);
}

/** Windows with one or two sides moved. */
function neighbours({ left, top, right, bottom }: Window, step: number): Window[] {
  const moves = [-step, step].flatMap((by) => [
    ...[
      { left: left + by, top, right, bottom },
      { left, top: top + by, right, bottom },
    ],
    ...[
      { left, top, right: right + by, bottom },
      { left, top, right, bottom: bottom + by },
    ],
    ...[
      { left: left + by, top, right: right + by, bottom },
      { left, top: top + by, right, bottom: bottom + by },
    ],
    { left: left - by, top: top - by, right: right + by, bottom: bottom + by },
  ]);
  const least = 1 - MOST_CROP;
  const isWithin = (one: Window): boolean =>
    Math.min(one.left, one.top) >= 0 && Math.max(one.right, one.bottom) <= 1 && one.right - one.left >= least && one.bottom - one.top >= least; // prettier-ignore
  return moves.filter(isWithin);
}
