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
}

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

export const AXES: Readonly<Record<ScalarKind, AxisRule>> = {
  straighten: { ...sum(10, 1), coarse: [-0.7, -0.3, 0.3, 0.7] },
  exposure: { ...sum(4, 2), coarse: [-0.5, -0.17, 0.17, 0.5] },
  contrast: { ...factor(3), coarse: [-0.5, 0.25, 0.5, 0.8] },
  saturation: { ...factor(4), coarse: [-0.7, -0.3, 0.3, 0.7] },
  warmth: { ...sum(1, 2), coarse: [-0.6, -0.25, 0.25, 0.6] },
};

export function editAt(kind: ScalarKind, position: number): Edits {
  return { [kind]: AXES[kind].at(position) };
}
