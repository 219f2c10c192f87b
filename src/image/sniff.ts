/** What kind of file some bytes are, by their first bytes only. No decoder sees a file that this does not let through. */

/** The formats that are decoded. */
export const IMAGE_FORMATS = ["JPEG", "PNG", "WebP", "AVIF", "TIFF", "GIF"] as const;

export type ImageFormat = (typeof IMAGE_FORMATS)[number];

const SIGNATURES: readonly (readonly [pattern: RegExp, format: ImageFormat])[] = [
  [/^\xff\xd8\xff/, "JPEG"],
  [/^\x89PNG\r\n\x1a\n/, "PNG"],
  [/^RIFF[^]{4}WEBP/, "WebP"],
  [/^(II[*+]\0|MM\0[*+])/, "TIFF"],
  [/^GIF8[79]a/, "GIF"],
];

/** Kinds that people try and that are refused; a name makes the message useful. */
const REFUSED: readonly (readonly [pattern: RegExp, kind: string])[] = [
  [/^[^]{4}ftyp/, "HEIC or another ISO media file"],
  [/^\s*(\xef\xbb\xbf)?\s*<(\?xml|svg|!DOCTYPE svg|!--)/i, "SVG or XML"],
  [/^\s*<(!DOCTYPE html|html)/i, "a web page"],
  [/^%PDF/, "PDF"],
  [/^BM/, "BMP"],
  [/^8BPS/, "Photoshop"],
  [/^(\xff\x0a|\0\0\0\x0cJXL )/, "JPEG XL"],
  [/^PK\x03\x04/, "a ZIP archive"],
];

/** Brands of an ISO media file (ISO/IEC 23000-22) that hold AV1 pictures: AVIF and its sequences. */
function isAvif(head: string): boolean {
  if (!/^[^]{4}ftyp/.test(head)) return false;
  const boxEnd = Math.min(head.length, Buffer.from(head.slice(0, 4), "latin1").readUInt32BE(0));
  for (let at = 8; at + 4 <= boxEnd; at += 4) {
    if (at !== 12 && ["avif", "avis"].includes(head.slice(at, at + 4))) return true;
  }
  return false;
}

/** The format of a file that starts with `bytes`, or `{ refused }` with a guess at what it is instead. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | { readonly refused: string | undefined } {
  const head = Buffer.from(bytes.subarray(0, 256)).toString("latin1");
  if (isAvif(head)) return "AVIF";
  const known = SIGNATURES.find(([pattern]) => pattern.test(head));
  if (known) return known[1];
  return { refused: REFUSED.find(([pattern]) => pattern.test(head))?.[1] };
}
