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
import { setStrategy } from "./set.js";

export { rocStrategy };
export { SET_TEMPLATES } from "./set.js";
export { parseScores } from "./direct.js";

/** How a strategy is made: of a model's score tokens, or of a scale alone. */
type Kind =
  | { readonly ofTokens: (vocabulary: ScoreVocabulary) => Strategy }
  | { readonly ofScale: (scale: Scale, levels?: readonly string[]) => Strategy };

const KINDS: Readonly<Record<StrategyName, Kind>> = {
  roc: { ofTokens: rocStrategy },
  coupled: { ofTokens: coupledStrategy },
  level: { ofScale: levelStrategy },
  direct: { ofScale: directStrategy },
  set: { ofTokens: setStrategy },
};

/** Whether a strategy needs the score tokens. */
export function usesScoreTokens(name: StrategyName): boolean {
  return "ofTokens" in KINDS[name];
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
  const kind = KINDS[name];
  if ("ofTokens" in kind) {
    if (!vocabulary) throw new RocError("USAGE", `The strategy ${name} needs score tokens; the model has none.`);
    return kind.ofTokens(vocabulary);
  }
  const range = scale ?? vocabulary?.scale;
  if (!range) throw new RocError("USAGE", `The strategy ${name} needs the scale of its scores.`);
  return kind.ofScale(range, levels);
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
