/** Whether questions fit into the positions of a model. */
import { RocError, beginning } from "../errors.js";
import { checkPositions } from "./positions.js";
import type { StrategyParts } from "./strategy.js";
import { fillComment, fillSlots, hasComment, scoreNames } from "./template.js";

/** Tokens of an answer, or a part of one, with its scores in place and without the comment. */
export function answerLength({ processor, strategy }: StrategyParts, answer: string): number {
  const { scale } = strategy;
  const scores = scoreNames(answer).map(() => strategy.write(scale.min));
  return processor.answer(fillSlots(fillComment(answer, ""), scores)).length;
}

/**
 * Checks that a prompt with its pictures, the answer's template and a token where the model writes fit.
 *
 * @param prompts token ids, one a picture
 * @param name what messages call the question
 * @throws RocError USAGE naming the tokens and the positions; IMAGE_TOO_LARGE where only a picture has too many
 */
export function checkLength(
  parts: StrategyParts,
  prompts: readonly (readonly number[])[],
  { name, prompt, answer }: { readonly name: string; readonly prompt: string; readonly answer?: string | undefined },
): void {
  const template = answer === undefined ? 0 : answerLength(parts, answer);
  const written = answer === undefined || hasComment(answer) ? 1 : 0;
  checkPositions(parts.model, prompts, template + written, (longest) => {
    const tokens = longest + template + written;
    const text = JSON.stringify(beginning((answer ?? prompt).replace("<image>", "").trim()));
    const needs = `needs ${tokens} tokens: ${longest} of the prompt with the picture's, and ${template + written} of the answer`;
    const remedy = `The model has ${parts.model.maxPositions} positions. Shorten it.`;
    return new RocError("USAGE", `${name} (${text}) ${needs}. ${remedy}`);
  });
}
