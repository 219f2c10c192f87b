/** `score --taste`: what a taste says of each photo, beside what the model says. */
import { resolve } from "node:path";
import type { Model, ScoreFailure, ScoreResult } from "../../engine/index.js";
import { RocError } from "../../errors.js";
import { isFailure } from "../shared/json.js";
import type { RankedResult } from "./selection.js";

type Taster = (outcome: ScoreResult | ScoreFailure) => RankedResult | ScoreFailure;

/**
 * Adds `taste` to results. Looks for the taste at once: hours of scoring should not end in an error.
 *
 * @param library its file; undefined: the user's own
 * @throws RocError FILE_NOT_FOUND where there is no such taste; USAGE where it was learned on vectors of another checkpoint
 */
export async function tasterFor(name: string, library: string | undefined, model: Model): Promise<Taster> {
  const { Catalog } = await import("../../library/catalog.js");
  const { defaultLibrary } = await import("../../library/open.js");
  using catalog = await Catalog.open(library === undefined ? defaultLibrary() : resolve(library));
  const { length, score } = catalog.tasteFor(name, model);
  return (outcome) => {
    if (isFailure(outcome)) return outcome;
    const { embedding, ...result } = outcome;
    if (embedding?.length !== length)
      throw new RocError("INTERNAL", `${outcome.file}: the model gave no vector for the taste.`);
    return { ...result, taste: { name, score: score(outcome.score, embedding) } };
  };
}
