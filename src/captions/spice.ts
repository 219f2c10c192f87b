/**
 * SPICE's score (Anderson et al. 2016): the F-score of what a caption's scene graph says against the references'. The
 * graphs are given: which parser made them must be said with the figure, as the score depends on it.
 */

/** What sentences say, in lemmas. The graph of several references is the union of theirs. */
export interface SceneGraph {
  readonly objects: readonly string[];
  readonly attributes: readonly (readonly [object: string, attribute: string])[];
  readonly relations: readonly (readonly [subject: string, relation: string, object: string])[];
}

/** Whether two words mean the same, as by a common WordNet synset. Equal words are never asked about. */
export type Synonyms = (a: string, b: string) => boolean;

/** All figures in [0, 1]. */
export interface TupleScore {
  readonly f: number;
  /** Share of the caption's tuples that a reference has. */
  readonly precision: number;
  /** Matched tuples of the caption by the number of the references'. */
  readonly recall: number;
}

/** The score over all tuples, with those of every kind; `null` for a kind that the references say nothing of. */
export interface SpiceScore extends TupleScore {
  readonly objects: TupleScore | null;
  readonly attributes: TupleScore | null;
  readonly relations: TupleScore | null;
}

type Tuple = readonly string[];

/**
 * The score of a caption. A tuple matches one of equal length whose words are all equal or synonyms; repeated tuples count
 * once. As in the reference implementation a tuple of the references may be matched more than once, and a side without
 * tuples gives 0.
 */
export function spice(caption: SceneGraph, references: SceneGraph, synonyms: Synonyms = () => false): SpiceScore {
  const alike = (a: Tuple, b: Tuple): boolean =>
    a.length === b.length && a.every((word, i) => word === b[i] || synonyms(word, b[i] ?? ""));
  const parts = (kind: keyof SceneGraph): [Tuple[], Tuple[]] => [
    distinct(tuplesOf(caption, kind), alike),
    distinct(tuplesOf(references, kind), alike),
  ];
  const [objects, attributes, relations] = [parts("objects"), parts("attributes"), parts("relations")];
  const kinds = [objects, attributes, relations];
  const all = [kinds.flatMap(([own]) => own), kinds.flatMap(([, theirs]) => theirs)] as const;
  const ofKind = ([own, theirs]: [Tuple[], Tuple[]]): TupleScore | null =>
    theirs.length === 0 ? null : score(own, theirs, alike);
  return {
    ...score(...all, alike),
    objects: ofKind(objects),
    attributes: ofKind(attributes),
    relations: ofKind(relations),
  };
}

/** The corpus's score: the mean of the captions'; `null` of none. */
export function meanSpice(scores: readonly SpiceScore[]): number | null {
  return scores.length === 0 ? null : scores.reduce((sum, { f }) => sum + f, 0) / scores.length;
}

function tuplesOf(graph: SceneGraph, kind: keyof SceneGraph): Tuple[] {
  return kind === "objects" ? graph.objects.map((object) => [object]) : [...graph[kind]];
}

type Alike = (a: Tuple, b: Tuple) => boolean;

function distinct(tuples: readonly Tuple[], alike: Alike): Tuple[] {
  const kept: Tuple[] = [];
  for (const tuple of tuples) if (!kept.some((other) => alike(tuple, other))) kept.push(tuple);
  return kept;
}

function score(own: readonly Tuple[], theirs: readonly Tuple[], alike: Alike): TupleScore {
  const matched = own.filter((tuple) => theirs.some((other) => alike(tuple, other))).length;
  if (matched === 0) return { f: 0, precision: 0, recall: 0 };
  const [precision, recall] = [matched / own.length, matched / theirs.length];
  return { f: (2 * precision * recall) / (precision + recall), precision, recall };
}
