/**
 * How a score gets into an answer and out of it: the paper's method and its three rivals (Tables 5 and 6).
 *
 * A strategy says how an answer is written, at which tokens the score loss is taken, and how scores are read; nothing
 * else in the code knows which one runs.
 */
import type { ImageBatch, Mllm, MllmProcessor } from "../models/types.js";
import type { Pictures } from "./pictures.js";
import type { ScoreReading } from "./reading.js";
import type { ScorerInfo } from "./published/types.js";
import type { ReadingName } from "./strategy-names.js";
import type { RocTemplates } from "./template.js";
import type { Scale, ScoreVocabulary } from "./vocabulary.js";

/**
 * A model and its texts, whatever it was trained by.
 *
 * @category The method
 */
export interface StrategyParts {
  /** The weights. */
  readonly model: Mllm;
  /** Pixels and text to the model's inputs. */
  readonly processor: MllmProcessor;
  /** Its prompts and answers. */
  readonly templates: RocTemplates;
  /** How its scores are written and read. */
  readonly strategy: Strategy;
}

/**
 * What was read for one picture.
 *
 * @category The method
 */
export interface AnswerReading {
  /** One per placeholder of the canonical answer, in reading order; null where the answer could not be understood. */
  readonly scores: readonly (ScoreReading | null)[];
  /** The answer as a person reads it. */
  readonly text: string;
  /** The answer as the model reads it, where that differs (T_p or T_s in the place of numbers). */
  readonly stem?: string;
  /** What the model wrote for the answer's comment. */
  readonly comment?: string;
  /** Where each score was read: positions in prompt and answer. Absent where the model writes the score. */
  readonly at?: readonly number[];
}

/**
 * How a score gets into an answer and out of it: the paper's method, or one of its three rivals (Tables 5 and 6).
 *
 * @category The method
 */
export interface Strategy {
  /** Which of them it is. */
  readonly name: ReadingName;
  /** Of the scores that are written and read. */
  readonly scale: Scale;
  /** The score tokens, where it uses them. */
  readonly vocabulary?: ScoreVocabulary;
  /** What an answer holds for a score (on {@link scale}): T_p, a T_s, a word or digits. */
  write(score: number): string;
  /** Tokens at whose prediction the score loss is taken beside the text loss; none: text loss alone. */
  readonly slotIds: readonly number[];
  /** Words that a score is written as, worst first, and the score that each stands for; absent: it is none of a few. */
  readonly levels?: {
    /** The words. */
    readonly texts: readonly string[];
    /** Their scores, evenly spaced. */
    readonly values: readonly number[];
  };
  /**
   * Whether {@link read} has the model write the whole answer, its comment included. Else it reads scores within a text
   * that is given, and a caller that asks for a comment has it written apart.
   */
  readonly generates: boolean;
  /** Whether {@link read} computes one forward a picture, and needs no cache. */
  readonly once?: boolean;
  /**
   * Reads every picture's scores. Opens its own scopes; the pictures stay the caller's.
   *
   * @param pictures a batch, or one whose pictures the model remembers
   * @param answers what the scores are read within, one a picture; default: the canonical answer for all
   *
   * @throws RocError TOKENIZER_INVALID where the tokenizer does not fit the strategy; SCORE_NOT_FINITE where what the model
   *   computes is NaN or infinite
   */
  read(parts: StrategyParts, pictures: ImageBatch | Pictures, answers?: readonly string[]): AnswerReading[];
  /** Of a published scorer: what is asked, and where that is from. */
  readonly scorer?: ScorerInfo | undefined;
  /** Of a published scorer that comments by answers to questions of their own: the questions, by what each is about. */
  readonly comments?: Readonly<Record<string, string>> | undefined;
  /** Frees what it has beside the model's weights. */
  dispose?(): void;
}
