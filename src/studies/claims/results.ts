/** The results of an experiment: figures of every arm, and the claims. */
import { SCORE } from "../../eval/index.js";
import type { RunEnvironment } from "../../train/index.js";
import { attributeNames, claimsOf, type Claim } from "./claims.js";
import { pooledFigures, type CompareOptions, type PooledFigures } from "./pooled-figures.js";
import type { Arm } from "./runs.js";
import type { ExperimentConfig } from "./config.js";
import type { BaseRecord } from "./pretrain.js";
import type { Finished, FinishedArm } from "./finished-runs.js";

/** Of every bootstrap here. */
const SEED = 0;

/**
 * Figures of an arm: of all runs that differ in their seed alone.
 *
 * @category Studies
 */
export interface ArmResult extends Arm {
  /** As its runs are named, without the seed. */
  readonly name: string;
  /** Of its finished runs. */
  readonly seeds: readonly number[];
  /** Of the holistic score, and of comments where answers hold one. */
  readonly figures: PooledFigures;
  /** Means over the attributes; null where answers hold none. */
  readonly attributes: PooledFigures | null;
  /** Pictures whose score could not be understood, by seed; they are in no figure. */
  readonly failed: readonly number[];
  /** Seconds of training, by seed. */
  readonly trainSeconds: readonly number[];
  /** Seconds of reading the test pictures' scores, by seed. */
  readonly readSeconds: readonly number[];
}

/**
 * What `claims.json` holds.
 *
 * @category Studies
 */
export interface ExperimentResults {
  /** Of the experiment's file. */
  readonly description: string;
  /** The paper's claims as questions, with the answers. */
  readonly claims: readonly Claim[];
  /** Figures of every arm. */
  readonly arms: readonly ArmResult[];
  /** Runs that are not finished. */
  readonly missing: readonly string[];
  /** How many pictures. */
  readonly pictures: {
    /** Of the training part. */
    readonly train: number;
    /** Of the test part. */
    readonly test: number;
    /** Sets that those of the test part come in; absent where each is by itself. */
    readonly sets?: number;
  };
  /** Where the figures come from. */
  readonly provenance: {
    /** What was run. */
    readonly config: ExperimentConfig;
    /** Pre-trained models by backbone. */
    readonly bases: Readonly<Record<string, BaseRecord>>;
    /** Where these figures were computed from the runs' predictions. */
    readonly environment: RunEnvironment;
    /** Git revisions of the program that trained the runs. */
    readonly trainedBy: readonly string[];
    /** Seconds of all sessions, on the clock. */
    readonly seconds: number;
    /** When the figures were computed, in ISO 8601. */
    readonly date: string;
    /** How intervals were made. */
    readonly bootstrap: {
      /** Of the resamples. */
      readonly seed: number;
      /** How many. */
      readonly resamples: number;
      /** Share of the resamples between the ends of an interval. */
      readonly level: 0.95;
      /** What is drawn anew. */
      readonly over: string;
    };
  };
}

export type ResultParts = Pick<ExperimentResults, "pictures"> &
  Pick<ExperimentResults["provenance"], "bases" | "environment" | "seconds">;

/** Figures and claims of the finished runs. */
export function resultsOf(config: ExperimentConfig, finished: Finished, parts: ResultParts): ExperimentResults {
  const drawn = { seed: SEED, resamples: config.resamples };
  const { sets } = finished;
  const options = { ...drawn, sets };
  const { bases, environment, seconds, pictures } = parts;
  const over = `${sets ? "sets of pictures" : "pictures"} and runs, both drawn with replacement; paired by picture, backbone and seed`;
  return {
    description: config.description,
    claims: claimsOf(config, finished, options),
    arms: finished.arms.map((arm) => armResult(arm, finished, options)),
    missing: finished.missing,
    pictures: { ...pictures, ...(sets && { sets: new Set(sets).size }) },
    provenance: {
      config,
      bases,
      environment,
      trainedBy: revisionsOf(finished),
      seconds: Math.round(seconds),
      date: new Date().toISOString(),
      bootstrap: { ...drawn, level: 0.95, over },
    },
  };
}

function revisionsOf({ arms }: Finished): string[] {
  return [...new Set(arms.flatMap(({ runs }) => runs.flatMap(({ revisions }) => revisions)))].sort();
}

function armResult({ runs, ...arm }: FinishedArm, { truth }: Finished, options: CompareOptions): ArmResult {
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
