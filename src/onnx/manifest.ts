/** What lies beside an exported model: all that a program needs to score by it. The page in the browser reads it. */
import type { PlainSteps } from "../image/plain-squares.js";

/** Name of the manifest beside the model. */
export const MANIFEST_FILE = "manifest.json";

/** Number of this form; another one is refused. */
export const MANIFEST_FORMAT = 1;

/** `manifest.json` of an exported model. */
export interface OnnxManifest {
  /** Number of its form. */
  readonly format: 1;
  /** The ONNX file beside it. */
  readonly model: {
    /** Its name. */
    readonly file: string;
    /** Its size. */
    readonly bytes: number;
    /** SHA-256 of it, 64 hex digits. */
    readonly sha256: string;
    /** Of its operators. */
    readonly opset: number;
  };
  /** What it was made of. */
  readonly checkpoint: {
    /** `name@digest`, as results call it. */
    readonly name: string;
    /** SHA-256 over all that decides its scores. */
    readonly digest: string;
    /** Its family. */
    readonly family: string;
    /** Whether these are the demo weights. */
    readonly demo: boolean;
    /** What its scores are worth on real photographs, as a sentence. */
    readonly worth: string;
  };
  /** Of scores. */
  readonly scale: { readonly min: number; readonly max: number };
  /** The rating that each share of a distribution is of, lowest first. */
  readonly ratings: readonly number[];
  /** Names of the scores in the order of the outputs `scores` and `spreads`. */
  readonly scores: readonly string[];
  /** Index of the overall score among them. */
  readonly main: number;
  /** What the model is asked, and how it answers: fixed in the file. */
  readonly text: {
    /** The question. */
    readonly prompt: string;
    /** The answer, with a placeholder per score. */
    readonly answer: string;
    /** Tokens of both, the picture's rows among them. */
    readonly tokens: number;
    /** Ids of the score tokens. */
    readonly scoreIds: readonly number[];
  };
  /** What its input takes: `pixels`, uint8 `[1, height, width, 3]`, RGB. */
  readonly picture: {
    /** In pixels. */
    readonly width: number;
    /** In pixels. */
    readonly height: number;
    /** How an upright picture becomes one: Pillow's bicubic resize to the byte. */
    readonly steps: PlainSteps;
  };
}
