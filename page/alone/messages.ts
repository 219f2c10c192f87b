/** What the page and its worker say to each other. */
import type { OnnxManifest } from "../../src/onnx/manifest.js";

/** First where the page's files are, then photos, which are answered in turn. */
export type Asked = { readonly base: string } | { readonly id: number; readonly file: Blob };

export interface Scored {
  readonly score: number;
  readonly spread: number;
  /** Shares of the ratings, lowest first. */
  readonly distribution: readonly number[];
  /** The other scores by name. */
  readonly attributes: Readonly<Record<string, number>>;
  /** Small enough to keep. */
  readonly thumbnail: Blob;
  /** Milliseconds: decoding and preparing, and the model. */
  readonly times: readonly [prepare: number, model: number];
}

export type Told =
  | { readonly is: "ready"; readonly manifest: OnnxManifest }
  | { readonly is: "broken"; readonly message: string }
  | { readonly is: "scored"; readonly id: number; readonly result: Scored }
  | { readonly is: "failed"; readonly id: number; readonly message: string };
