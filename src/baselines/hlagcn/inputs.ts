/** Pictures as squares, and what shape they were. */
import { fromTypedArray } from "../../torch/index.js";
import { squashInputs } from "../common/squash-inputs.js";
import type { SquashSteps } from "../common/squash.js";
import type { PictureInputs } from "../types.js";
import { prepareWithShape, shapeOf } from "./prepare.js";

/** `pixelValues` `[B, 3, side, side]`, and `aspect` `[B]`: the width over the height. */
export function shapedInputs(steps: SquashSteps): PictureInputs {
  const squares = squashInputs(steps);
  return {
    steps,
    prepare: prepareWithShape(steps),
    batch(prepared, randoms) {
      const parts = prepared.map(shapeOf);
      const aspects = Float32Array.from(parts, ({ aspect }) => aspect);
      return {
        ...squares.batch(
          parts.map(({ square }) => square),
          randoms,
        ),
        aspect: fromTypedArray(aspects, [prepared.length]),
      };
    },
  };
}
