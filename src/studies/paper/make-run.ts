/** Makes a run of a table: writes the synthetic copy where it is one, trains, evaluates. Resumes where it was stopped. */
import { evaluate } from "../../eval/evaluate.js";
import type { EvaluationProgress } from "../../eval/spec.js";
import { atomicWriteJson, checkSameSettings, exists } from "../../files/index.js";
import { writeStudioFormats } from "../../studio/index.js";
import type { ModelResolution, TrainEvent } from "../../train/index.js";
import { trainModel } from "../../train/start/train-model.js";
import type { ComposeProgress } from "../runner.js";
import {
  dataFolder,
  evaluationFolder,
  settingsFile,
  settingsOf,
  trainingSpec,
  type TableRun,
  type TableRunOptions,
} from "./table-runs.js";

/** Of a synthetic copy: the long edge of its pictures in pixels, and the share of its test part. */
const SIZE = 128;
const TEST_SHARE = 0.25;

/**
 * What a run reports, one step after the other.
 *
 * @category Studies
 */
export type RunProgress = ComposeProgress | TrainEvent | EvaluationProgress;

export interface MakeOptions extends ModelResolution {
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: RunProgress) => void;
}

/** @throws RocError USAGE where the run was made with other settings than those of now, naming them; FILE_NOT_FOUND */
export async function checkMade(run: TableRun, options: TableRunOptions): Promise<void> {
  const remedy = "Give another --work, or delete it to make it again.";
  const what = `The run ${evaluationFolder(run, options)}`;
  await checkSameSettings(settingsFile(run, options), await settingsOf(run, options), { what, remedy });
}

/** @throws what training and evaluation throw; as {@link checkMade} where it was started with other settings */
export async function makeRun(
  run: TableRun,
  options: TableRunOptions,
  { signal, onProgress, resolveModel }: MakeOptions,
): Promise<void> {
  const made = settingsFile(run, options);
  if (await exists(made)) await checkMade(run, options);
  else await atomicWriteJson(made, await settingsOf(run, options));
  if (options.data === undefined) await writeCopy(run, options, { signal, onProgress });
  const onWarning = (text: string): void => onProgress({ type: "note", text });
  const { checkpoint } = await trainModel(await trainingSpec(run, options), {
    ...{ signal, onWarning, resolveModel },
    onEvent: onProgress,
  });
  const { summary } = await evaluate(
    {
      data: { folder: dataFolder(run, options), ...(run.attribute && { column: run.attribute }) },
      model: checkpoint,
      comments: run.system.comments,
      out: evaluationFolder(run, options),
    },
    { signal, onProgress },
  );
  const lost = summary.count - summary.scored;
  const codes = Object.entries(summary.failures).map(([code, count]) => `${count} ${code}`);
  if (lost > 0) onWarning(`${lost} of ${summary.count} pictures have no score: ${codes.join(", ")}`);
}

/** Writes the data set in its official files, of composed pictures; what is there of it already stays. */
async function writeCopy(
  run: TableRun,
  options: TableRunOptions,
  { signal, onProgress }: Pick<MakeOptions, "signal" | "onProgress">,
): Promise<void> {
  const { pictures: count, seed } = options;
  await writeStudioFormats(dataFolder(run, options), {
    ...{ formats: [run.dataset], seed, count, longEdge: SIZE, testFraction: TEST_SHARE },
    onProgress: (done, total) => onProgress({ type: "compose", done, total }),
    ...(signal && { signal }),
  });
}
