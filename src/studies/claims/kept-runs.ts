/** Runs that earlier results hold: where their work folder is gone, their predictions are still what they came to. */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { RocError } from "../../errors.js";
import { differences, readJsonAs } from "../../files/index.js";
import { SCORE } from "../../eval/index.js";
import { conditionOf } from "./fine-tune.js";
import { isCommented, settingsOf, type ExperimentConfig } from "./config.js";
import type { FinishedRun, HeldOut } from "./finished-runs.js";
import { baseRecord, baseSchema, type BaseRecord } from "./pretrain.js";
import type { Truth } from "./pooled-figures.js";
import { runsOf, type Run } from "./runs.js";
import { RESULT_FILES } from "./write-results.js";

/** Half of the last digit that ratings are written with. */
const ROUNDED = 0.5001e-4;

const values = z.record(z.string(), z.array(z.number().nullable()));

const predictionsSchema = z.object({
  pictures: z.array(z.string()),
  sets: z.array(z.string()).optional(),
  truth: z.record(z.string(), z.array(z.number())),
  predicted: values,
  /** Absent where an earlier version wrote it. */
  ciderD: values.default({}),
});

const perSeed = z.array(z.number());

const resultsSchema = z.object({
  arms: z.array(
    z.object({ name: z.string(), seeds: perSeed, failed: perSeed, trainSeconds: perSeed, readSeconds: perSeed }),
  ),
  provenance: z.object({
    config: z.record(z.string(), z.unknown()),
    bases: z.record(z.string(), baseSchema),
    trainedBy: z.array(z.string()),
    seconds: z.number(),
  }),
});

type Results = z.infer<typeof resultsSchema>;
type Predictions = z.infer<typeof predictionsSchema>;

/** What earlier results hold that counts as finished. */
export class KeptRuns implements HeldOut {
  private constructor(
    readonly folder: string,
    readonly runs: ReadonlyMap<string, FinishedRun>,
    readonly pictures: readonly string[],
    readonly sets: readonly string[] | undefined,
    readonly truth: Truth,
    /** Seconds that their sessions took, on the clock. */
    readonly seconds: number,
    /** Base models that they started from. */
    readonly bases: Readonly<Record<string, BaseRecord>>,
  ) {}

  /**
   * Reads the results in a folder.
   *
   * @throws RocError FILE_NOT_FOUND, DATA_INVALID; USAGE where they are of other settings
   */
  static async read(config: ExperimentConfig, folder: string): Promise<KeptRuns> {
    const [file, predictionsFile] = [join(folder, RESULT_FILES.results), join(folder, RESULT_FILES.predictions)];
    const results = await readJsonAs(file, resultsSchema);
    const predictions = await readJsonAs(predictionsFile, predictionsSchema);
    const { config: theirs, bases, seconds } = results.provenance;
    const other = differences(settingsOf(theirs as unknown as ExperimentConfig), settingsOf(config));
    if (other.length > 0) throw new RocError("USAGE", `The runs in ${file} were made with other settings: ${other.join("; ")}.`); // prettier-ignore
    const runs = runsOf(config).flatMap((run): [string, FinishedRun][] => {
      const kept = keptRun(config, run, results, predictions);
      return kept ? [[run.name, kept]] : [];
    });
    const { pictures, sets, truth } = predictions;
    return new KeptRuns(folder, new Map(runs), pictures, sets, truth, seconds, bases);
  }

  /**
   * Runs are compared with each other where they start from the same weights.
   *
   * @throws RocError USAGE where a base model that is finished here is another than theirs
   */
  async checkBases(config: ExperimentConfig): Promise<void> {
    for (const [name, theirs] of Object.entries(this.bases)) {
      const ours = await baseRecord(config, name);
      if (!ours || (ours.loss === theirs.loss && isDeepStrictEqual(ours.attributes, theirs.attributes))) continue;
      throw new RocError(
        "USAGE",
        `The base model ${name} came out otherwise here than the one that the runs in ${this.folder} started from (loss ${ours.loss} against ${theirs.loss}): they cannot be compared. Leave --from out to do all runs anew, or continue on a processor of the same kind.`,
      );
    }
  }

  /** @throws RocError DATA_INVALID where theirs are other pictures, or rated otherwise */
  checkPictures({ pictures, truth }: HeldOut): void {
    const isSame = isDeepStrictEqual(pictures, this.pictures) && Object.entries(this.truth).every(([name, rated]) => rated.every((value, i) => Math.abs(value - (truth[name]?.[i] ?? NaN)) <= ROUNDED)); // prettier-ignore
    if (!isSame) throw new RocError("DATA_INVALID", `The runs in ${this.folder} were read on other pictures than those here: they cannot be compared.`); // prettier-ignore
  }
}

/** Undefined where the results lack the run, or a part of it. */
function keptRun(
  config: ExperimentConfig,
  run: Run,
  results: Results,
  predictions: Predictions,
): FinishedRun | undefined {
  const arm = results.arms.find(({ name }) => run.name === `${name}/seed-${run.seed}`);
  const at = arm?.seeds.indexOf(run.seed) ?? -1;
  const prefix = `${run.name} `;
  const own = Object.entries(predictions.predicted).filter(([name]) => name.startsWith(prefix));
  const scores = Object.fromEntries(own.map(([name, scored]) => [name.slice(prefix.length), scored]));
  const ciderD = predictions.ciderD[run.name];
  if (!arm || at < 0 || !scores[SCORE] || (isCommented(conditionOf(config, run)) && !ciderD)) return undefined;
  return {
    ...run,
    steps: config.train.steps,
    trainSeconds: arm.trainSeconds[at] ?? 0,
    readSeconds: arm.readSeconds[at] ?? 0,
    failed: arm.failed[at] ?? 0,
    revisions: results.provenance.trainedBy,
    predictions: { key: `${run.backbone}, seed ${run.seed}`, scores, ...(ciderD && { ciderD }) },
  };
}
