/** Where scores stand among those that the same judge has given in the library. */
import type { Model } from "../engine/index.js";
import { isRocError } from "../errors.js";
import type { Judge } from "../library/catalog.js";
import { isJudge } from "../library/judge.js";
import type { Library } from "./library.js";

/** The judge of a library that scores as a model does; undefined where there is none. */
export async function judgeOf(library: Library, model: Model): Promise<Judge | undefined> {
  const judges = await library.ask("judges", {});
  return judges.find((judge) => isJudge(judge, model));
}

/** Percentiles of scores, in their order; nothing where no library has scores of the model. */
export async function percentilesOf(
  library: Library | undefined,
  model: Model,
  scores: readonly number[],
): Promise<readonly (number | undefined)[]> {
  if (!library || scores.length === 0) return [];
  try {
    const judge = await judgeOf(library, model);
    return judge ? await library.ask("percentiles", { judge: judge.id, scores }) : [];
  } catch (error) {
    // There may be no library yet, or one that cannot be read: scores need none.
    if (isRocError(error) && error.code !== "INTERNAL") return [];
    throw error;
  }
}
