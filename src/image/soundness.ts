/** Which bytes of a file a decoder is given, how strict it must be, and what it would not notice. */
import { createInflate } from "node:zlib";
import { firstFrame } from "./gif.js";
import { canTellLoss, jpegLoss } from "./jpeg-loss.js";
import { JPEG_LS, readJpeg, type JpegFrame } from "./jpeg.js";
import type { PictureFile } from "./read.js";
import { readTiff } from "./tiff.js";
import type { Unsupported } from "./sniff.js";
import { filledWebp, firstWebpFrame } from "./webp.js";

/** What libvips is given. Its level "error" overlooks lost pixels in some formats, "warning" refuses whole pictures. */
export interface Reading {
  readonly bytes: Uint8Array;
  readonly failOn: "none" | "error" | "warning";
}

export interface Examined {
  readonly unsupported?: Unsupported | undefined;
  /** A picture is whole where one of them succeeds, unless {@link loss} or {@link deflated} say otherwise. */
  readonly readings: readonly Reading[];
  /** For what is left of a damaged one. */
  readonly rescue: Reading;
  /** What the file's own structure says to be lost. */
  readonly loss: () => Promise<string | undefined>;
  /** Parts that are compressed with a checksum which libtiff does not look at. */
  readonly deflated: readonly Uint8Array[];
}

export async function examine({ bytes, format }: PictureFile): Promise<Examined> {
  if (format === "JPEG") return examineJpeg(bytes);
  if (format === "TIFF") return examineTiff(bytes);
  // A GIF's wrong codes are but a warning.
  if (format === "GIF") return plain(firstFrame(bytes), "warning");
  if (format === "WebP") return examineWebp(bytes);
  return plain(bytes, "error");
}

/** A file whose decoder tells of itself what is lost. */
export function plain(bytes: Uint8Array, failOn: Reading["failOn"]): Examined {
  return {
    readings: [{ bytes, failOn }],
    rescue: { bytes, failOn: "none" },
    loss: () => Promise.resolve(undefined),
    deflated: [],
  };
}

/** Frames that libjpeg decodes: baseline, extended, progressive, and the two with arithmetic coding. */
const JPEG_FRAMES = [0xc0, 0xc1, 0xc2, 0xc9, 0xca];

async function examineJpeg(bytes: Uint8Array): Promise<Examined> {
  const jpeg = await readJpeg(bytes);
  const { frame, picture } = jpeg;
  if (frame && (!JPEG_FRAMES.includes(frame.marker) || frame.precision !== 8)) {
    return {
      ...plain(picture, "error"),
      unsupported: {
        kind: `${unreadJpeg(frame)}, which is not read here`,
        remedy: "save it as a common JPEG or a PNG",
      },
    };
  }
  if (!canTellLoss(jpeg)) return plain(picture, "warning");
  // To libvips a missing end is an error, whatever is there.
  return { ...plain(picture, jpeg.ends ? "error" : "none"), loss: () => jpegLoss(jpeg, bytes) };
}

function unreadJpeg({ marker, precision }: JpegFrame): string {
  if (marker === JPEG_LS) return "a JPEG-LS";
  return precision === 8 ? "a lossless or hierarchical JPEG" : `a JPEG with ${precision} bits a sample`;
}

function examineWebp(bytes: Uint8Array): Examined {
  const first = firstWebpFrame(bytes);
  return { ...plain(first, "error"), rescue: { bytes: filledWebp(first), failOn: "none" } };
}

async function examineTiff(bytes: Uint8Array): Promise<Examined> {
  const tiff = readTiff(bytes);
  const single = (await tiff.plain()) ?? bytes;
  const { readings } = plain(single, tiff.warns ? "warning" : "error");
  const deflated = tiff.deflated.map(({ offset, bytes: length }) => bytes.subarray(offset, offset + length));
  return { ...plain(single, "none"), unsupported: tiff.unsupported, readings, deflated };
}

/** Whether all {@link Examined.deflated} parts are what their checksums say. */
export async function isWhole({ deflated }: Examined): Promise<boolean> {
  for (const part of deflated) if (!(await isWholeStream(part))) return false;
  return true;
}

/** Bytes that are inflated at a time, in a thread: the caller's is busy for each of them. */
const INFLATED = 2 ** 18;

/** One that ends early is libtiff's to judge: all pixels may be there. */
async function isWholeStream(part: Uint8Array): Promise<boolean> {
  const inflate = createInflate({ chunkSize: INFLATED });
  inflate.end(part);
  try {
    for await (const _ of inflate);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "Z_DATA_ERROR");
  }
}
