/** A decoded picture: 8-bit RGB, row by row, no padding. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** `height * width * 3` bytes, interleaved RGB. */
  readonly data: Uint8Array;
}
