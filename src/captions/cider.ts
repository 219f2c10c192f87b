/**
 * CIDEr (Vedantam, Zitnick and Parikh 2015): similarity of a caption to its references, by the n-grams that they share,
 * each weighted by how rare it is in the references of the corpus. Without the paper's stemming, as in the reference code.
 */

/** A caption and its human references, as tokens without white space. */
export interface TokenizedCaption {
  readonly hypothesis: readonly string[];
  /** At least one. */
  readonly references: readonly (readonly string[])[];
}

export interface CiderScore {
  /** Cosine similarity only (the paper's Eq. 3), times 10; in [0, 10]. */
  readonly cider: number;
  /** CIDEr-D (section 7): with clipped counts and a length penalty; in [0, 10]. Equals `pycocoevalcap`. */
  readonly ciderD: number;
}

/** n-grams of 1 to 4 tokens, equally weighted. */
const MAX_N = 4;
/** Of CIDEr-D's Gaussian penalty, in tokens. */
const SIGMA = 6;
const FACTOR = 10;

/** The score of every item; the document frequencies come from the references of all of them. */
export function ciderScores(items: readonly TokenizedCaption[]): CiderScore[] {
  const counted = items.map(({ hypothesis, references }) => ({
    hypothesis: countNgrams(hypothesis),
    references: references.map(countNgrams),
  }));
  const frequencies = documentFrequencies(counted.map(({ references }) => references));
  const rarity = (ngram: string): number => Math.log(items.length) - Math.log(Math.max(1, frequencies.get(ngram) ?? 0));
  return counted.map(({ hypothesis, references }) => {
    const own = weigh(hypothesis, rarity);
    const scores = references.map((reference) => similarity(own, weigh(reference, rarity)));
    const mean = (of: (score: CiderScore) => number): number =>
      (FACTOR * scores.reduce((sum, score) => sum + of(score), 0)) / scores.length;
    return { cider: mean(({ cider }) => cider), ciderD: mean(({ ciderD }) => ciderD) };
  });
}

/** Number of occurrences of each n-gram in a sentence: one map per n. Tokens have no spaces, so joined ones stay distinct. */
type Counts = readonly ReadonlyMap<string, number>[];

function countNgrams(tokens: readonly string[]): Counts {
  return Array.from({ length: MAX_N }, (_, k) => {
    const counts = new Map<string, number>();
    for (let i = 0; i + k < tokens.length; i++) {
      const ngram = tokens.slice(i, i + k + 1).join(" ");
      counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
    }
    return counts;
  });
}

/** Document frequency: the number of items with the n-gram in at least one reference. */
function documentFrequencies(items: readonly (readonly Counts[])[]): Map<string, number> {
  const frequencies = new Map<string, number>();
  for (const references of items) {
    const ngrams = new Set(references.flatMap((counts) => counts.flatMap((one) => [...one.keys()])));
    for (const ngram of ngrams) frequencies.set(ngram, (frequencies.get(ngram) ?? 0) + 1);
  }
  return frequencies;
}

/** A sentence as vectors of TF-IDF weights, one per n. */
interface Weighted {
  readonly vectors: readonly { readonly weights: ReadonlyMap<string, number>; readonly norm: number }[];
  /** The number of bigrams, which is what the reference code takes for the length. */
  readonly length: number;
}

function weigh(counts: Counts, rarity: (ngram: string) => number): Weighted {
  const vectors = counts.map((one) => {
    const weights = new Map(Array.from(one, ([ngram, count]) => [ngram, count * rarity(ngram)]));
    return { weights, norm: Math.sqrt([...weights.values()].reduce((sum, weight) => sum + weight * weight, 0)) };
  });
  const length = [...(counts[1]?.values() ?? [])].reduce((sum, count) => sum + count, 0);
  return { vectors, length };
}

/** Mean over n of the similarities of two sentences, in [0, 1]. 0 for a sentence without weight. */
function similarity(own: Weighted, other: Weighted): CiderScore {
  let [cider, ciderD] = [0, 0];
  own.vectors.forEach(({ weights, norm }, k) => {
    const against = other.vectors[k];
    if (against === undefined || norm === 0 || against.norm === 0) return;
    for (const [ngram, weight] of weights) {
      const theirs = (against.weights.get(ngram) ?? 0) / (norm * against.norm) / MAX_N;
      cider += weight * theirs;
      ciderD += Math.min(weight, against.weights.get(ngram) ?? 0) * theirs;
    }
  });
  return { cider, ciderD: ciderD * Math.exp(-((own.length - other.length) ** 2) / (2 * SIGMA ** 2)) };
}
