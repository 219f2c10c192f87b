/** Similarity of generated captions to human references: CIDEr, CIDEr-D and SPICE's tuple score. */
import { RocError } from "../errors.js";
import { ciderScores, type CiderScore } from "./cider.js";
import type { CaptionCorpus } from "./corpus.js";
import { splitTokens, tokenize } from "./tokenize.js";

export type { CaptionCorpus } from "./corpus.js";
export type { CiderScore } from "./cider.js";
export { meanSpice, spice, type SceneGraph } from "./spice.js";
export { loadTagger, PARSER, sceneGraph } from "./scene-graph.js";
export { OFFICIAL, spiceOfCorpus } from "./spice-corpus.js";
export { tokenize } from "./tokenize.js";
export { wordnetSynonyms } from "./wordnet.js";

/** Of the corpus (the means of the items; `null` without items), and of every item in the order of the hypotheses. */
export interface CaptionScores {
  readonly cider: number | null;
  readonly ciderD: number | null;
  readonly items: readonly (CiderScore & { readonly id: string })[];
}

/**
 * CIDEr and CIDEr-D of a corpus. Both weight n-grams by the corpus's own references: figures of different corpora are not
 * comparable, and a corpus of one item scores 0.
 * @throws RocError USAGE for an id with a hypothesis and no reference, or the other way round
 */
export function scoreCaptions({ hypotheses, references, tokenized = false }: CaptionCorpus): CaptionScores {
  const split = tokenized ? splitTokens : tokenize;
  const ids = Object.keys(hypotheses);
  const stray = Object.keys(references).find((id) => !Object.hasOwn(hypotheses, id));
  if (stray !== undefined)
    throw new RocError("USAGE", `captions: "${stray}" has references and no hypothesis; add one`);
  const items = Object.entries(hypotheses).map(([id, hypothesis]) => {
    const given = Object.hasOwn(references, id) ? (references[id] ?? []) : [];
    if (given.length === 0) throw new RocError("USAGE", `captions: "${id}" has no references; add one or leave it out`);
    return { hypothesis: split(hypothesis), references: given.map(split) };
  });
  const scores = ciderScores(items).map((score, i) => ({ id: ids[i] ?? "", ...score }));
  const mean = (of: (score: CiderScore) => number): number | null =>
    scores.length === 0 ? null : scores.reduce((sum, score) => sum + of(score), 0) / scores.length;
  return { cider: mean(({ cider }) => cider), ciderD: mean(({ ciderD }) => ciderD), items: scores };
}
