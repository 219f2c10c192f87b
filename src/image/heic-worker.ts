/** Decodes HEIC pictures, one at a time, in a thread of its own: libheif as WebAssembly keeps it busy for a second or more. */
import { parentPort } from "node:worker_threads";
// @ts-expect-error It has no types.
import bundle from "libheif-js/wasm-bundle.js";
import { writeTiff, type Samples } from "./heic-tiff.js";
import type { HeicAnswer, HeicQuestion } from "./heic.js";

/** What is used of libheif-js; objects of C++ are opaque. */
interface Libheif {
  readonly heif_colorspace: { readonly heif_colorspace_RGB: object };
  readonly heif_chroma: Readonly<Record<string, object>>;
  readonly heif_error_code: { readonly heif_error_Ok: object };
  heif_context_alloc(): object;
  heif_context_free(context: object): void;
  heif_context_read_from_memory(context: object, bytes: Uint8Array): HeifError;
  heif_js_context_get_primary_image_handle(context: object): object & Partial<HeifError>;
  heif_image_handle_has_alpha_channel(handle: object): number;
  heif_js_decode_image2(handle: object, space: object, chroma: object): Decoded & Partial<HeifError>;
  heif_image_release(image: object): void;
  heif_image_handle_release(handle: object): void;
}

interface HeifError {
  readonly code: object;
  readonly message: string;
}

interface Decoded {
  readonly image: object;
  readonly channels: readonly {
    readonly width: number;
    readonly height: number;
    /** Bytes from row to row. */
    readonly stride: number;
    readonly data: Uint8Array;
    readonly bits_per_pixel: number;
  }[];
}

const libheif = bundle as Libheif;

/** The primary picture, turned and cropped as the file's own properties say. */
function decoded(bytes: Uint8Array, deep: boolean): Samples {
  const context = libheif.heif_context_alloc();
  try {
    const read = libheif.heif_context_read_from_memory(context, bytes);
    if (read.code !== libheif.heif_error_code.heif_error_Ok) throw new Error(read.message);
    const handle = libheif.heif_js_context_get_primary_image_handle(context);
    if (handle.code) throw new Error(handle.message);
    try {
      return samplesOf(handle, deep);
    } finally {
      libheif.heif_image_handle_release(handle);
    }
  } finally {
    libheif.heif_context_free(context);
  }
}

function samplesOf(handle: object, deep: boolean): Samples {
  const channels = libheif.heif_image_handle_has_alpha_channel(handle) ? 4 : 3;
  const names = deep ? ["RRGGBB_LE", "RRGGBBAA_LE"] : ["RGB", "RGBA"];
  const chroma = libheif.heif_chroma[`heif_chroma_interleaved_${names[channels - 3]}`] as object;
  const result = libheif.heif_js_decode_image2(handle, libheif.heif_colorspace.heif_colorspace_RGB, chroma);
  const [plane] = result.code ? [] : result.channels;
  if (!plane) throw new Error(result.message ?? "no pixels");
  const { width, height, stride, data } = plane;
  libheif.heif_image_release(result.image);
  return { width, height, stride, data, channels, bits: deep ? depthOf(plane.bits_per_pixel, channels) : 8 };
}

/** libheif tells the bits of a whole pixel, or of one sample. */
function depthOf(bits: number, channels: number): number {
  return bits > 16 ? bits / channels : bits;
}

parentPort?.on("message", ({ bytes, deep, icc }: HeicQuestion) => {
  let answer: HeicAnswer;
  try {
    answer = { tiff: writeTiff(decoded(bytes, deep), icc) };
  } catch (error) {
    answer = { fault: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(answer, answer.tiff ? [answer.tiff.buffer] : []);
});
