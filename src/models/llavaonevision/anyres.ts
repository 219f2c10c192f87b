/**
 * Pictures of any shape as square tiles (LLaVA-OneVision's "anyres"), in numbers alone: which canvas a picture goes on, and
 * what is left of its tiles' patches. As transformers' `select_best_resolution`, `get_patch_output_size`, `unpad_image` and
 * LlavaOnevisionProcessor, with Python's rounding.
 */
import type { Size } from "../../image/geometry.js";

/** What decides how a picture becomes rows, as plain data. */
export interface AnyresRules {
  /** Side of a tile in pixels. */
  readonly size: number;
  /** Patches along a side of a tile. */
  readonly patches: number;
  /** The canvases, `[height, width]` in pixels, both multiples of {@link size}. */
  readonly pinpoints: readonly (readonly [number, number])[];
  /** Patches of more tiles than these are scaled down (the 9 of `anyres_max_9`). */
  readonly most: number;
}

/** What becomes of the patches of a picture's tiles, put together to one grid. */
export interface TilePlan {
  /** Tiles, row by row; the thumbnail is not among them. */
  readonly down: number;
  readonly across: number;
  /** Rows and columns of patches that are cut off at each side: they show nothing but padding. */
  readonly cutRows: number;
  readonly cutColumns: number;
  /** What is left, scaled down. */
  readonly rows: number;
  readonly columns: number;
  readonly isScaled: boolean;
}

/** The canvas on which most of a picture's pixels are kept; of those, the one with the least area besides. */
export function bestCanvas(picture: Size, { pinpoints }: Pick<AnyresRules, "pinpoints">): Size {
  let best: Size = { width: 0, height: 0 };
  let [most, least] = [0, Infinity];
  for (const [height, width] of pinpoints) {
    const scale = Math.min(width / picture.width, height / picture.height);
    const scaled = Math.trunc(picture.width * scale) * Math.trunc(picture.height * scale);
    const kept = Math.min(scaled, picture.width * picture.height);
    const wasted = width * height - kept;
    if (kept > most || (kept === most && wasted < least)) {
      best = { width, height };
      [most, least] = [kept, wasted];
    }
  }
  return best;
}

/** The size that a picture gets on its canvas, its aspect kept. */
export function sizeOnCanvas(picture: Size, canvas: Size): Size {
  const [across, down] = [canvas.width / picture.width, canvas.height / picture.height];
  return across < down
    ? { width: canvas.width, height: Math.min(Math.ceil(picture.height * across), canvas.height) }
    : { width: Math.min(Math.ceil(picture.width * down), canvas.width), height: canvas.height };
}

export function planOf(picture: Size, rules: AnyresRules): TilePlan {
  const { size, patches, most } = rules;
  const canvas = bestCanvas(picture, rules);
  const [down, across] = [canvas.height / size, canvas.width / size];
  const whole = { width: across * patches, height: down * patches };
  const [cutColumns, cutRows] = paddingOf(picture, whole);
  const [rows, columns] = [whole.height - 2 * cutRows, whole.width - 2 * cutColumns];
  const ratio = Math.sqrt((rows * columns) / (most * patches ** 2));
  const plan = { down, across, cutRows, cutColumns };
  if (ratio <= 1.1) return { ...plan, rows, columns, isScaled: false };
  return { ...plan, rows: floorDivide(rows, ratio), columns: floorDivide(columns, ratio), isScaled: true };
}

/** Rows of the language model that a picture becomes. Without a plan it is one tile, with one line break behind it. */
export function rowsOf(plan: TilePlan | undefined, { patches }: Pick<AnyresRules, "patches">): number {
  return patches ** 2 + (plan ? plan.rows * (plan.columns + 1) : 1);
}

/** What of a grid is padding on each side where a picture is in its middle. */
function paddingOf(picture: Size, grid: Size): [across: number, down: number] {
  if (picture.width / picture.height > grid.width / grid.height) {
    const height = wholeOf(picture.height * (grid.width / picture.width));
    return [0, Math.floor((grid.height - height) / 2)];
  }
  const width = wholeOf(picture.width * (grid.height / picture.height));
  return [Math.floor((grid.width - width) / 2), 0];
}

/** Python's `int(round(x, 7))`: 2.99999999 is 3. */
function wholeOf(x: number): number {
  return Math.trunc(Number(x.toFixed(7)));
}

/** Python's `a // b` of floats from 0: by the exact remainder, where `a / b` may be rounded up to the next whole number. */
function floorDivide(a: number, b: number): number {
  return Math.round((a - (a % b)) / b);
}
