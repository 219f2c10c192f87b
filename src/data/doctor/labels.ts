/** Checks of the labels, without the images. */
import { voteStatistics } from "../ava.js";
import { attributeScale, SPLITS, type LoadedDataset, type Sample, type ScoreScale } from "../types.js";
import type { Column } from "./columns.js";
import type { ColumnReport, Finding, Problem, ProblemKind } from "./data-report.js";

/** Share of the scale by which a score may differ from the mean of its votes because of rounding. */
const MEAN_TOLERANCE = 0.01;
/** Share of the scale by which a standard deviation may exceed its bound, which is for the population, not a sample. */
const STD_TOLERANCE = 0.05;

/** Collects findings by kind. */
export class Findings {
  readonly #byKind = new Map<ProblemKind, Finding[]>();

  add(kind: ProblemKind, samples: readonly Sample[], detail: string, column?: string): void {
    const pictures = samples.map(({ id, split, image }) => ({ id, split, image }));
    const finding = { pictures, ...(column !== undefined && { column }), detail };
    const findings = this.#byKind.get(kind);
    if (findings) findings.push(finding);
    else this.#byKind.set(kind, [finding]);
  }

  /** In the order of `kinds`. */
  problems(kinds: readonly ProblemKind[]): Problem[] {
    return kinds.flatMap((kind) => {
      const findings = this.#byKind.get(kind);
      return findings ? [{ kind, findings }] : [];
    });
  }
}

/** Checks every label of every sample. */
export function checkLabels(
  data: LoadedDataset,
  samples: readonly Sample[],
  columns: readonly Column[],
  findings: Findings,
): void {
  const lengths = new Set<number>();
  for (const sample of samples) {
    for (const column of columns) checkValue(sample, column, findings);
    checkVotes(sample, data, lengths, findings);
    checkStd(sample, "std", sample.score, sample.std, data.scale, findings);
    for (const [name, std] of Object.entries(sample.attributeStds ?? {})) {
      checkStd(sample, `std of ${name}`, sample.attributes?.[name], std, attributeScale(data, name), findings);
    }
  }
}

function checkValue(sample: Sample, { name, scale, valueOf }: Column, findings: Findings): void {
  const value = valueOf(sample);
  if (value === undefined) return;
  if (!Number.isFinite(value)) findings.add("non-finite", [sample], `${name} is ${value}`, name);
  else if (name !== "std" && (value < scale.min || value > scale.max)) {
    findings.add("out-of-range", [sample], `${name} is ${value}, outside ${scale.min} to ${scale.max}`, name);
  }
}

/** @param lengths numbers of ratings seen so far: the first one counts as correct */
function checkVotes(
  sample: Sample,
  { scale, votesApart }: Pick<LoadedDataset, "scale" | "votesApart">,
  lengths: Set<number>,
  findings: Findings,
): void {
  const { votes, score } = sample;
  if (votes === undefined) return;
  lengths.add(votes.length);
  const [length = 0] = lengths;
  const { count, mean } = voteStatistics(votes);
  if (votes.length < 2 || !votes.every((n) => Number.isFinite(n) && n >= 0) || !(count > 0)) {
    findings.add("invalid-votes", [sample], `votes are [${votes.join(", ")}]`, "votes");
  } else if (votes.length !== length) {
    findings.add("invalid-votes", [sample], `votes for ${votes.length} ratings, others have ${length}`, "votes");
  } else if (votesApart !== true) {
    const voted = scale.min + ((mean - 1) / (votes.length - 1)) * (scale.max - scale.min);
    if (Math.abs(voted - score) > MEAN_TOLERANCE * (scale.max - scale.min)) {
      findings.add("votes-disagree", [sample], `score is ${score}, the votes' mean ${round(voted)}`, "votes");
    }
  }
}

/**
 * Ratings between `min` and `max` with the mean m have a variance of at most (max - m)(m - min) (Bhatia and Davis, 2000).
 */
function checkStd(
  sample: Sample,
  column: string,
  mean: number | undefined,
  std: number | undefined,
  { min, max }: ScoreScale,
  findings: Findings,
): void {
  if (std === undefined) return;
  if (!Number.isFinite(std)) {
    // The column "std" is already checked.
    if (column !== "std") findings.add("non-finite", [sample], `${column} is ${std}`, column);
    return;
  }
  const middle = mean !== undefined && mean >= min && mean <= max ? mean : (min + max) / 2;
  const bound = Math.sqrt((max - middle) * (middle - min)) + STD_TOLERANCE * (max - min);
  if (std >= 0 && std <= bound) return;
  findings.add("impossible-std", [sample], `${column} is ${std}, possible are 0 to ${round(bound)}`, column);
}

/** Columns with a single value: in the whole data set, or in one split of two rows or more. */
export function checkConstant(column: ColumnReport, findings: Findings): void {
  const filled = SPLITS.map((split) => ({ split, ...column.splits[split] })).filter(({ min }) => min !== null);
  const rows = filled.reduce((sum, { count }) => sum + count, 0);
  const values = new Set(filled.flatMap(({ min, max }) => [min, max]));
  if (rows < 2) return;
  if (values.size === 1) {
    findings.add("constant-column", [], `${column.name} is ${[...values].join()} in all ${rows} rows`, column.name);
    return;
  }
  for (const { split, count, min, max } of filled) {
    if (count < 2 || min !== max) continue;
    findings.add("constant-column", [], `${column.name} is ${min} in all ${count} rows of ${split}`, column.name);
  }
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
