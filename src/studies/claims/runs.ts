/** The runs of an experiment: every strategy under every condition from the same weights, with every seed. */
import { join } from "node:path";
import type { StrategyName } from "../../roc/strategy-names.js";
import type { ExperimentConfig } from "./config.js";

/**
 * What is compared: the runs of an arm differ only in their seed.
 *
 * @category Studies
 */
export interface Arm {
  /** The model's name in the experiment's file. */
  readonly backbone: string;
  /** The texts' name there. */
  readonly condition: string;
  /** How scores are written, taught and read. */
  readonly strategy: StrategyName;
  /** N; without a meaning where the strategy uses no score tokens. */
  readonly scoreTokens: number;
}

/** One run. */
export interface Run extends Arm {
  readonly seed: number;
  /** Unique; also the path of its folder. */
  readonly name: string;
}

/** All runs, one seed after the other: a run that is cut short still holds whole comparisons. */
export function runsOf(config: ExperimentConfig): Run[] {
  return config.seeds.flatMap((seed) =>
    armsOf(config).map((arm) => ({ ...arm, seed, name: runName(armName(arm, config), seed) })),
  );
}

/** What is compared, in the order of tables. */
export function armsOf({ backbones, conditions, strategies, scoreTokens, ablation }: ExperimentConfig): Arm[] {
  const plain = Object.keys(backbones).flatMap((backbone) =>
    Object.entries(conditions).flatMap(([condition, own]) =>
      !own.backbones || own.backbones.includes(backbone)
        ? (own.strategies ?? strategies).map((strategy) => ({ backbone, condition, strategy, scoreTokens }))
        : [],
    ),
  );
  if (!ablation) return plain;
  const others = ablation.scoreTokens.filter((n) => n !== scoreTokens);
  const ablated = (ablation.backbones ?? Object.keys(backbones)).flatMap((backbone) =>
    others.map((n): Arm => ({ backbone, condition: ablation.condition, strategy: "roc", scoreTokens: n })),
  );
  return [...plain, ...ablated];
}

/** All strategies of an experiment, in the order of its file. */
export function strategiesOf({ strategies, conditions }: ExperimentConfig): StrategyName[] {
  return [...new Set([...strategies, ...Object.values(conditions).flatMap((own) => own.strategies ?? [])])];
}

/** As "llava/score/roc", with N where it is another one than the experiment's. */
export function armName(arm: Arm, { scoreTokens }: Pick<ExperimentConfig, "scoreTokens">): string {
  const n = arm.scoreTokens === scoreTokens ? "" : `-n${arm.scoreTokens}`;
  return `${arm.backbone}/${arm.condition}/${arm.strategy}${n}`;
}

/** As "llava/score/roc/seed-1". */
export function runName(arm: string, seed: number): string {
  return `${arm}/seed-${seed}`;
}

/** The folder of a run; "cells" is what the format calls them. */
export function runFolder({ work }: Pick<ExperimentConfig, "work">, { name }: Pick<Run, "name">): string {
  return join(work, "cells", name);
}
