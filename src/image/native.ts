/** The addon that turns pixels: it needs no libtorch, and is loaded when the first picture is resized. */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { findPixels, SETUP_COMMAND } from "#scripts/places.mjs";
import { messageOf, RocError } from "../errors.js";

interface NativePixels {
  /**
   * @param steps `Steps` of native/pixels/picture.h
   * @param tables the values of each byte, `[3, 256]`; null where no values are made
   * @param pixels gets the pixels
   * @param values gets the values, if any are made
   */
  run(
    steps: Int32Array,
    data: Uint8Array,
    tables: Float32Array | null,
    pixels: Uint8Array,
    values: Float32Array | null,
  ): void;
  runAsync(
    steps: Int32Array,
    data: Uint8Array,
    tables: Float32Array | null,
    pixels: Uint8Array,
    values: Float32Array | null,
  ): Promise<void>;
  /**
   * @param numbers the structure of a JPEG, as jpeg-loss.ts lists it
   * @param symbols its Huffman tables
   * @returns the minimum coded units of all scans, and how many of them are there
   */
  countJpegUnits(numbers: Int32Array, symbols: Uint8Array, bytes: Uint8Array): Promise<[all: number, good: number]>;
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
