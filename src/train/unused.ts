/** Labels of a data set that a run does not learn from. */
import type { Sample } from "../data/index.js";
import { hasComment, isScoreName, scoreNames, type LossWeights, type RocTemplates } from "../roc/index.js";

/** What decides which labels are trained. */
export interface TrainedBy {
  readonly templates: Pick<RocTemplates, "answers">;
  readonly weights: LossWeights;
  /** Whether the strategy has score tokens, whose logits votes can be compared with. */
  readonly scoreTokens: boolean;
}

/**
 * Labels that the samples have and that nothing is trained on, each with what to do about it.
 *
 * @returns sentences; none where everything is trained
 */
export function untrainedLabels(
  samples: readonly Sample[],
  { templates: { answers }, weights, scoreTokens }: TrainedBy,
): string[] {
  const named = new Set(answers.flatMap(scoreNames));
  const counts = new Map<string, number>();
  for (const { attributes = {} } of samples) {
    for (const name of Object.keys(attributes)) if (!named.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const commented = answers.some(hasComment) ? 0 : samples.filter(({ comments }) => comments !== undefined).length;
  const usesVotes = scoreTokens && (weights.ce > 0 || weights.emd > 0);
  const voted = usesVotes ? 0 : samples.filter(({ votes }) => votes !== undefined).length;
  return [...attributeNotes(counts), ...commentNotes(commented), ...voteNotes(voted, scoreTokens)];
}

const HOW = `in --templates FILE, or in "templates" of the configuration`;

function attributeNotes(counts: ReadonlyMap<string, number>): string[] {
  if (counts.size === 0) return [];
  const list = [...counts].map(([name, count]) => `${name} (${count} pictures)`).join(", ");
  const names = [...counts.keys()];
  const example = names.filter(isScoreName).map((name) => `{${name}}`).join(", "); // prettier-ignore
  const odd = names.filter((name) => !isScoreName(name));
  const add = example === "" ? "" : ` To train them, write an answer that holds ${example} ${HOW}.`;
  const rename =
    odd.length === 0
      ? ""
      : ` ${odd.map((name) => JSON.stringify(name)).join(", ")} cannot stand in a template: name such columns by letters, digits and _.`;
  return [`labels that are not trained, since no answer template names them: ${list}.${add}${rename}`];
}

function commentNotes(count: number): string[] {
  if (count === 0) return [];
  return [`comments of ${count} pictures are not trained, since no answer template holds {comment}: add it ${HOW}.`];
}

function voteNotes(count: number, scoreTokens: boolean): string[] {
  if (count === 0) return [];
  const why = scoreTokens
    ? "the loss weighs neither cross-entropy nor EMD (see --loss, --ce and --emd, or loss in the configuration)"
    : "the strategy has no score tokens that they could be compared with";
  return [`votes of ${count} pictures are not trained beyond their mean: ${why}.`];
}
