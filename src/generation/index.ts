/** Text from a model of any family: greedy or sampled, one prompt or a batch, at once or as a stream. */
export { GENERATION_CONFIG_FILE, readGenerationConfig } from "./config.js";
export { checkFinite, notFinite } from "./finite.js";
export { generate, generateSteps, generateStream, generateWithLogits, inTurns } from "./generate.js";
export type {
  Finished,
  GeneratedSequence,
  GenerationOptions,
  GenerationStep,
  ModelStep,
  Prompt,
  Sampling,
  StepToken,
} from "./types.js";
