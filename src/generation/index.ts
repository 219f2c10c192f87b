/** Text from a model of any family: greedy or sampled, one prompt or a batch, at once or as a stream. */
export { fillId, greedyOptions, leftAside, readGenerationConfig } from "./config.js";
export { joinImages } from "./batch.js";
export { decodingOf } from "./decode.js";
export { checkFinite } from "./finite.js";
export { generate, generateSteps, generateStream, generateWithLogits, inTurns } from "./generate.js";
export type { GeneratedSequence, GenerationOptions, ModelStep, Prompt, Sampling } from "./types.js";
