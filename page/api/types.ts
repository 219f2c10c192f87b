/** What the server answers. */

/** A picture's score, as `roc4mllm score --json` prints it. */
export interface ScoreEntry {
  readonly file: string;
  readonly score: number;
  readonly scale: { readonly min: number; readonly max: number };
  readonly std: number | null;
  readonly distribution: readonly number[] | null;
  readonly attributes?: Readonly<Record<string, number | null>>;
  readonly comment?: string;
  readonly answer: string;
  readonly model: string;
  readonly percentile?: number | null;
}

export interface FailureEntry {
  readonly file: string;
  readonly error: { readonly code: string; readonly message: string };
}

export interface ScoreAnswer {
  readonly results: readonly (ScoreEntry | FailureEntry)[];
}
