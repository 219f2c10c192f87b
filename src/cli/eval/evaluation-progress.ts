/** What an evaluation reports, on standard error: notes as they come, and a bar while a model scores. */
import type { EvaluationProgress } from "../../eval/spec.js";
import type { Io } from "../shared/io.js";
import { lazyProgress } from "../shared/progress.js";

/** For `evaluate()`; `stop` takes the bar away where it ended before its time. */
export function evaluationProgress({ stderr }: Pick<Io, "stderr">): {
  readonly onProgress: (progress: EvaluationProgress) => void;
  readonly stop: () => void;
} {
  const bar = lazyProgress(stderr, "scored");
  const onProgress = (progress: EvaluationProgress): void => {
    if (progress.type === "scored") {
      bar.onProgress(progress.done, progress.total);
      // What comes next writes lines of its own.
      if (progress.done >= progress.total) bar.stop();
    } else if (progress.type === "note") stderr.write(`note: ${progress.text}\n`);
    else
      stderr.write(
        `Read the scores from column ${progress.score} of ${progress.file}, the pictures from ${progress.id}.\n`,
      );
  };
  return { onProgress, stop: bar.stop };
}
