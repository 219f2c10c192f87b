/** Runs that earlier results hold: where their work folder is gone, their predictions are still what they came to. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { RocError } from "../../errors.js";
import { differences, ifThere, readJsonAs } from "../../files/index.js";
import { SCORE } from "../../eval/index.js";
import { scoreName, scoreNames } from "../../roc/template.js";
import { conditionOf } from "./fine-tune.js";
import { isCommented, settingsOf, type ExperimentConfig } from "./config.js";
import type { FinishedRun, HeldOut } from "./finished-runs.js";
import { baseRecord, baseSchema, type BaseRecord } from "./pretrain.js";
import type { Truth } from "./pooled-figures.js";
import { runName, runsOf, type Run } from "./runs.js";
import { RESULT_FILES } from "./write-results.js";

/** Half of the last digit that earlier versions wrote ratings with. */
const ROUNDED = 0.5001e-4;

const REMEDY = "Restore it, or leave --from out to do all runs anew.";

const values = z.array(z.number().nullable());

const predictionsSchema = z.object({
  pictures: z.array(z.string()).min(1),
  sets: z.array(z.string()).optional(),
  truth: z.record(z.string(), z.array(z.number())),
  predicted: z.record(z.string(), values),
  /** Absent where an earlier version wrote it. */
  ciderD: z.record(z.string(), values).default({}),
});

const texts = z.looseObject({ prompts: z.array(z.string()), answers: z.array(z.string()) });
const perSeed = z.array(z.number());

const resultsSchema = z.object({
  arms: z.array(z.object({ name: z.string(), seeds: perSeed, trainSeconds: perSeed, readSeconds: perSeed })),
  provenance: z.object({
    config: z.looseObject({ conditions: z.record(z.string(), texts) }),
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
    if ((await ifThere(stat(folder)))?.isDirectory() === false)
      throw new RocError("USAGE", `${folder} is no folder. Name the one that holds ${RESULT_FILES.results}.`);
    const [file, predictionsFile] = [join(folder, RESULT_FILES.results), join(folder, RESULT_FILES.predictions)];
    const results = await readJsonAs(file, resultsSchema);
    const predictions = await readJsonAs(predictionsFile, predictionsSchema);
    checkLengths(predictionsFile, predictions);
    const { config: theirs, bases, seconds } = results.provenance;
    const other = differences(settingsOf(theirs as unknown as ExperimentConfig), settingsOf(config));
    if (other.length > 0) throw new RocError("USAGE", `The runs in ${file} were made with other settings: ${other.join("; ")}. Name the results of this experiment, or leave --from out.`); // prettier-ignore
    const runs = runsOf(config).flatMap((run) => keptRun(config, run, file, results, predictions) ?? []);
    const baseless = runs.find(({ backbone }) => !Object.hasOwn(bases, backbone));
    if (baseless) throw new RocError("DATA_INVALID", `${file}: provenance.bases lacks ${baseless.backbone}, which ${baseless.name} started from. ${REMEDY}`); // prettier-ignore
    const { pictures, sets, truth } = predictions;
    return new KeptRuns(folder, new Map(runs.map((run) => [run.name, run])), pictures, sets, truth, seconds, bases);
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
  checkPictures({ pictures, sets, truth }: HeldOut): void {
    const file = join(this.folder, RESULT_FILES.predictions);
    const fail = (field: string): never => {
      throw new RocError("DATA_INVALID", `${file}: "${field}" is not that of the pictures here: the runs were read on others. ${REMEDY}`); // prettier-ignore
    };
    if (!isDeepStrictEqual(pictures, this.pictures)) fail("pictures");
    if (!isDeepStrictEqual(sets, this.sets)) fail("sets");
    for (const name of new Set([...Object.keys(truth), ...Object.keys(this.truth)])) {
      const [here, there] = [truth[name] ?? [], this.truth[name] ?? []];
      const isSame = here.length === there.length && here.every((value, i) => Math.abs(value - (there[i] ?? NaN)) <= ROUNDED); // prettier-ignore
      if (!isSame) fail(`truth.${name}`);
    }
  }
}

/** @throws RocError DATA_INVALID naming the field that is not as long as there are pictures */
function checkLengths(file: string, { pictures, sets, ...columns }: Predictions): void {
  const lists = Object.entries(columns).flatMap(([field, named]) =>
    Object.entries(named).map(([name, list]): [string, readonly unknown[]] => [`${field}["${name}"]`, list]),
  );
  const wrong = [...(sets ? [["sets", sets] as const] : []), ...lists].find(([, { length }]) => length !== pictures.length); // prettier-ignore
  if (wrong) throw new RocError("DATA_INVALID", `${file}: ${wrong[0]} has ${wrong[1].length} values for ${pictures.length} pictures. ${REMEDY}`); // prettier-ignore
}

/** Undefined where the results lack the run, or a part of it: it is then run again. */
function keptRun(
  config: ExperimentConfig,
  run: Run,
  file: string,
  { arms, provenance }: Results,
  { predicted, ciderD }: Predictions,
): FinishedRun | undefined {
  const arm = arms.find(({ name }) => run.name === runName(name, run.seed));
  const at = arm?.seeds.indexOf(run.seed) ?? -1;
  if (!arm || at < 0) return undefined;
  const condition = conditionOf(config, run);
  const [answer = ""] = condition.answers;
  const attributes = scoreNames(answer).filter((name) => name !== scoreName(condition));
  const own = [SCORE, ...attributes].map((name) => [name, predicted[`${run.name} ${name}`]] as const);
  const scores = own.flatMap(([name, scored]) => (scored ? [[name, scored] as const] : []));
  const comments = ciderD[run.name];
  if (scores.length < own.length || (isCommented(condition) && !comments)) return undefined;
  const [trainSeconds, readSeconds] = [arm.trainSeconds[at], arm.readSeconds[at]];
  if (trainSeconds === undefined || readSeconds === undefined)
    throw new RocError("DATA_INVALID", `${file}: trainSeconds and readSeconds of ${arm.name} are not as many as its seeds. ${REMEDY}`); // prettier-ignore
  return {
    ...run,
    ...{ steps: config.train.steps, trainSeconds, readSeconds, revisions: provenance.trainedBy },
    failed: (predicted[`${run.name} ${SCORE}`] ?? []).filter((score) => score === null).length,
    predictions: {
      key: `${run.backbone}, seed ${run.seed}`,
      scores: Object.fromEntries(scores),
      ...(comments && { ciderD: comments }),
    },
  };
}

/** Names of the runs that results in a folder hold; none where there are none, or they cannot be read. */
export async function runsIn(folder: string): Promise<string[]> {
  const results = await readJsonAs(join(folder, RESULT_FILES.results), resultsSchema).catch(() => undefined);
  return (results?.arms ?? []).flatMap(({ name, seeds }) => seeds.map((seed) => runName(name, seed)));
}
