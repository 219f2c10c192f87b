/** Options that make sense, with a message for those that do not. */
import { RocError } from "../errors.js";
import type { GenerationOptions, Prompt } from "./types.js";

const DEFAULT_MAX_NEW_TOKENS = 256;

/** A number with what it must be and whether it is. */
type Check = readonly [name: string, value: number | undefined, what: string, fits: (value: number) => boolean];

/**
 * The options with `maxNewTokens` filled in.
 *
 * @throws RocError USAGE naming the option, its value and what it must be
 */
export function checkOptions(options: GenerationOptions): GenerationOptions & { readonly maxNewTokens: number } {
  const { maxNewTokens = DEFAULT_MAX_NEW_TOKENS, repetitionPenalty, stopStrings = [], sampling = {} } = options;
  const { temperature, topK, topP, seed } = sampling;
  const above0 = (value: number): boolean => value > 0 && value < Infinity;
  const count = (value: number): boolean => Number.isSafeInteger(value) && value > 0;
  const checks: readonly Check[] = [
    ["maxNewTokens", maxNewTokens, "a whole number above 0", count],
    ["maxLength", options.maxLength, "a whole number above 0", count],
    ["repetitionPenalty", repetitionPenalty, "a number above 0", above0],
    ["noRepeatNgramSize", options.noRepeatNgramSize, "a whole number above 0", count],
    ["minNewTokens", options.minNewTokens, "a whole number from 0", (value) => value === 0 || count(value)],
    ["minLength", options.minLength, "a whole number from 0", (value) => value === 0 || count(value)],
    ["sampling.temperature", temperature, "a number above 0 (for the likeliest token leave out `sampling`)", above0],
    ["sampling.topK", topK, "a whole number above 0", count],
    ["sampling.topP", topP, "a number from 0 to 1", (value) => value >= 0 && value <= 1],
    ["sampling.seed", seed, "a whole number", Number.isSafeInteger],
  ];
  for (const [name, value, what, fits] of checks) {
    if (value !== undefined && !fits(value)) throw new RocError("USAGE", `${name} is ${value}; give ${what}.`);
  }
  if (stopStrings.includes("")) throw new RocError("USAGE", "stopStrings: an empty text would end every sequence.");
  if (stopStrings.length > 0 && !options.tokenizer) {
    throw new RocError("USAGE", "stopStrings are found in the text: give the processor's `tokenizer` with them.");
  }
  return { ...options, maxNewTokens };
}

/** @throws RocError USAGE where there is none, one without tokens, or one with more than the model has positions */
export function checkPrompts(prompts: readonly Prompt[], maxPositions = Infinity): void {
  const empty = prompts.findIndex(({ ids }) => ids.length === 0);
  if (prompts.length === 0) throw new RocError("USAGE", "Generation needs a prompt; the list of them is empty.");
  if (empty >= 0) throw new RocError("USAGE", `Prompt ${empty} has no token; give it at least the begin token.`);
  const long = prompts.findIndex(({ ids }) => ids.length > maxPositions);
  if (long < 0) return;
  const tokens = `${prompts[long]?.ids.length} tokens with its pictures'`;
  throw new RocError("USAGE", `Prompt ${long} has ${tokens}, and the model ${maxPositions} positions. Shorten it.`);
}
