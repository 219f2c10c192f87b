/** Checks of sets: pictures that are compared with each other. */
import { groupBySet } from "../group-by.js";
import type { Sample } from "../types.js";
import type { SetCounts } from "./data-report.js";
import type { Findings } from "./labels.js";

/** Sets of the samples; what is in several splits would be learnt and asked for. Undefined where there are no sets. */
export function checkSets(samples: readonly Sample[], findings: Findings): SetCounts | undefined {
  const sets = groupBySet(samples);
  if (sets.size === 0) return undefined;
  for (const [name, pictures] of sets) {
    const splits = new Set(pictures.map(({ split }) => split));
    if (splits.size > 1) findings.add("set-across-splits", pictures, `the set "${name}" is in ${[...splits].join(" and ")}`); // prettier-ignore
  }
  const sizes = [...sets.values()].map(({ length }) => length).filter((length) => length > 1);
  const pictures = sizes.reduce((sum, length) => sum + length, 0);
  // Of none, 0.
  const [smallest, largest] = sizes.length > 0 ? [Math.min(...sizes), Math.max(...sizes)] : [0, 0];
  return { count: sizes.length, pictures, smallest, largest, single: sets.size - sizes.length };
}

/** A sentence on the sets. */
export function setsText({ count, pictures, smallest, largest, single }: SetCounts): string {
  const size = smallest === largest ? `${smallest}` : `${smallest} to ${largest}`;
  const alone = single > 0 ? `; ${single} with a single picture, which is compared with nothing` : "";
  return `Sets: ${count} of ${size} pictures, ${pictures} in all${alone}.`;
}
