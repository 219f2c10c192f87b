/**
 * The method: a score vocabulary, texts that hold scores, the loss that supervises both apart, and two ways to read
 * scores. Sees models only through `models/types.ts`.
 */
export {
  addScoreTokens,
  presentScoreTokens,
  ratingsFrom,
  toScale,
  vocabularyFromConfig,
  voteTargets,
  weightsFromConfig,
  type Scale,
  type ScoreTokenOptions,
  type ScoreVocabulary,
} from "./vocabulary.js";
export { LOSS_PRESETS, type LossPreset, type LossWeights } from "./weights.js";
export { softTargets } from "./soft-targets.js";
export {
  checkSetAnswers,
  DEFAULT_TEMPLATES,
  commentComesFirst,
  fillAnswer,
  fillComment,
  hasComment,
  fillSlots,
  LEVELS,
  loadTemplates,
  parseTemplates,
  renderAnswer,
  saveTemplates,
  scoreName,
  scoreNames,
  TEMPLATES_FILE,
  type RocTemplates,
} from "./template.js";
export {
  levelLoss,
  rocLoss,
  textLoss,
  weightedSum,
  type LevelSlot,
  type RocLoss,
  type RocLossInput,
} from "./losses.js";
export { answerSlots, type AnswerSlot } from "./slots.js";
export { pairsOf } from "./rating-losses.js";
export type { ScoreReading } from "./reading.js";
export { splitImages, splitSets } from "./images.js";
export { askSets, readSets, setAnswer, setNames, setPrompt, type SetOrder, type SetQuestion } from "./sets.js";
export { prefillScores, prefillText, scoreByPrefill, type ScoringParts } from "./prefill.js";
export { generate, generateAsync, type Generation, type GenerationStep, type GenerateOptions } from "./generate.js";
export { STRATEGY_NAMES, type PaperStrategy, type ReadingName, type StrategyName } from "./strategy-names.js";
export {
  choose,
  headNames,
  NO_SCORER,
  recognise,
  refuseOptions,
  SCORER_KEY,
  SCORER_NAMES,
  scorerNamed,
  type ChosenScorer,
  type ScorerOptions,
} from "./published/index.js";
export { scorerStrategy, scorerTemplates, withSystem } from "./published/readings.js";
export { lastPart } from "./published/names.js";
export type { CheckpointName, Clues, PublishedScorer, ScorerInfo } from "./published/types.js";
export { readAnswers } from "./comment.js";
export type { Pictures, PictureText } from "./pictures.js";
export type { Strategy, StrategyParts } from "./strategy.js";
export {
  createStrategy,
  parseScores,
  rocStrategy,
  SET_TEMPLATES,
  strategyOf,
  usesScoreTokens,
} from "./strategies/index.js";
export { readPictures, readQuestions, type PictureReading, type QuestionReading } from "./questions.js";
export type { Question, WrittenText } from "./question.js";
