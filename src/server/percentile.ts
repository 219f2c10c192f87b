/** Where scores stand among those that the same judge has given in the library. */
import { isDeepStrictEqual } from "node:util";
import type { Model } from "../engine/index.js";
import { isRocError } from "../errors.js";
import type { Judge } from "../library/catalog.js";
import type { Library } from "./library.js";

/** The judge of a library that scores as a model does; undefined where there is none. */
export async function judgeOf(library: Library, { digest, settings }: Model): Promise<Judge | undefined> {
  const plain: unknown = JSON.parse(JSON.stringify(settings ?? {}));
  const judges = await library.ask("judges", {});
  return judges.find((judge) => judge.checkpoint === digest && isDeepStrictEqual(judge.settings, plain));
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
    // There may be no library yet.
    if (isRocError(error) && error.code === "FILE_NOT_FOUND") return [];
    throw error;
  }
}
