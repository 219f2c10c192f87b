/** The results of an experiment: figures of every arm, and the claims. */
import { SCORE } from "../../eval/index.js";
import type { RunEnvironment } from "../../train/index.js";
import { attributeNames, claimsOf, type Claim } from "./claims.js";
import { pooledFigures, type PooledFigures } from "./pooled-figures.js";
import type { Arm } from "./runs.js";
import type { ExperimentConfig } from "./config.js";
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
  /** Runs that are not finished. */
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

/** Figures and claims of the finished runs. */
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
  return [...new Set(arms.flatMap(({ runs }) => runs.map(({ revision }) => revision ?? "unknown")))].sort();
}

function armResult(
  { runs, ...arm }: FinishedArm,
  { truth }: Finished,
  options: { seed: number; resamples: number },
): ArmResult {
  const predicted = runs.map(({ predictions }) => predictions);
  const names = attributeNames(predicted, truth);
  const seconds = (values: readonly number[]): number[] => values.map((value) => Math.round(value * 10) / 10);
  return {
    ...arm,
    seeds: runs.map(({ seed }) => seed),
    figures: pooledFigures(predicted, truth, [SCORE], options),
    attributes: names.length > 0 ? pooledFigures(predicted, truth, names, options) : null,
    failed: runs.map(({ failed }) => failed),
    trainSeconds: seconds(runs.map(({ trainSeconds }) => trainSeconds)),
    readSeconds: seconds(runs.map(({ readSeconds }) => readSeconds)),
  };
}
