/** `score --percentile`: where scores stand among those of the same call, or of the same judge in a library. */
import type { Model } from "../../engine/index.js";
import { RocError } from "../../errors.js";
import type { Catalog, Judge } from "../../library/catalog.js";
import { isJudge } from "../../library/judge.js";
import { Ranking } from "../../library/ranking.js";
import { isFailure } from "../shared/json.js";
import { decisiveScore, type Ranked } from "./selection.js";

type Outcome = Ranked;
type Percentile = (score: number) => number | undefined;

function ranked(outcomes: readonly Outcome[], percentile: Percentile): Ranked[] {
  return outcomes.map((outcome) => {
    const found = isFailure(outcome) ? undefined : percentile(decisiveScore(outcome));
    return found === undefined ? outcome : { ...outcome, percentile: found };
  });
}

/** Every result with the share of the others that score lower, equal ones counted half, from 0 to 100. */
export function amongThese(outcomes: readonly Outcome[]): Ranked[] {
  const scores = outcomes.flatMap((outcome) => (isFailure(outcome) ? [] : [decisiveScore(outcome)]));
  const ranking = new Ranking(Float64Array.from(scores).sort());
  return ranked(outcomes, (score) => ranking.percentile(score));
}

/**
 * What gives every result its place among the library's pictures, by the judge that scores as `model` does. Looks for that one at
 * once: hours of scoring should not end in an error.
 *
 * @throws RocError as `Catalog.open`; USAGE where the library has no scores of that judge
 */
export async function amongLibrary(
  file: string,
  model: Model,
): Promise<(outcomes: readonly Outcome[]) => Promise<Ranked[]>> {
  // The database is native code, which few calls need.
  const { Catalog } = await import("../../library/catalog.js");
  using catalog = await Catalog.open(file);
  const judge = judgeOf(catalog, file, model);
  return async (outcomes) => {
    using open = await Catalog.open(file);
    return ranked(outcomes, (score) => open.percentile(score, judge));
  };
}

/** @throws RocError USAGE naming who has scored instead */
function judgeOf(catalog: Catalog, file: string, model: Model): Judge {
  const judges = catalog.judges();
  const judge = judges.find((one) => isJudge(one, model));
  if (judge) return judge;
  const known = judges.map(({ name }) => name).join(", ");
  throw new RocError(
    "USAGE",
    `--library ${file} has no scores by ${model.name} with these settings${known === "" ? "" : `, but by ${known}`}. ` +
      "Scan it with the same checkpoint and options, or leave --library out.",
  );
}
