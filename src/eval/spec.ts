/** What `evaluate()` takes and gives. */
import type { DatasetRequest, LoadedDataset, ScoreScale, Split } from "../data/index.js";
import type { LoadOptions, Model } from "../engine/index.js";
import type { TableFormat } from "./folder.js";
import type { OnnxSettings } from "./onnx/settings.js";
import type { Prediction } from "./prediction.js";
import type { RunSummary } from "./summary-file.js";

/**
 * What is evaluated and on what. At most one of `model`, `predictions` and `onnx`; with none of them the demo weights.
 * Fields have the names of the command's options, which errors name: `--id-column` is `idColumn`.
 *
 * @category Evaluation
 */
export interface EvaluationSpec {
  /** Folder of a data set (or your own CSV or JSON Lines file), how to read it, or a data set that was read. */
  readonly data: string | Omit<DatasetRequest, "nonFinite"> | LoadedDataset;
  /** Part of the data set. Default "test". */
  readonly split?: Split | "all" | undefined;
  /** Only the first pictures of that part: a whole number from 1. Default: all. */
  readonly limit?: number | undefined;

  /**
   * A checkpoint's folder, as `load()` takes it, or a loaded model, which stays the caller's: {@link evaluate} disposes of
   * what it loads itself. Default: the demo weights.
   */
  readonly model?: string | URL | Model | undefined;
  /** How a checkpoint is loaded: device, dtype, base and the like; `pack` is "auto" here. Not for a loaded model. */
  readonly load?: Omit<LoadOptions, "signal"> | undefined;
  /** Have comments written, and compare them with the data set's. Takes a step per token. Default false. */
  readonly comments?: boolean | undefined;

  /** File of another system's predictions (CSV, JSON Lines, Parquet): a row per picture. Needs no pictures. */
  readonly predictions?: string | undefined;
  /** Column of `predictions` that names the picture. Default: id, image, filename and the like. */
  readonly idColumn?: string | undefined;
  /** Column of `predictions` with the score. Default: predicted_score, prediction, score, mos and the like. */
  readonly scoreColumn?: string | undefined;
  /** Lowest and highest score of `predictions`. Default: the data set's. */
  readonly predictionsScale?: ScoreScale | undefined;

  /** File of a classical baseline (NIMA, MUSIQ, ...) in ONNX. */
  readonly onnx?: string | undefined;
  /** How pictures get into it and scores out of it. Default: as its metadata says, else as torchvision's models take them. */
  readonly onnxSettings?: OnnxSettings | undefined;

  /** Scores above it count as good in the binary accuracy: a number on the data set's scale. Default: its middle. */
  readonly threshold?: number | undefined;
  /** Resamples of the bootstrap, from 1. Default 2000. */
  readonly resamples?: number | undefined;
  /** Seed of the bootstrap: a whole number from 0. Default 0. */
  readonly seed?: number | undefined;
  /** Path of the official SPICE program (`spice-1.0.jar`), which needs Java. Default: our own, simpler parser. */
  readonly spiceJar?: string | undefined;

  /** Folder of the results. Default: `eval-MODEL-DATA` in the current folder, or `eval` beside `predictions`. */
  readonly out?: string | undefined;
  /** Of the table of predictions. Default "csv". */
  readonly format?: TableFormat | undefined;
  /** Write the page `report.html` too. Default: only where the folder has one, which is then of this evaluation too. */
  readonly report?: boolean | undefined;
  /** Throw away what an evaluation left in the folder, interrupted or finished. Default false. */
  readonly fresh?: boolean | undefined;
}

/**
 * What an evaluation reports while it runs.
 *
 * @category Evaluation
 */
export type EvaluationProgress = ScoredProgress | NoteProgress | ColumnsProgress;

/**
 * How many pictures have been looked at by the model.
 *
 * @category Evaluation
 */
export interface ScoredProgress {
  /** Tells the kinds of progress apart. */
  readonly type: "scored";
  /** Pictures, those of an interrupted evaluation counted in. */
  readonly done: number;
  /** All pictures of the evaluation. */
  readonly total: number;
}

/**
 * A sentence about the data, the system or its scores that is no error.
 *
 * @category Evaluation
 */
export interface NoteProgress {
  /** Tells the kinds of progress apart. */
  readonly type: "note";
  /** The sentence. */
  readonly text: string;
}

/**
 * Which columns of a predictions file are read.
 *
 * @category Evaluation
 */
export interface ColumnsProgress {
  /** Tells the kinds of progress apart. */
  readonly type: "columns";
  /** The file. */
  readonly file: string;
  /** Column that names the picture. */
  readonly id: string;
  /** Column with the score. */
  readonly score: string;
}

/**
 * How {@link evaluate} runs; nothing here changes its result.
 *
 * @category Evaluation
 */
export interface EvaluateOptions {
  /** Ends the evaluation with RocError ABORTED; the same call resumes it. */
  readonly signal?: AbortSignal | undefined;
  /** Called while the evaluation continues. */
  readonly onProgress?: ((progress: EvaluationProgress) => void) | undefined;
  /** Loads a checkpoint that the spec names. Default: `load()`, which takes folders; the command finds hub names too. */
  readonly open?: ((checkpoint: string | URL, options: LoadOptions) => Promise<Model>) | undefined;
}

/**
 * What {@link evaluate} gives.
 *
 * @category Evaluation
 */
export interface EvaluationResult {
  /** Folder of the results: `predictions.csv` or `.parquet`, `summary.json`, and `report.html` where there is one. */
  readonly folder: string;
  /** What `summary.json` holds: figures with intervals, failures by code, and where all of it comes from. */
  readonly summary: RunSummary;
  /** A row per rated picture, in the data set's order; one without a score has an `error`. */
  readonly predictions: readonly Prediction[];
  /** What was reported as notes. */
  readonly notes: readonly string[];
}
