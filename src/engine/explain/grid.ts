/** The cells that a photo is divided into. */
import type { Size } from "../../image/index.js";
import type { Grid } from "./types.js";

/** Cells of a coarse tile's side: coarse tiles are halved twice. */
export const COARSE = 4;

/** Cells along a photo's longer side. */
const LONG = 24;

/** About square cells, in whole coarse tiles. */
export function gridOf({ width, height }: Size): Grid {
  const side = Math.max(width, height);
  const cells = (length: number): number => COARSE * Math.max(1, Math.round((LONG * length) / side / COARSE));
  return { columns: cells(width), rows: cells(height) };
}

/** A rectangle of cells. */
export interface Tile {
  readonly column: number;
  readonly row: number;
  /** Cells of its side. */
  readonly side: number;
}

/** Squares of `side` cells, row by row. */
export function tilesOf({ columns, rows }: Grid, side: number): Tile[] {
  const tiles: Tile[] = [];
  for (let row = 0; row < rows; row += side)
    for (let column = 0; column < columns; column += side) tiles.push({ column, row, side });
  return tiles;
}

/** The four quarters of a tile. */
export function quartersOf({ column, row, side }: Tile): Tile[] {
  const half = side / 2;
  return [0, half].flatMap((down) => [0, half].map((across) => ({ column: column + across, row: row + down, side: half }))); // prettier-ignore
}

/** Indices of a tile's cells. */
export function cellsOf({ column, row, side }: Tile, { columns }: Grid): number[] {
  return Array.from({ length: side * side }, (_, i) => (row + Math.floor(i / side)) * columns + column + (i % side));
}
