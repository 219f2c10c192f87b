/** The comments of an evaluation against what people wrote. */
import type { Prediction } from "./prediction.js";
import { scoreCaptions } from "../captions/index.js";
import { spiceOfCorpus, type SpiceOptions } from "../captions/spice-corpus.js";

/**
 * How the comments agree with those of people.
 *
 * @category Evaluation
 */
export interface CaptionFigures {
  /** Pictures with a comment and references. */
  readonly count: number;
  /** CIDEr, from 0 to 10; null where it is not defined. */
  readonly cider: number | null;
  /** CIDEr-D, from 0 to 10; null where it is not defined. */
  readonly ciderD: number | null;
  /** SPICE, or our simpler form of it, with the name of the parser, as the score depends on it. */
  readonly spice: {
    /** Of the scene graphs. */
    readonly parser: string;
    /** Mean over the pictures, in [0, 1]; null where there is none. */
    readonly value: number | null;
  };
}

/** The figures, or null where no picture has a comment beside references. */
export async function captionFigures(
  predictions: readonly Prediction[],
  options: SpiceOptions = {},
): Promise<CaptionFigures | null> {
  const pairs = predictions.flatMap(({ id, comment, references }) =>
    comment !== undefined && references && references.length > 0 ? [{ id, comment, references }] : [],
  );
  if (pairs.length === 0) return null;
  const corpus = {
    hypotheses: Object.fromEntries(pairs.map(({ id, comment }) => [id, comment])),
    references: Object.fromEntries(pairs.map(({ id, references }) => [id, references])),
  };
  const { cider, ciderD } = scoreCaptions(corpus);
  const { parser, value } = await spiceOfCorpus(corpus, options);
  return { count: pairs.length, cider, ciderD, spice: { parser, value } };
}
