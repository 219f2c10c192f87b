/** The strategies, and which of them a checkpoint was trained by. */
import { RocError } from "../../errors.js";
import type { Strategy } from "../strategy.js";
import type { StrategyName } from "../strategy-names.js";
import type { RocTemplates } from "../template.js";
import { vocabularyFromConfig, type Scale, type ScoreVocabulary } from "../vocabulary.js";
import { coupledStrategy } from "./coupled.js";
import { directStrategy } from "./direct.js";
import { levelStrategy } from "./level.js";
import { rocStrategy } from "./roc.js";

export { rocStrategy };
export { parseScores } from "./direct.js";

/** Whether a strategy needs the score tokens. */
export function usesScoreTokens(name: StrategyName): boolean {
  return name === "roc" || name === "coupled";
}

export interface StrategyOptions {
  /** Of a model that has score tokens. */
  readonly vocabulary?: ScoreVocabulary | undefined;
  /** Of one that has none. */
  readonly scale?: Scale | undefined;
  /** Words of `level`, worst first. */
  readonly levels?: readonly string[] | undefined;
}

/** @throws RocError USAGE where the strategy lacks the vocabulary or the scale that it needs */
export function createStrategy(name: StrategyName, { vocabulary, scale, levels }: StrategyOptions): Strategy {
  if (usesScoreTokens(name)) {
    if (!vocabulary) throw new RocError("USAGE", `The strategy ${name} needs score tokens; the model has none.`);
    return name === "roc" ? rocStrategy(vocabulary) : coupledStrategy(vocabulary);
  }
  const range = scale ?? vocabulary?.scale;
  if (!range) throw new RocError("USAGE", `The strategy ${name} needs the scale of its scores.`);
  return name === "level" ? levelStrategy(range, levels) : directStrategy(range);
}

/**
 * The strategy of a checkpoint: what its templates say, else `roc` where its config names score tokens.
 *
 * @returns undefined where neither says anything
 * @throws RocError CONFIG_INVALID for score tokens that make no sense
 */
export function strategyOf(
  config: Readonly<Record<string, unknown>>,
  templates: RocTemplates | undefined,
): Strategy | undefined {
  const vocabulary = vocabularyFromConfig(config);
  const name = templates?.strategy ?? (vocabulary && "roc");
  return name && createStrategy(name, { vocabulary, scale: templates?.scale, levels: templates?.levels });
}
