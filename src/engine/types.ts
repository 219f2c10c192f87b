/** What scoring gives and takes: the contract with the command line and the server. */
import type { ErrorCode } from "../errors.js";
import type { ImageInput, StoredImage } from "../image/index.js";
import type { Quantization } from "../models/types.js";
import type { LogitReading } from "../roc/reading.js";
import type { Question, ReadingName, Scale, ScorerInfo, SetOrder, SetQuestion, WrittenText } from "../roc/index.js";
import type { DType } from "../torch/index.js";
import type { Calibration } from "./calibration-file.js";
import type { Explanation, ExplainOptions } from "./explain/types.js";

/**
 * A picture: a path, a `file:` URL, the bytes of a file, a stream of them, or any of these as `data` with a `name` for the
 * result. Nothing is fetched: of `fetch(url)` give the `body`.
 *
 * @category Scoring
 */
export type ScoreInput = ImageInput | URL | NamedImage;

/**
 * A picture with a name for its result.
 *
 * @category Scoring
 */
export interface NamedImage {
  /** What {@link ScoreResult.file} and messages call it. */
  readonly name: string;
  /** The picture. */
  readonly data: ImageInput | URL;
}

/**
 * One picture or many. An array of them is counted for `onProgress`; other iterables are read while scoring continues.
 *
 * @category Scoring
 */
export type ScoreInputs = ScoreInput | Iterable<ScoreInput> | AsyncIterable<ScoreInput>;

/**
 * How {@link Model.score} and {@link Model.scoreOne} score.
 *
 * @category Scoring
 */
export interface ScoreOptions {
  /** Ends the scoring with RocError ABORTED. */
  readonly signal?: AbortSignal;
  /** Pictures with more pixels are refused before decoding; default as {@link DecodeOptions.maxPixels}. */
  readonly maxPixels?: number;
  /** Score what is left of damaged files too, marked by `damaged` (default false: they are failures). */
  readonly allowDamaged?: boolean;
  /** Have comments written where the checkpoint's answers have one behind the scores; takes a step per token. */
  readonly comments?: boolean;
  /** Further questions about every picture, which share its vision pass and the prefix of the key-value cache. */
  readonly questions?: readonly Question[];
  /**
   * Give {@link ScoreResult.embedding}, for similarity and heads of your own: the hidden state where the score is read, which
   * costs nothing more.
   */
  readonly embedding?: boolean;
  /**
   * Called with the pixels of each picture that was decoded, before it is scored, and waited for: for a thumbnail, say. They
   * are gone afterwards.
   */
  readonly onPicture?: (file: string, picture: StoredImage) => void | Promise<void>;
  /** Told what the model writes for {@link questions} without a template, token by token. */
  readonly onText?: (written: WrittenPiece) => void;
  /** Called after each picture; `total` is undefined where the inputs are not an array. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
}

/**
 * A picture's score.
 *
 * @category Scoring
 */
export interface ScoreResult {
  /** The path (of a `file:` URL too) or name that was given, else "input 1", "input 2", ... */
  readonly file: string;
  /** What is lost of the file's pixels, with {@link ScoreOptions.allowDamaged}; absent where nothing is. */
  readonly damaged?: string;
  /** Expected value of {@link distribution}, on {@link scale}. */
  readonly score: number;
  /** Lowest and highest possible score: that of {@link Model.scale}. */
  readonly scale: Scale;
  /**
   * Standard deviation of {@link distribution}, in units of {@link scale}: how much raters would differ. Null where a model
   * writes digits. A reward head gives it without a distribution.
   */
  readonly std: number | null;
  /**
   * Probabilities of N evenly spaced ratings from `scale.min` to `scale.max`, which sum to 1. Null where a model writes
   * digits, from a reward head, and from a classical system whose network gives numbers.
   */
  readonly distribution: readonly number[] | null;
  /**
   * The scores of single aspects by name, on {@link scale} too, where the checkpoint's canonical answer holds several, or the
   * classical system predicts them.
   */
  readonly attributes?: Readonly<Record<string, number | null>>;
  /** Where the rating lies, with a checkpoint whose intervals were calibrated (docs/intervals.md); on {@link scale}, within it. */
  readonly interval?: ScoreInterval;
  /** Likewise of {@link attributes}, as far as those were calibrated. */
  readonly attributeIntervals?: Readonly<Record<string, ScoreInterval>>;
  /** What the model wrote about the picture, where its answers hold a comment. */
  readonly comment?: string;
  /** The answers to {@link ScoreOptions.questions}, in their order; absent without questions. */
  readonly answers?: readonly QuestionAnswer[];
  /**
   * With {@link ScoreOptions.embedding}: the hidden state behind the last norm from whose logits the score is read (the
   * position token's in checkpoints of the paper's method, that before the word in others, that of a reward head's token), as
   * many numbers as the model's hidden size. Of a classical system: what its last layer looks at. Null where the model writes the
   * score as digits.
   */
  readonly embedding?: Float32Array<ArrayBuffer> | null;
  /** The checkpoint's canonical answer with the scores in place; "" of a classical system, which writes nothing. */
  readonly answer: string;
  /** Which checkpoint: its folder's name and a digest of its files. */
  readonly model: string;
  /** Of a published scorer: its name, what it rates, its prompt and where that is from. */
  readonly scorer?: ScorerInfo;
  /** What it was computed in, where that is not float32. */
  readonly dtype?: DType;
  /** In what the weights of the linear maps are, where they are no floating-point numbers; see {@link LoadOptions.quantize}. */
  readonly quantization?: Quantization;
}

/**
 * An interval that was calibrated: of pictures like those of the calibration, it holds the rating for a share of `level`.
 *
 * @category Scoring
 */
export interface ScoreInterval {
  /** Lower end. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
  /** In (0, 1). */
  readonly level: number;
}

/**
 * The answer to a further question.
 *
 * @category Scoring
 */
export interface QuestionAnswer {
  /** The question, with `<image>`. */
  readonly prompt: string;
  /** What the model says, with its scores in place. */
  readonly answer: string;
  /** The scores by name, on {@link ScoreResult.scale}, where the question has a template; null where one is not understood. */
  readonly scores?: Readonly<Record<string, number | null>>;
  /** What the model wrote for the template's `{comment}`. */
  readonly comment?: string;
}

/**
 * A picture that has no score: it could not be read, or what the model computed is no number. The others are scored.
 *
 * @category Scoring
 */
export interface ScoreFailure {
  /** As {@link ScoreResult.file}. */
  readonly file: string;
  /** What is wrong with the picture, or with its score. */
  readonly error: {
    /** One of `FILE_*`, `IMAGE_*`, ANSWER_UNCLEAR, SCORE_NOT_FINITE, OUT_OF_MEMORY. */
    readonly code: ErrorCode;
    /** What is wrong and what to do, naming the file. */
    readonly message: string;
  };
}

/** A picture's result, or why it has none. */
export type Outcome = ScoreResult | ScoreFailure;

/** What of {@link ScoreOptions} concerns the model's side. It can be sent to another thread. */
export type ReadingOptions = Omit<
  ScoreOptions,
  "signal" | "maxPixels" | "allowDamaged" | "onProgress" | "onPicture" | "onText"
> & {
  /** Whether what is written is told as it comes. */
  readonly told?: boolean;
};

/**
 * What a model has written about a picture since it was told last.
 *
 * @category Scoring
 */
export interface WrittenPiece extends WrittenText {
  /** As {@link ScoreResult.file}. */
  readonly file: string;
}

/** Told what is written about a picture of a batch. */
export type OnWritten = (picture: number, written: WrittenText) => void;

/** How a set of pictures is judged in one prompt. It can be sent to another thread. */
export interface SetAsking {
  /** Each is a prompt; pictures by their indices in the set. */
  readonly orders: readonly SetOrder[];
  /** What is asked; undefined: the scores of a checkpoint of the strategy `set`. */
  readonly question?: SetQuestion | undefined;
}

/** What a model says of a set, `[order][place]`. Logits are known up to a constant an order. */
export type SetAnswer =
  | { readonly type: "logits"; readonly logits: readonly (readonly number[])[] }
  | { readonly type: "scores"; readonly scores: readonly (readonly LogitReading[])[] };

/** What a model says of itself. It can be sent to another thread. */
export interface ModelFacts extends Required<
  Pick<Model, "name" | "scale" | "digest" | "settings" | "folder" | "method">
> {
  /** Pictures that it computes together. */
  readonly batchSize: number;
}

/**
 * Which classical system of the paper's tables a model is.
 *
 * @category Scoring
 */
export interface ScoringSystem {
  /** As "nima". */
  readonly name: string;
  /** As the paper's tables call it. */
  readonly title: string;
  /** Which of its networks, where it has several. */
  readonly variant?: string;
}

/**
 * What a model is asked and how its scores are read.
 *
 * @category Scoring
 */
export interface ScoringMethod {
  /** Family of the model, as "llava", or name of a classical system, as "nima". */
  readonly family: string;
  /** How a score is written into an answer and read. */
  readonly strategy: ReadingName;
  /** The canonical prompt, with `<image>`; "" for a classical system. */
  readonly prompt: string;
  /** The canonical answer, with a placeholder per score; "" for a classical system. */
  readonly answer: string;
  /** Of a published scorer. */
  readonly scorer?: ScorerInfo;
  /** Of a classical system, which looks at pictures alone (docs/baselines.md). */
  readonly system?: ScoringSystem;
  /** Whether it writes comments when asked, as answers to questions of their own. */
  readonly comments?: boolean;
}

/**
 * A model that scores pictures; made by {@link load} or {@link createModel}. `using model = await load(folder)` frees it at
 * the end of the block.
 *
 * @category Scoring
 */
export interface Model {
  /** As in {@link ScoreResult.model}. */
  readonly name: string;
  /** That of the ratings it was trained on where the checkpoint says so, else of its scores. */
  readonly scale: Scale;
  /**
   * SHA-256 over every byte of the checkpoint, of a vision tower in another folder too, 64 hex digits; undefined for a
   * model made of live parts.
   */
  readonly digest?: string | undefined;
  /**
   * What else its scores depend on beside the picture, as plain JSON (prompt, answer, dtype, kind of device, libtorch):
   * kept scores go with new ones only where digest and settings are the same.
   */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Folder of the checkpoint's config and texts; undefined for a model made of live parts. */
  readonly folder?: string | undefined;
  /**
   * Fires when the model is lost: its thread has ended by a fault, for want of memory say, or its GPU has failed, and every
   * further call fails with the signal's `reason`, a RocError. Undefined where the model computes on the thread that calls it.
   */
  readonly lost?: AbortSignal | undefined;
  /** For the provenance of results; a model made for a test may lack it. */
  readonly method?: ScoringMethod;
  /** What the intervals of its results rest on; undefined: its results have none. */
  readonly calibration?: Calibration | undefined;
  /**
   * Scores pictures in the order of the inputs, one result each, as the model gets to them. Where it computes several together
   * (see {@link LoadOptions.batchSize}), a score depends on the others by at most 1e-5 of a scale from 1 to 10 in float32. A
   * picture that cannot be scored gives a {@link ScoreFailure}, and scoring continues with the next. Several calls at a time
   * take turns.
   *
   * @throws RocError ABORTED where the signal fired; USAGE for inputs that are none of {@link ScoreInputs}, and where the
   *   model is disposed
   *
   * @example
   * ```ts
   * import { DEMO_MODEL, load } from "roc4mllm";
   *
   * using model = await load(DEMO_MODEL);
   * const signal = AbortSignal.timeout(60_000);
   * const onProgress = (done: number, total?: number) => console.error(`${done} of ${total}`);
   * for await (const result of model.score(["a.jpg", "b.jpg", "missing.jpg"], { signal, onProgress })) {
   *   if ("error" in result) console.log(result.file, result.error.code); // missing.jpg FILE_NOT_FOUND
   *   else console.error(result.file, result.score, result.std);
   * }
   * ```
   */
  score(inputs: ScoreInputs, options?: ScoreOptions): AsyncIterable<ScoreResult | ScoreFailure>;
  /**
   * Scores one picture: the result that {@link score} gives for it.
   *
   * @throws RocError with the code of the {@link ScoreFailure} where the picture cannot be scored; ABORTED; USAGE for what
   *   is no {@link ScoreInput}
   *
   * @example
   * ```ts
   * import { readFile } from "node:fs/promises";
   * import { DEMO_MODEL, load } from "roc4mllm";
   *
   * using model = await load(DEMO_MODEL);
   * const { file, score, scale } = await model.scoreOne({ name: "upload", data: await readFile("photo.jpg") });
   * console.log(file, scale.min <= score && score <= scale.max); // upload true
   * ```
   */
  scoreOne(input: ScoreInput, options?: ScoreOptions): Promise<ScoreResult>;
  /**
   * Says which parts of a picture move its score, or that of an attribute: docs/explain.md. It costs so many pictures as
   * `evaluations` says, which wait their turn as others do. A model made for a test may lack it.
   *
   * @throws RocError as {@link scoreOne}; USAGE for an attribute that the model does not give, and for "gradient" where the score
   *   has none (scores that are not read beside a position token, weights in 8 bits)
   *
   * @example
   * ```ts
   * import { DEMO_MODEL, load } from "roc4mllm";
   *
   * using model = await load(DEMO_MODEL);
   * const map = await model.explain?.("photo.jpg", { evaluations: 40 });
   * console.log(map?.values.length === (map?.columns ?? 0) * (map?.rows ?? 0)); // true
   * ```
   */
  explain?(input: ScoreInput, options?: ExplainOptions): Promise<Explanation>;
  /**
   * What it says of pictures that one prompt shows together, for {@link compare}; undefined where a model looks at single ones
   * alone.
   *
   * @throws RocError as {@link scoreOne}; USAGE where its prompts hold one picture alone
   * @internal
   */
  judge?(pictures: readonly ScoreInput[], asking: SetAsking, options?: ScoreOptions): Promise<SetAnswer>;
  /** Frees the weights; calls that run end with USAGE, and the model cannot be used afterwards. Twice is harmless. */
  dispose(): void;
  /** {@link dispose} at the end of a `using` block. */
  [Symbol.dispose](): void;
}
