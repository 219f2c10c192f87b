/** What a published scorer is: data that says how its authors ask their model and read its score. Loads no libtorch. */
import type { Sampling } from "../../generation/types.js";
import type { Scale } from "../vocabulary.js";

/** A prompt as one public source has it. */
export interface PublishedPrompt {
  /** Where it is from: repository, commit, file. */
  readonly source: string;
  /**
   * The user's turn, with `<image>` where the picture is; a line break right behind the marker belongs to the marker. `{text}`
   * is where the picture's own text goes, in scorers that take one.
   */
  readonly prompt: string;
  /** System text, where it is not the one of the checkpoint's chat template. */
  readonly system?: string;
  /** What the answer begins with, before the word that is read; default: nothing. */
  readonly stem?: string;
}

/** One thing that a scorer rates. */
export interface PublishedAspect {
  /** By the names of `--prompt-source`; the first is the default. */
  readonly prompts: Readonly<Record<string, PublishedPrompt>>;
}

/** The softmax over words' first tokens behind prompt and stem; the score is the mean of the words' values. */
export interface WordsReading {
  readonly kind: "words";
  /** Of evenly spaced values, worst first, as they are tokenised: with the blank before them where they have one. */
  readonly words: readonly string[];
  /** Whether each has to be one token of the vocabulary; else its first token counts. */
  readonly whole?: boolean;
}

/** Level words within an answer, one after another (`strategies/level.ts`). */
export interface LevelsReading {
  readonly kind: "level";
  readonly words: readonly string[];
}

/** A small network on the hidden state at a token of the prompt. */
export interface RewardReading {
  readonly kind: "reward";
  /** The token; the tokenizer gets it where it lacks it. */
  readonly token: string;
  /** Names of its linear maps in the weights, with a ReLU between two of them. */
  readonly maps: readonly string[];
}

/** A number in the text that the model writes. */
export interface NumberReading {
  readonly kind: "number";
  /** Where it is: the first number of the last `<answer>`, or the value of a JSON key there. */
  readonly key?: string;
  /** Tokens of an answer at most. */
  readonly maxTokens: number;
  /** How the authors draw; what is not there is as the checkpoint's generation_config.json says. */
  readonly sampling: Sampling;
}

export type PublishedReading = WordsReading | LevelsReading | RewardReading | NumberReading;

/** A name of a checkpoint. */
export interface CheckpointName {
  readonly name: string;
  /** What says it, as "the name of its folder". */
  readonly from: string;
}

/** What a checkpoint is recognised by, gathered from its files. */
export interface Clues {
  /** `model_type` of its config.json. */
  readonly modelType: unknown;
  readonly config: Readonly<Record<string, unknown>>;
  /** What it is called: on the hub, by its folder, in config.json, in its model card's title. */
  readonly names: readonly CheckpointName[];
  /** Names of its files. */
  readonly files: readonly string[];
  /** Names of its tensors, which takes a look at the weights' headers. */
  readonly tensors: () => Promise<readonly string[]>;
}

/** A scorer as its authors published it. */
export interface PublishedScorer {
  /** As `--scorer` takes it. */
  readonly name: string;
  /** As its authors call it. */
  readonly title: string;
  /** Paper and repository. */
  readonly paper: string;
  /** `model_type`s of its checkpoints. */
  readonly families: readonly string[];
  /** Its own name in those of its checkpoints, with "-" for blanks and underscores; size and variant may follow it. */
  readonly names?: RegExp;
  /** What else its checkpoints are known by; `how` in words. */
  readonly known?: { readonly how: string; readonly by: (clues: Clues) => boolean | Promise<boolean> };
  /** By the names of `--aspect`; the first is the default. */
  readonly aspects: Readonly<Record<string, PublishedAspect>>;
  /** Lowest and highest score. */
  readonly scale: Scale;
  readonly reading: PublishedReading;
  /** Whether it takes a text about the picture (`--text`). */
  readonly takesText?: boolean;
  /** Questions whose written answers are its comments, by what each is about. */
  readonly comments?: Readonly<Record<string, string>>;
  /** Of the family, where it has several (`ProcessorOptions.conversation`). */
  readonly conversation?: string;
  /** Keys that its authors set in the checkpoint's small files, by file. */
  readonly files?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Where its checkpoint on the hub is in a folder of the repository, or lacks the files of its base model. */
  readonly hub?: { readonly repo: string; readonly folder?: string; readonly base?: string };
}

/**
 * What a published scorer was asked, as its results say it.
 *
 * @category Scoring
 */
export interface ScorerInfo {
  /** Name of the scorer. */
  readonly name: string;
  /** What it rates. */
  readonly aspect: string;
  /** The question, with `<image>`, and the picture's text in place. */
  readonly prompt: string;
  /** System text, where it is not that of the checkpoint's chat template. */
  readonly system?: string;
  /** What the answer begins with. */
  readonly stem?: string;
  /** Where prompt and reading are from. */
  readonly source: string;
  /** Seed of the draws; absent: nothing is drawn. */
  readonly sample?: number;
}
