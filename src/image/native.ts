/** The addon that turns pixels: it needs no libtorch, and is loaded when the first picture is resized. */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { findPixels, SETUP_COMMAND } from "#scripts/places.mjs";
import { messageOf, RocError } from "../errors.js";

interface NativePixels {
  /**
   * @param steps `Steps` of native/pixels/picture.h
   * @param pixels gets the pixels
   */
  run(steps: Int32Array, data: Uint8Array, pixels: Uint8Array): void;
  runAsync(steps: Int32Array, data: Uint8Array, pixels: Uint8Array): Promise<void>;
  /**
   * @param form `Form` of native/pixels/picture.h
   * @param frames the pixels of each frame of a patch; one picture, where there are no patches
   * @param tables the values of each byte, `[3, 256]`
   * @param values gets the values
   */
  layOut(form: Int32Array, frames: readonly Uint8Array[], tables: Float32Array, values: Float32Array): void;
  /**
   * 16-bit samples to 8-bit RGB by a profile.
   *
   * @param curves linear light of each level, of one channel (grey) or of three
   * @param matrix linear RGB to linear sRGB; null for grey
   * @param codes sRGB's code of linear light in 65536 steps
   */
  toSrgb(
    samples: Uint16Array,
    curves: Float32Array,
    matrix: Float64Array | null,
    codes: Uint8Array,
    pixels: Uint8Array,
  ): Promise<void>;
  /** The nearest of 256 levels to each 16-bit sample. */
  toEightBits(samples: Uint16Array, levels: Uint8Array): Promise<void>;
  /** Copies bytes to the start of `to`. */
  copyBytes(from: Uint8Array, to: Uint8Array): Promise<void>;
  /**
   * @param numbers the structure of a JPEG, as jpeg-loss.ts lists it
   * @param symbols its Huffman tables
   * @returns the minimum coded units of all scans, and how many of them are there
   */
  countJpegUnits(numbers: Int32Array, symbols: Uint8Array, bytes: Uint8Array): Promise<[all: number, good: number]>;
  /** Where the coded data that starts at `start` ends: at the first marker that restarts nothing, or with the file. */
  endOfJpegScan(bytes: Uint8Array, start: number): Promise<number>;
  /** Names of the kernels that this processor runs, the fastest first. */
  kernels(): string[];
  /** Cores that this process may use. */
  threads(): number;
}

let loaded: NativePixels | undefined;

/** @throws RocError NATIVE_UNAVAILABLE */
export function nativePixels(): NativePixels {
  loaded ??= load();
  return loaded;
}

function load(): NativePixels {
  const { path, fault } = findPixels(process.env);
  if (fault !== undefined) throw new RocError("NATIVE_UNAVAILABLE", fault);
  try {
    return createRequire(import.meta.url)(path) as NativePixels;
  } catch (error) {
    const text = `The native addon ${path} does not load: ${messageOf(error)}.`;
    throw new RocError("NATIVE_UNAVAILABLE", `${text} Delete ${dirname(path)}. ${SETUP_COMMAND}.`, { cause: error });
  }
}
