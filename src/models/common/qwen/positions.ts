/**
 * Positions of tokens on three axes, time, height and width (M-RoPE: arXiv 2409.12191, section 2.1; `get_rope_index` of
 * transformers 5.18). Text counts on all of them alike; the rows of a picture follow its grid, and what follows continues
 * behind its longer side, not behind its number of rows.
 */
import { RocError } from "../../../errors.js";

/** `[frames, height, width]` of a picture or video in patches, before they are merged. */
export type Grid = readonly [number, number, number];

export interface Sequences {
  /** `[batch, T]` token ids. */
  readonly ids: readonly (readonly number[])[];
  /** `[batch, T]`, 0 = padding; absent: everything is real. */
  readonly real?: readonly (readonly number[])[] | undefined;
  /** Of all pictures and videos, in reading order. */
  readonly grids: readonly Grid[];
}

export interface PositionRules {
  /** Whether an id represents a row of a picture or video. */
  readonly isVisual: (id: number) => boolean;
  /** Whether an id represents a row of a video whose frames are placed as pictures of their own; default: none does. */
  readonly isFilm?: ((id: number) => boolean) | undefined;
  /** Patches a side that make one row. */
  readonly merge: number;
  /** How far the frames of a picture or video are apart, by its id and which of the grids it has; default: 1. */
  readonly frameStep?: (id: number, picture: number) => number;
  /** Of each sequence: the position of its first real token (default 0). */
  readonly starts?: readonly number[] | undefined;
}

export interface Positions {
  /** `[3, batch, T]`; 0 for padding. */
  readonly values: Int32Array;
  /** Of each sequence: the position of the token that will follow. */
  readonly next: readonly number[];
  /** Tokens up to the end of the last picture or video of any sequence; 0 without one. */
  readonly picturesEnd: number;
}

/** @throws RocError USAGE where the placeholders and the grids do not go together */
export function positionsOf({ ids, real, grids }: Sequences, rules: PositionRules): Positions {
  const [batch, T] = [ids.length, ids[0]?.length ?? 0];
  const values = new Int32Array(3 * batch * T);
  const left = grids.entries();
  const next = ids.map((row, b) => {
    const tokens = row.map((id, t) => ({ id, t })).filter(({ t }) => real?.[b]?.[t] !== 0);
    const positions = sequencePositions(
      tokens.map(({ id }) => id),
      left,
      rules,
      rules.starts?.[b] ?? 0,
    );
    tokens.forEach(({ t }, i) => {
      for (let axis = 0; axis < 3; axis++) values[(axis * batch + b) * T + t] = positions[3 * i + axis] ?? 0;
    });
    return positions.reduce((highest, position) => Math.max(highest, position), (rules.starts?.[b] ?? 0) - 1) + 1;
  });
  if (left.next().done !== true) throw mismatch(`${grids.length} pictures are more than the token ids have room for`);
  const ends = ids.map((row) => row.findLastIndex(rules.isVisual) + 1);
  return { values, next, picturesEnd: ends.reduce((last, end) => Math.max(last, end), 0) };
}

/** Three positions a token. */
function sequencePositions(
  ids: readonly number[],
  grids: Iterator<readonly [number, Grid], undefined>,
  { isVisual, isFilm, frameStep, merge }: PositionRules,
  start: number,
): number[] {
  const positions: number[] = [];
  let position = start;
  /** Frames of a video that are still to come. */
  let film: Grid = [0, 0, 0];
  while (positions.length < 3 * ids.length) {
    const i = positions.length / 3;
    if (!isVisual(ids[i] ?? 0)) positions.push(position, position, position++);
    else {
      const given = film[0] > 0 ? ([-1, film] as const) : grids.next().value;
      if (!given) throw mismatch("the token ids have room for more pictures than are given");
      const [picture, whole] = given;
      const together = isFilm?.(ids[i] ?? 0) === true ? 1 : whole[0];
      film = [whole[0] - together, whole[1], whole[2]];
      const [frames, height, width] = [together, whole[1] / merge, whole[2] / merge];
      const rows = ids.slice(i, i + frames * height * width);
      if (rows.length < frames * height * width || !rows.every(isVisual)) {
        throw mismatch(`a picture of ${frames} x ${height} x ${width} rows has fewer placeholders`);
      }
      const step = frameStep?.(ids[i] ?? 0, picture) ?? 1;
      for (let row = 0; row < rows.length; row++) {
        const [frame, inside] = [Math.floor(row / (height * width)), row % (height * width)];
        // The product is float32's, as in the reference.
        positions.push(
          position + Math.trunc(Math.fround(frame * Math.fround(step))),
          position + Math.floor(inside / width),
          position + (inside % width),
        );
      }
      position += Math.max(height, width);
    }
  }
  if (film[0] > 0) throw mismatch(`the token ids have no room for the last ${film[0]} frames of a video`);
  return positions;
}

function mismatch(what: string): RocError {
  const remedy = "Make the ids with the processor's prompt(), one <image> for each image.";
  return new RocError("USAGE", `Pictures and token ids do not go together: ${what}. ${remedy}`);
}
