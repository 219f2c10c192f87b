/**
 * A decoded picture: 8-bit sRGB, row by row, no padding.
 *
 * @category Scoring
 */
export interface RgbImage {
  /** Pixels in a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** `height * width * 3` bytes, interleaved RGB. */
  readonly data: Uint8Array;
  /** What is lost of the file's pixels, in a few words, where it was decoded all the same. */
  readonly damaged?: string;
  /** Of a prepared picture, in families that ask for it: the size of the upright one that it was made of, in pixels. */
  readonly original?: {
    /** In pixels. */
    readonly width: number;
    /** In pixels. */
    readonly height: number;
  };
}

/**
 * A decoded picture as its file holds it: still to be turned as its EXIF orientation says.
 *
 * @category Scoring
 */
export interface StoredImage {
  /** The pixels, not turned. */
  readonly stored: RgbImage;
  /** EXIF's number, 1 to 8; 1: upright as it is. */
  readonly orientation: number;
}
