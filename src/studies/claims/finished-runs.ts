/** Finished runs as the comparisons take them. */
import { scoreCaptions } from "../../captions/index.js";
import { SCORE, type Prediction } from "../../eval/index.js";
import { armName, armsOf, runsOf, type Arm, type Run } from "./runs.js";
import { runPredictions, runRecord, runRevision, conditionOf, type RunRecord } from "./fine-tune.js";
import type { RunPredictions, Truth } from "./pooled-figures.js";
import { hasAttributes, isCommented, type ExperimentConfig } from "./config.js";
import { RocError } from "../../errors.js";
import type { KeptRuns } from "./kept-runs.js";

/** A finished run. */
export interface FinishedRun extends Run, RunRecord {
  /** Pictures whose score could not be understood. */
  readonly failed: number;
  /** Git revision of the program that trained it; of a kept run, of those that trained it and the others with it. */
  readonly revisions: readonly string[];
  readonly predictions: RunPredictions;
}

/** An arm with its finished runs. */
export interface FinishedArm extends Arm {
  readonly name: string;
  readonly runs: readonly FinishedRun[];
}

/** The held-out part. */
export interface HeldOut {
  /** Ids of its pictures. */
  readonly pictures: readonly string[];
  readonly truth: Truth;
  /** The set of each picture, where they come in sets. */
  readonly sets?: readonly string[] | undefined;
}

export interface Finished extends HeldOut {
  readonly arms: readonly FinishedArm[];
  /** Names of the runs that are not finished. */
  readonly missing: readonly string[];
}

/** A finished run without its predictions. */
type Made = Run & RunRecord & Pick<FinishedRun, "revisions">;

/**
 * Reads every finished run of an experiment.
 *
 * @param kept runs of earlier results, which count where the work folder has none
 * @throws RocError DATA_INVALID where they are of other pictures
 */
export async function readFinished(config: ExperimentConfig, kept?: KeptRuns): Promise<Finished> {
  const found: { run: Made; predictions: Prediction[] }[] = [];
  const missing: string[] = [];
  for (const run of runsOf(config)) {
    const record = await runRecord(config, run);
    if (!record) {
      if (!kept?.runs.has(run.name)) missing.push(run.name);
    } else {
      const revisions = [(await runRevision(config, run)) ?? "unknown"];
      found.push({ run: { ...run, ...record, revisions }, predictions: await runPredictions(config, run) });
    }
  }
  const commented = new Set(found.flatMap(({ predictions }) => predictions.filter(hasComment).map(({ id }) => id)));
  const held = kept && !found[0] ? kept : heldOut(found[0]?.predictions ?? []);
  if (found[0]) kept?.checkPictures(held);
  const { pictures, truth, sets } = held;
  const own = found.map(({ run, predictions }) =>
    finishedRun(config, run, align(predictions, pictures, run), commented),
  );
  const byName = new Map([...(kept?.runs ?? []), ...own.map((run) => [run.name, run] as const)]);
  const runs = runsOf(config).flatMap(({ name }) => byName.get(name) ?? []);
  const arms = armsOf(config).map((arm) => {
    const name = armName(arm, config);
    return { ...arm, name, runs: runs.filter((run) => armName(run, config) === name) };
  });
  return { pictures, truth, ...(sets && { sets }), arms: arms.filter((arm) => arm.runs.length > 0), missing };
}

/** The held-out pictures, in one order for all runs: theirs is that in which they were predicted. */
export function heldOut(predictions: readonly Pick<Prediction, "id" | "set" | "truth">[]): HeldOut {
  const rows = [...predictions].sort((a, b) => (a.id < b.id ? -1 : 1));
  // A picture without a set is one by itself.
  const sets = rows.some(({ set }) => set !== undefined) ? rows.map(({ id, set }) => set ?? id) : undefined;
  return { pictures: rows.map(({ id }) => id), truth: truthOf(rows), ...(sets && { sets }) };
}

function align(predictions: readonly Prediction[], pictures: readonly string[], run: Run): Prediction[] {
  const rows = new Map(predictions.map((row) => [row.id, row]));
  return pictures.map((id) => {
    const row = rows.get(id);
    if (row) return row;
    throw new RocError(
      "DATA_INVALID",
      `The predictions of ${run.name} lack picture ${id}; remove its folder to run it again.`,
    );
  });
}

function truthOf(rows: readonly Pick<Prediction, "truth">[]): Truth {
  // Attributes that some pictures lack are not compared.
  const names = Object.keys(rows[0]?.truth ?? {}).filter((name) =>
    rows.every(({ truth }) => truth[name] !== undefined),
  );
  return Object.fromEntries(names.map((name) => [name, rows.map(({ truth }) => truth[name] ?? NaN)]));
}

function hasComment({ comment }: Prediction): boolean {
  return comment !== undefined;
}

function finishedRun(
  config: ExperimentConfig,
  run: Made,
  rows: readonly Prediction[],
  commented: ReadonlySet<string>,
): FinishedRun {
  const condition = conditionOf(config, run);
  const names = hasAttributes(condition)
    ? [...new Set(rows.flatMap(({ predicted }) => Object.keys(predicted)))]
    : [SCORE];
  const scores = Object.fromEntries(
    names.map((name) => [name, rows.map(({ predicted }) => asWritten(predicted[name] ?? null))]),
  );
  const predictions = {
    key: `${run.backbone}, seed ${run.seed}`,
    scores,
    ...(isCommented(condition) && { ciderD: commentScores(rows, commented) }),
  };
  return { ...run, failed: rows.filter(({ predicted }) => typeof predicted[SCORE] !== "number").length, predictions };
}

/**
 * Figures are computed from what `predictions.json` holds, so that whoever computes them anew gets the same: of pictures that a run
 * hardly tells apart a rounded score makes ties.
 */
function asWritten(value: number | null): number | null {
  return value === null ? null : Number(value.toFixed(DECIMALS));
}

/** Of predictions in results. */
const DECIMALS = 6;

/** CIDEr-D picture by picture; the corpus is the same for every run, whichever comments it failed to write. */
function commentScores(rows: readonly Prediction[], commented: ReadonlySet<string>): (number | null)[] {
  const about = rows.filter(({ id, references = [] }) => commented.has(id) && references.length > 0);
  const { items } = scoreCaptions({
    hypotheses: Object.fromEntries(about.map(({ id, comment = "" }) => [id, comment])),
    references: Object.fromEntries(about.map(({ id, references = [] }) => [id, references])),
  });
  const scores = new Map(items.map(({ id, ciderD }) => [id, ciderD]));
  return rows.map((row) => (hasComment(row) ? asWritten(scores.get(row.id) ?? null) : null));
}
