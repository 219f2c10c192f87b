/**
 * SPICE's score (Anderson et al. 2016): the F-score of a caption's scene graph against the references'. The graphs are
 * given; report the parser that produced them with the figure, which depends on it.
 */

/** The content of sentences, in lemmas. The graph of several references is the union of theirs. */
export interface SceneGraph {
  readonly objects: readonly string[];
  readonly attributes: readonly (readonly [object: string, attribute: string])[];
  readonly relations: readonly (readonly [subject: string, relation: string, object: string])[];
}

/** Whether two words mean the same, as by a common WordNet synset. Never called with equal words. */
export type Synonyms = (a: string, b: string) => boolean;

/** All figures in [0, 1]. */
export interface TupleScore {
  readonly f: number;
  /** Share of the caption's tuples that match a reference's. */
  readonly precision: number;
  /** Matched tuples of the caption by the number of the references'. */
  readonly recall: number;
}

/** The score over all tuples, and per kind; `null` for a kind of which the references have no tuple. */
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

/** The corpus's score: the mean of the captions'; `null` without captions. */
export function meanSpice(scores: readonly SpiceScore[]): number | null {
  return scores.length === 0 ? null : scores.reduce((sum, { f }) => sum + f, 0) / scores.length;
}

function tuplesOf(graph: SceneGraph, kind: keyof SceneGraph): Tuple[] {
  return kind === "objects" ? graph.objects.map((object) => [object]) : [...graph[kind]];
}

type Alike = (a: Tuple, b: Tuple) => boolean;

function distinct(tuples: readonly Tuple[], alike: Alike): Tuple[] {
  const unique: Tuple[] = [];
  for (const tuple of tuples) if (!unique.some((other) => alike(tuple, other))) unique.push(tuple);
  return unique;
}

function score(own: readonly Tuple[], theirs: readonly Tuple[], alike: Alike): TupleScore {
  const matched = own.filter((tuple) => theirs.some((other) => alike(tuple, other))).length;
  if (matched === 0) return { f: 0, precision: 0, recall: 0 };
  const [precision, recall] = [matched / own.length, matched / theirs.length];
  return { f: (2 * precision * recall) / (precision + recall), precision, recall };
}
