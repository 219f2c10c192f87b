/** What goes from a small judge to a large one: the best share of photos, by what a library has of the small one's scores. */
import { thresholdOf } from "../metrics/cascade.js";
import type { Model } from "../engine/index.js";
import { RocError } from "../errors.js";
import { Catalog, type Judge } from "./catalog.js";
import { isJudge } from "./judge.js";
import { placesOf } from "./places.js";

/** Of photos, those that a first judge lets through. */
export interface Contenders {
  /** The first judge, as the library has it. */
  readonly judge: Judge;
  /** Paths of photos that it has scored, with their scores. */
  readonly scored: ReadonlyMap<string, number>;
  /** Of these the best share, and what scores as high as the last of them. */
  readonly files: ReadonlySet<string>;
}

/**
 * The contenders among photos that a model has scored.
 *
 * @param library its file
 * @param files paths of the photos that are compared; those without a score are left out
 * @param share of them that is let through, in (0, 1]
 */
export async function contenders(
  library: string,
  files: readonly string[],
  model: Model,
  share: number,
): Promise<Contenders> {
  using catalog = await Catalog.open(library);
  const judge = judgeOf(catalog, model);
  const scores = new Map(catalog.scoresOf(judge));
  const places = await placesOf(files);
  const scored = new Map(
    files.flatMap((file, i) => {
      const score = scores.get(places[i] ?? "");
      return score === undefined ? [] : [[file, score] as const];
    }),
  );
  const least = thresholdOf([...scored.values()], share);
  return { judge, scored, files: new Set([...scored].flatMap(([file, score]) => (score >= least ? [file] : []))) };
}

/** A model among the judges of a library into which it has scanned. */
export function judgeOf(catalog: Catalog, model: Model): Judge {
  const judge = catalog.judges().find((one) => isJudge(one, model));
  if (judge) return judge;
  throw new RocError("INTERNAL", `${model.name} has scanned, and ${catalog.file} does not know it.`);
}
