/** What kind of file some bytes are, by their first bytes only. No decoder sees a file that this does not let through. */

/** The formats that are decoded here, which others can be saved as. */
export const IMAGE_FORMATS = ["JPEG", "PNG", "WebP", "AVIF", "TIFF", "GIF"] as const;

/** What a file with a picture is: HEIC is decoded by a thread of its own, and a RAW file's picture is a JPEG within it. */
export type ImageFormat = (typeof IMAGE_FORMATS)[number] | "HEIC" | "RAW";

/** How many bytes are looked at. */
export const SNIFF_BYTES = 512;

const SAVE = `save it as one of ${IMAGE_FORMATS.join(", ")} and try again`;
export const EXPORT_RAW = "export it as a JPEG, or name the JPEG that the camera wrote beside it";

/** What a file of no format in the list is. */
export interface Unsupported {
  /** Follows "it is", as "a HEIC photo"; undefined where nobody knows. */
  readonly kind: string | undefined;
  readonly remedy: string;
  /** Whether it is a RAW file, which may hold a picture to read. */
  readonly raw?: boolean;
}

/** A RAW file of this maker or format, where no picture is found in it. */
export function rawFile(format: string): Unsupported {
  return { kind: `a RAW file (${format}) without a preview that can be read`, remedy: EXPORT_RAW, raw: true };
}

/** What a file that {@link sniffFormat} takes for a RAW is, where no picture is found in it. */
export function rawOf(bytes: Uint8Array): Unsupported {
  const head = headOf(bytes);
  return rawFile(RAW.find(([pattern]) => pattern.test(head))?.[1] ?? "of a camera");
}

function headOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, SNIFF_BYTES)).toString("latin1");
}

const SIGNATURES: readonly (readonly [pattern: RegExp, format: ImageFormat])[] = [
  [/^\xff\xd8\xff/, "JPEG"],
  [/^\x89PNG\r\n\x1a\n/, "PNG"],
  [/^RIFF[^]{4}WEBP/, "WebP"],
  [/^(II[*+]\0|MM\0[*+])/, "TIFF"],
  [/^GIF8[79]a/, "GIF"],
  [/^[^]{4}ftyp(hei|hev|mif1|msf1)/, "HEIC"],
];

/** RAW files with a signature of their own. Others are TIFFs: see tiff.ts. */
const RAW: readonly (readonly [pattern: RegExp, format: string])[] = [
  [/^II\*\0[^]{4}CR/, "Canon CR2"],
  [/^[^]{6}HEAPCCDR/, "Canon CRW"],
  [/^[^]{4}ftypcrx /, "Canon CR3"],
  [/^FUJIFILMCCD-RAW/, "Fujifilm RAF"],
  [/^(IIR[OS]|MMOR)/, "Olympus ORF"],
  [/^IIU\0/, "Panasonic RW2"],
  [/^FOVb/, "Sigma X3F"],
  [/^\0MRM/, "Minolta MRW"],
  [/^II\*\0[^]{4}(II|MM)II/, "Phase One IIQ"],
];

/** A HEIF file with a picture of another kind than HEVC's. */
export function otherHeif(why: string): Unsupported {
  return {
    kind: `a HEIF picture of a kind that is not read here (${why})`,
    remedy: "export it as a JPEG and try again",
  };
}

/** Kinds that people try and that are refused; a name makes the message useful. */
const REFUSED: readonly (readonly [pattern: RegExp, kind: string, remedy?: string])[] = [
  [/^[^]{4}ftyp/, "a video or another ISO media file", "give a picture"],
  [/^\s*(\xef\xbb\xbf)?\s*<(\?xml|svg|!DOCTYPE svg|!--)/i, "SVG or XML"],
  [/^\s*<(!DOCTYPE html|html)/i, "a web page"],
  [/^%PDF/, "a PDF"],
  [/^BM[^]{4}\0\0\0\0/, "a BMP"],
  [/^8BPS/, "a Photoshop file"],
  [/^(\xff\x0a|\0\0\0\x0cJXL )/, "a JPEG XL"],
  [/^(\0\0\0\x0cjP {2}|\xff\x4f\xff\x51)/, "a JPEG 2000"],
  [/^PK\x03\x04/, "a ZIP archive", "give a picture out of it"],
  [/^\x1f\x8b/, "gzip data", "give a picture out of it"],
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

/** The format of a file that starts with `bytes` ({@link SNIFF_BYTES} are enough), or what it is instead. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | Unsupported {
  const head = headOf(bytes);
  if (RAW.some(([pattern]) => pattern.test(head))) return "RAW";
  if (isAvif(head)) return "AVIF";
  const known = SIGNATURES.find(([pattern]) => pattern.test(head));
  if (known) return known[1];
  const [, kind, remedy = SAVE] = REFUSED.find(([pattern]) => pattern.test(head)) ?? [];
  return { kind, remedy };
}
