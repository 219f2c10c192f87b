/** The interface of a studio format: paths of pictures and contents of label files. Pure functions. */
import type { StudioPictures } from "../pictures.js";

/** Label files: contents by path relative to the format's folder; bytes where they are no text. */
export type LabelFiles = Readonly<Record<string, string | Uint8Array>>;

/** One official format. */
export interface StudioFormat {
  /** Top-level files and folders of the format. */
  readonly owns: readonly string[];
  /** Image paths of all pictures, relative to the format's folder. */
  readonly imagesOf: (studio: StudioPictures) => readonly string[];
  readonly labels: (studio: StudioPictures) => LabelFiles;
}

/** `images/<id>.jpg`, the usual path. */
export function plainImages({ pictures }: StudioPictures): string[] {
  return pictures.map(({ id }) => `images/${id}.jpg`);
}

/** Lines joined, with line ends. */
export function lines(items: readonly string[]): string {
  return items.map((item) => `${item}\n`).join("");
}

/** A number with at most that many significant digits, without an exponent in the range of ratings. */
export function significant(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

/** A number with at most that many decimals. */
export function fixed(value: number, decimals: number): string {
  return String(Number(value.toFixed(decimals)));
}
