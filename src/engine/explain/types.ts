/** What an explanation is: which parts of a picture move its score. Loads no libtorch. */
import type { RgbImage } from "../../image/index.js";
import type { Scale } from "../../roc/index.js";
import type { ScoreOptions } from "../types.js";

/** The first is the default where the score has one: it was truer on pictures whose spoilt part is known (docs/explain.md). */
export const EXPLAIN_METHODS = ["gradient", "occlusion"] as const satisfies readonly ExplainMethod[];

/**
 * How the parts of a picture are weighed: by replacing them and scoring again, or by the score's gradient.
 *
 * @category Scoring
 */
export type ExplainMethod = "gradient" | "occlusion";

/** What stands in the place of a part; the first is the default, as it was truer. */
export const REPLACEMENTS = ["mean", "blur"] as const satisfies readonly Replacement[];

/**
 * What a part of a picture is replaced by: "blur": by the picture so much out of focus that only broad light and colour are left;
 * "mean": by the picture's mean colour.
 *
 * @category Scoring
 */
export type Replacement = "mean" | "blur";

/**
 * How {@link Model.explain} explains.
 *
 * @category Scoring
 */
export interface ExplainOptions extends Pick<ScoreOptions, "signal" | "maxPixels" | "allowDamaged"> {
  /** Default: "gradient" where the score has one, which was measured to be truer (docs/explain.md), else "occlusion". */
  readonly method?: ExplainMethod | undefined;
  /** Name of the attribute whose score is explained; default: the overall score. */
  readonly of?: string | undefined;
  /** Pictures that are scored at most, a whole number from 8 to 4096: what an explanation costs. Default 96. */
  readonly evaluations?: number | undefined;
  /** Default "mean". */
  readonly replacement?: Replacement | undefined;
}

/**
 * Which parts of a picture move a score.
 *
 * @category Scoring
 */
export interface Explanation {
  /** As {@link ScoreResult.file}. */
  readonly file: string;
  /** As {@link ScoreResult.model}. */
  readonly model: string;
  /** How it was made. */
  readonly method: ExplainMethod;
  /** The attribute; null: the overall score. */
  readonly of: string | null;
  /** The score that is explained, on {@link scale}. */
  readonly score: number;
  /** That of the picture with all of it replaced. */
  readonly without: number;
  /** Lowest and highest possible score. */
  readonly scale: Scale;
  /** What the parts were replaced by. */
  readonly replacement: Replacement;
  /** Cells across the upright photo. */
  readonly columns: number;
  /** Cells down the upright photo. */
  readonly rows: number;
  /**
   * A value a cell, row by row, in units of the score: by how much the cell lifts it (above 0) or lowers it (below 0), compared with
   * {@link replacement} in its place. NaN where the model sees nothing of a cell, because it is cropped away.
   */
  readonly values: Float32Array<ArrayBuffer>;
  /** Size of the upright photo. */
  readonly photo: {
    /** In pixels. */
    readonly width: number;
    /** In pixels. */
    readonly height: number;
  };
  /** Pictures that were scored for it. */
  readonly evaluations: number;
}

/** The cells of a photo. */
export interface Grid {
  readonly columns: number;
  readonly rows: number;
}

/** What the model's side is asked. It can be sent to another thread. */
export interface ExplainRequest {
  /** Undefined: the truest that the score has. */
  readonly method: ExplainMethod | undefined;
  readonly evaluations: number;
  readonly of: string | undefined;
  readonly grid: Grid;
  /** Prepared pictures of one size: the photo, what replaces it, and those that tell where each number of an input comes from. */
  readonly pictures: ProbePictures<RgbImage>;
}

/** A picture and its companions of the same size. */
export interface ProbePictures<Picture> {
  readonly photo: Picture;
  readonly replaced: Picture;
  readonly black: Picture;
  readonly grey: Picture;
  readonly white: Picture;
  /** Black at the left edge, white at the right. */
  readonly across: Picture;
  /** Black at the top, white at the bottom. */
  readonly down: Picture;
}

/** What the model's side answers. */
export type CellMap = Pick<Explanation, "method" | "score" | "without" | "scale" | "values" | "evaluations">;
