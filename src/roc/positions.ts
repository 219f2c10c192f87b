/** What a model reads of a picture and its question, against the positions that it has. */
import { RocError } from "../errors.js";
import type { Mllm } from "../models/types.js";

/**
 * Checks that prompts and what follows them fit into a model's positions, behind which numbers have no meaning.
 *
 * @param prompts token ids, one a picture
 * @param behind tokens that follow each
 * @param refusal of a text that leaves no room for any picture, by the tokens of the longest prompt
 * @throws RocError what `refusal` makes; IMAGE_TOO_LARGE where one of the pictures alone has too many tokens
 */
export function checkPositions(
  { maxPositions = Infinity, placeholderIds }: Mllm,
  prompts: readonly (readonly number[])[],
  behind: number,
  refusal: (longest: number) => RocError,
): void {
  const longest = prompts.reduce((most, ids) => (ids.length > most.length ? ids : most), []);
  if (longest.length + behind <= maxPositions) return;
  const rows = longest.filter((id) => placeholderIds.includes(id)).length;
  const others = longest.length - rows + behind;
  if (others + Math.min(rows, 1) > maxPositions) throw refusal(longest.length);
  const has = `the picture takes ${rows} tokens and what goes with it ${others}, and the model has ${maxPositions} positions`;
  throw new RocError("IMAGE_TOO_LARGE", `${has}; make the picture smaller, or what is asked shorter`);
}
