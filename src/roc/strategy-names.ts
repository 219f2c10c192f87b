/** Names of the strategies. */

/** All of them. */
export const STRATEGY_NAMES = ["roc", "coupled", "level", "direct", "set"] as const satisfies readonly StrategyName[];
/** Those of the paper, which its tables and claims compare. */
export const PAPER_STRATEGIES = ["roc", "coupled", "level", "direct"] as const satisfies readonly PaperStrategy[];
/**
 * How a score is written into an answer, taught and read:
 *
 * - `roc`: T_p is in the text, the score is regressed from the T_s logits there (Eq. 5 and 6);
 * - `coupled`: a T_s is in the text as the level and is regressed too (Eq. 3 and 4);
 * - `level`: one of five words is in the text (Q-Align);
 * - `direct`: digits are in the text;
 * - `set`: as `roc`, of several pictures in one prompt: a T_p a picture in one sentence.
 *
 * @category The method
 */
export type StrategyName = PaperStrategy | "set";

/**
 * A strategy that the paper compares.
 *
 * @category The method
 */
export type PaperStrategy = "roc" | "coupled" | "level" | "direct";

/**
 * How a score is read: as by a {@link StrategyName}, or as published scorers are read, which are not trained so:
 *
 * - `words`: the first tokens of given words behind a prompt and a stem;
 * - `reward`: a reward head on the hidden state at a token of the prompt;
 * - `number`: a number in what the model writes behind its reasoning;
 * - `outputs`: what the network of a classical system gives, which writes nothing.
 *
 * @category The method
 */
export type ReadingName = StrategyName | "words" | "reward" | "number" | "outputs";
