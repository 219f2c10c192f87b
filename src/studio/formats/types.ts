/** What a format of the studio is: where the pictures go, and which label files say what. Pure. */
import type { StudioPictures } from "../pictures.js";

/** Label files: path, seen from the format's folder, to contents. */
export type LabelFiles = Readonly<Record<string, string>>;

/** One official format. */
export interface StudioFormat {
  /** Files and folders of the format at the top of its folder. */
  readonly owns: readonly string[];
  /** Where a picture's image goes, seen from the format's folder; asked once for all pictures. */
  readonly imagesOf: (studio: StudioPictures) => readonly string[];
  readonly labels: (studio: StudioPictures) => LabelFiles;
}

/** `images/<id>.jpg`, the usual place. */
export function plainImages({ pictures }: StudioPictures): string[] {
  return pictures.map(({ id }) => `images/${id}.jpg`);
}

/** Lines with their ends. */
export function lines(items: readonly string[]): string {
  return items.map((item) => `${item}\n`).join("");
}

/** A number of at most so many significant digits, without an exponent for what ratings are. */
export function significant(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

/** A number of at most so many decimals. */
export function fixed(value: number, decimals: number): string {
  return String(Number(value.toFixed(decimals)));
}
