/** The results of an experiment: figures of every arm, the claims, and files made from them. */
import { join } from "node:path";
import { SCORE } from "../../eval/index.js";
import { atomicWriteFile, atomicWriteJson, makeFolder } from "../../files/index.js";
import type { RunEnvironment } from "../../train/index.js";
import { intervalChart, type IntervalRow as Row } from "../../html/index.js";
import { attributeNames, claimsOf, type Claim } from "./claims.js";
import { pooledFigures, type PooledFigures } from "./pooled-figures.js";
import type { Arm } from "./runs.js";
import type { ExperimentConfig } from "./config.js";
import { markdown } from "./markdown.js";
import type { BaseRecord } from "./pretrain.js";
import type { Finished, FinishedArm } from "./finished-runs.js";

/** Of every bootstrap here. */
const SEED = 0;

export interface ArmResult extends Arm {
  readonly name: string;
  readonly seeds: readonly number[];
  /** Of the holistic score, and of comments where answers hold one. */
  readonly figures: PooledFigures;
  /** Means over the attributes; null where answers hold none. */
  readonly attributes: PooledFigures | null;
  /** Pictures whose score could not be understood, by seed; they are in no figure. */
  readonly failed: readonly number[];
  readonly trainSeconds: readonly number[];
  readonly readSeconds: readonly number[];
}

/** What `claims.json` holds. */
export interface ExperimentResults {
  readonly description: string;
  readonly claims: readonly Claim[];
  readonly arms: readonly ArmResult[];
  /** Cells that are not finished. */
  readonly missing: readonly string[];
  readonly pictures: { readonly train: number; readonly test: number };
  readonly provenance: {
    readonly config: ExperimentConfig;
    readonly bases: Readonly<Record<string, BaseRecord>>;
    /** Where these figures were computed from the runs' predictions. */
    readonly environment: RunEnvironment;
    /** Git revisions of the program that trained the runs. */
    readonly trainedBy: readonly string[];
    /** Seconds of all sessions, on the clock. */
    readonly seconds: number;
    readonly date: string;
    readonly bootstrap: {
      readonly seed: number;
      readonly resamples: number;
      readonly level: 0.95;
      readonly over: string;
    };
  };
}

export type ResultParts = Pick<ExperimentResults, "pictures"> &
  Pick<ExperimentResults["provenance"], "bases" | "environment" | "seconds">;

/** Figures and claims of the finished cells. */
export function resultsOf(config: ExperimentConfig, finished: Finished, parts: ResultParts): ExperimentResults {
  const options = { seed: SEED, resamples: config.resamples };
  const { bases, environment, seconds, pictures } = parts;
  const over = "pictures and runs, both drawn with replacement; paired by picture, backbone and seed";
  return {
    description: config.description,
    claims: claimsOf(config, finished, options),
    arms: finished.arms.map((arm) => armResult(arm, finished, options)),
    missing: finished.missing,
    pictures,
    provenance: {
      config,
      bases,
      environment,
      trainedBy: revisionsOf(finished),
      seconds: Math.round(seconds),
      date: new Date().toISOString(),
      bootstrap: { ...options, level: 0.95, over },
    },
  };
}

function revisionsOf({ arms }: Finished): string[] {
  return [...new Set(arms.flatMap(({ cells }) => cells.map(({ revision }) => revision ?? "unknown")))].sort();
}

function armResult(
  { cells, ...arm }: FinishedArm,
  { truth }: Finished,
  options: { seed: number; resamples: number },
): ArmResult {
  const runs = cells.map(({ run }) => run);
  const names = attributeNames(runs, truth);
  const seconds = (values: readonly number[]): number[] => values.map((value) => Math.round(value * 10) / 10);
  return {
    ...arm,
    seeds: cells.map(({ seed }) => seed),
    figures: pooledFigures(runs, truth, [SCORE], options),
    attributes: names.length > 0 ? pooledFigures(runs, truth, names, options) : null,
    failed: cells.map(({ failed }) => failed),
    trainSeconds: seconds(cells.map(({ trainSeconds }) => trainSeconds)),
    readSeconds: seconds(cells.map(({ readSeconds }) => readSeconds)),
  };
}

export const RESULT_FILES = {
  results: "claims.json",
  predictions: "predictions.json",
  summary: "claims.md",
  strategies: "strategies.svg",
  attributes: "attributes.svg",
  differences: "differences.svg",
  scoreTokens: "score-tokens.svg",
} as const;

/** Writes the results, the predicted scores that they were computed from, the summary and the plots. */
export async function writeResults(folder: string, results: ExperimentResults, finished: Finished): Promise<void> {
  await makeFolder(folder);
  const write = (name: keyof typeof RESULT_FILES, text: string): Promise<void> =>
    atomicWriteFile(join(folder, RESULT_FILES[name]), text);
  await atomicWriteJson(join(folder, RESULT_FILES.results), results);
  await write("predictions", predictionsText(finished));
  await write("strategies", strategiesChart(results, "figures"));
  await write("attributes", strategiesChart(results, "attributes"));
  await write("differences", differencesChart(results));
  await write("scoreTokens", scoreTokensChart(results));
  await write("summary", markdown(results));
}

/** Scores of every run, a line each, so that the comparisons can be computed anew. */
function predictionsText({ pictures, truth, arms }: Finished): string {
  const short = (values: readonly (number | null)[]): (number | null)[] =>
    values.map((value) => value && Number(value.toFixed(4)));
  const lines = (entries: readonly (readonly [string, readonly (number | null)[]])[]): string =>
    entries.map(([name, values]) => `${JSON.stringify(name)}: ${JSON.stringify(short(values))}`).join(",\n");
  const runs = arms.flatMap(
    ({ cells }) =>
    cells.flatMap(({ name, run }) => Object.entries(run.scores).map(([score, values]) => [`${name} ${score}`, values] as const)), // prettier-ignore
  );
  return `{"pictures": ${JSON.stringify(pictures)},\n"truth": {\n${lines(Object.entries(truth))}\n},\n"predicted": {\n${lines(runs)}\n}}\n`;
}

/** Of the holistic score, or of the attributes where answers hold some. */
function strategiesChart({ arms, provenance: { config } }: ExperimentResults, of: "figures" | "attributes"): string {
  const plain = arms.filter((arm) => arm.scoreTokens === config.scoreTokens && arm[of] !== null);
  const heads = [...new Set(plain.map(({ backbone, condition }) => `${backbone}, ${condition}`))];
  const rows = heads.flatMap((label): Row[] => [
    { label },
    ...plain
      .filter(({ backbone, condition }) => `${backbone}, ${condition}` === label)
      .map((arm) => armRow(arm[of], arm.strategy, config.strategies.indexOf(arm.strategy))),
  ]);
  const [title, scores] =
    of === "figures"
      ? ["SRCC by strategy", "the holistic score"]
      : ["SRCC of the attributes by strategy", "the attributes (their mean)"];
  return intervalChart({ title, axis: `SRCC of ${scores}, mean over seeds, 95% interval`, rows });
}

function armRow(figures: PooledFigures | null, label: string, colour: number): Row {
  const srcc = figures?.srcc ?? null;
  return { label, interval: srcc, runs: Object.values(srcc?.runs ?? {}), colour };
}

function differencesChart({ claims }: ExperimentResults): string {
  const rows = claims.flatMap(({ question, findings }): Row[] => [
    { label: question },
    ...findings
      .filter(({ backbone }) => backbone === "all")
      .map(({ a, b, scores, differences: { srcc } }) => {
        const label = `${a} − ${b}${scores === "attributes" ? ", attributes" : ""}`;
        return { label, interval: srcc, runs: Object.values(srcc?.runs ?? {}) };
      }),
  ]);
  return intervalChart({ title: "Differences of SRCC", axis: "difference, paired, over all backbones and seeds, 95% interval", rows, mark: 0 }); // prettier-ignore
}

function scoreTokensChart({ arms, provenance: { config } }: ExperimentResults): string {
  const condition = config.ablation?.condition;
  const roc = arms.filter((arm) => arm.strategy === "roc" && arm.condition === condition);
  const backbones = [...new Set(roc.map(({ backbone }) => backbone))];
  const rows = backbones.flatMap((backbone, colour): Row[] => {
    const own = roc.filter((arm) => arm.backbone === backbone).sort((a, b) => a.scoreTokens - b.scoreTokens);
    return own.length < 2
      ? []
      : [{ label: backbone }, ...own.map((arm) => armRow(arm.figures, `N = ${arm.scoreTokens}`, colour))];
  });
  return intervalChart({ title: "SRCC by number of score tokens", axis: "SRCC of the holistic score, mean over seeds, 95% interval", rows }); // prettier-ignore
}
