/** The studio's synthetic copies of the paper's data sets. */
import { writeStudioFormats } from "../../studio/index.js";
import type { DatasetKey } from "../../studies/paper/types.js";
import type { Context } from "../shared/io.js";
import { createProgress } from "../shared/progress.js";

export interface SyntheticOptions {
  readonly count: number;
  readonly seed: number;
}

/** Long edge of the pictures. */
const SIZE = 128;
const TEST_SHARE = 0.25;

/** Writes a data set in its official files, of composed pictures; what is there of it already stays. */
export async function writeSynthetic(
  dataset: DatasetKey,
  folder: string,
  { count, seed }: SyntheticOptions,
  { io, signal }: Context,
): Promise<void> {
  const progress = createProgress(io.stderr, "pictures composed", count);
  try {
    const onProgress = (done: number): void => progress.update(done);
    const pictures = { seed, count, longEdge: SIZE, testFraction: TEST_SHARE };
    await writeStudioFormats(folder, { formats: [dataset], ...pictures, onProgress, signal });
  } finally {
    progress.stop();
  }
}
