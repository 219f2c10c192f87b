/** The edits of one number each as axes of a search: a position 0 is the photo as it is, 1 the most that is tried. */
import type { EditKind, Edits } from "../image/edits/index.js";

/** Kinds of edits that are one number. */
export type ScalarKind = Exclude<EditKind, "crop">;

interface AxisRule {
  /** The value at a position from -1 to 1. */
  readonly at: (position: number) => number;
  /** The position of a value. */
  readonly position: (value: number) => number;
  /** Where a search begins. */
  readonly coarse: readonly number[];
  /** Positions closer than this are the same to the eye. */
  readonly finest: number;
}

/** Of most axes. */
const FINEST = 0.02;

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

/** Factors are tried on a logarithmic axis, as light is in stops: half and double are equally far. */
function factor(most: number): Pick<AxisRule, "at" | "position"> {
  return {
    at: (position) => rounded(most ** position, 3),
    position: (value) => Math.log(value) / Math.log(most),
  };
}

function sum(most: number, digits: number): Pick<AxisRule, "at" | "position"> {
  return { at: (position) => rounded(most * position, digits), position: (value) => value / most };
}

export type Axes = Readonly<Record<ScalarKind, AxisRule>>;

export const AXES: Axes = {
  straighten: turns(10),
  exposure: { ...sum(4, 2), coarse: [-0.5, -0.17, 0.17, 0.5], finest: FINEST },
  contrast: { ...factor(3), coarse: [-0.5, 0.25, 0.5, 0.8], finest: FINEST },
  saturation: { ...factor(4), coarse: [-0.7, -0.3, 0.3, 0.7], finest: FINEST },
  warmth: { ...sum(1, 2), coarse: [-0.6, -0.25, 0.25, 0.6], finest: FINEST },
};

/** Turns of up to some degrees, in tenths. */
function turns(most: number): AxisRule {
  return { ...sum(most, 1), coarse: [-0.7, -0.3, 0.3, 0.7], finest: Math.max(FINEST, 0.1 / most) };
}

/** The axes of a photo that is turned by at most some degrees, more than 0. */
export function axesWithTurns(most: number): Axes {
  return { ...AXES, straighten: turns(most) };
}

export function editAt(kind: ScalarKind, position: number, axes: Axes): Edits {
  return { [kind]: axes[kind].at(position) };
}
