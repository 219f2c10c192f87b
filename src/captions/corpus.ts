/** What the comparison of captions takes. */

/** One caption and at least one reference per id. */
export interface CaptionCorpus {
  readonly hypotheses: Readonly<Record<string, string>>;
  readonly references: Readonly<Record<string, readonly string[]>>;
  /** The texts are tokenized already and are split at white space only; otherwise `tokenize()` splits them. */
  readonly tokenized?: boolean;
}
