/**
 * Occlusion (Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks"), coarse to fine: a tile is replaced, and what
 * the score loses is what the tile gave. The tiles that move it most are halved, as far as the number of pictures allows.
 */
import { COARSE, cellsOf, quartersOf, tilesOf, type Tile } from "./grid.js";
import type { Grid } from "./types.js";

/** What a tile gives the score. */
interface Weighed extends Tile {
  readonly gives: number;
}

export interface OcclusionParts {
  /** Score of the picture as it is. */
  readonly score: number;
  /** Scores of the picture with each of these sets of cells replaced. */
  readonly without: (tiles: readonly (readonly number[])[]) => readonly number[];
  /** Whether the model sees anything of a cell. */
  readonly sees: (cell: number) => boolean;
  /** Pictures that may be scored. */
  readonly evaluations: number;
}

/** What each cell gives the score: its share of the finest tile that it was replaced with. NaN where the model sees nothing. */
export function occlusionMap(grid: Grid, parts: OcclusionParts): { values: Float32Array<ArrayBuffer>; used: number } {
  const { score, without, sees, evaluations } = parts;
  const seen = (tile: Tile): number[] => cellsOf(tile, grid).filter(sees);
  const weigh = (tiles: readonly Tile[]): Weighed[] => {
    const visible = tiles.filter((tile) => seen(tile).length > 0);
    return without(visible.map(seen)).map((left, i) => ({ ...(visible[i] as Tile), gives: score - left }));
  };
  const values = new Float32Array(grid.columns * grid.rows).fill(NaN);
  let used = 0;
  let tiles = tilesOf(grid, firstSide(grid, evaluations));
  let rest = evaluations;
  while (tiles.length > 0) {
    const weighed = weigh(tiles);
    used += weighed.length;
    rest -= weighed.length;
    for (const { gives, ...tile } of weighed) {
      const cells = seen(tile);
      for (const cell of cells) values[cell] = gives / cells.length;
    }
    tiles = halved(weighed, rest);
  }
  return { values, used };
}

/** Coarse tiles, or larger ones where even these are too many. */
function firstSide(grid: Grid, evaluations: number): number {
  let side = COARSE;
  while (side < Math.max(grid.columns, grid.rows) && tilesOf(grid, side).length > evaluations) side *= 2;
  return side;
}

/** The quarters of those tiles that move the score most. Half of what may still be scored is left for the next halving. */
function halved(weighed: readonly Weighed[], rest: number): Tile[] {
  const large = weighed.filter(({ side }) => side > 1);
  const share = large.some(({ side }) => side > 2) ? rest / 2 : rest;
  const most = Math.floor(share / 4);
  return [...large]
    .sort((a, b) => Math.abs(b.gives) - Math.abs(a.gives))
    .slice(0, most)
    .flatMap(quartersOf);
}
