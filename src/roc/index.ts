/**
 * The method: a score vocabulary, texts that hold scores, the loss that supervises both apart, and two ways to read
 * scores. Sees models only through `models/types.ts`.
 */
export {
  addScoreTokens,
  POSITION_TOKEN,
  scoreToken,
  toScale,
  vocabularyFromConfig,
  voteTargets,
  weightsFromConfig,
  type Scale,
  type ScoreTokenOptions,
  type ScoreVocabulary,
} from "./vocabulary.js";
export { LOSS_PRESETS, type LossWeights } from "./weights.js";
export {
  DEFAULT_TEMPLATES,
  fillAnswer,
  loadTemplates,
  parseTemplates,
  renderAnswer,
  saveTemplates,
  scoreNames,
  TEMPLATES_FILE,
  type RenderedAnswer,
  type RocTemplates,
} from "./template.js";
export { rocLoss, type RocLoss, type RocLossInput } from "./losses.js";
export type { ScoreReading } from "./reading.js";
export { scoreByPrefill, type ScoringParts } from "./prefill.js";
export { generate, type Generation, type GenerationStep, type GenerateOptions } from "./generate.js";
