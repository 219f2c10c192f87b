/** Pictures made squares where there is no libtorch. */
import type { ImageProcessorOverride } from "../../image/processor.js";
import type { ImageInputs } from "../types.js";

/** What an image processor is made of, as plain data. */
export interface SquareSteps {
  readonly config: unknown;
  readonly override: ImageProcessorOverride;
}

/** `prepareBy()` of families whose vision tower takes squares. Loads the decoder of pictures when it is called. */
export async function prepareSquares(steps: unknown): Promise<ImageInputs["prepare"]> {
  const { createImageProcessor } = await import("../../image/index.js");
  const { config, override } = steps as SquareSteps;
  const processor = createImageProcessor(config, override);
  return (picture) => processor.prepare(picture);
}
