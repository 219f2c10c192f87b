/**
 * 16-bit pixels to sRGB by an ICC profile of curves and a matrix (ICC.1:2022, 8.3.3 and 8.4.2), which nearly all are.
 *
 * lcms goes through a table of colours for 16 bits, which is off by up to 12 of 255 at the edge of the gamut.
 */

import { nativePixels } from "./native.js";

/** Linear light, 0 to 1, by sample value. */
type Curve = Float32Array;

export interface Profile {
  /** 1 for greyscale, 3 for RGB. */
  readonly curves: readonly Curve[];
  /** Linear RGB to linear sRGB, row by row; none for greyscale. */
  readonly matrix: readonly number[] | undefined;
}

/** Types of a table (ICC.1:2022, 10.10 to 10.12). */
const TABLES = ["mft1", "mft2", "mAB "];

const SAMPLES = 2 ** 16;

/** XYZ relative to D50 to linear sRGB: the inverse of sRGB's own colourants (IEC 61966-2-1 adapted by Bradford). */
const FROM_XYZ = [
  ...[3.1341359, -1.6173863, -0.4906619],
  ...[-0.978796, 1.9162543, 0.0334427],
  ...[0.0719499, -0.2289749, 1.4054117],
];

/** The profile; undefined where it is of another kind, or broken. */
export function readProfile(icc: Uint8Array): Profile | undefined {
  try {
    const reader = new ProfileReader(icc);
    // A profile with a table is to be read by it.
    if (reader.tag("A2B0")) return undefined;
    const space = reader.text(16);
    if (space === "GRAY") return { curves: [reader.curve("kTRC")], matrix: undefined };
    if (space !== "RGB ") return undefined;
    const columns = ["rXYZ", "gXYZ", "bXYZ"].map((name) => reader.xyz(name));
    const curves = ["rTRC", "gTRC", "bTRC"].map((name) => reader.curve(name));
    return { curves, matrix: matrixOf(columns) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}

/** Whether lcms can read a picture of this colour space by the profile's table. */
export function hasTable(icc: Uint8Array, space: "RGB " | "GRAY"): boolean {
  try {
    const reader = new ProfileReader(icc);
    const table = reader.tag("A2B0");
    const fits = reader.text(16) === space && reader.text(36) === "acsp";
    return fits && table !== undefined && TABLES.includes(reader.text(table));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return false;
  }
}

function matrixOf(columns: readonly (readonly number[])[]): number[] {
  return Array.from({ length: 9 }, (_, at) => {
    const [row, column] = [Math.floor(at / 3), at % 3];
    return [0, 1, 2].reduce((sum, i) => sum + (FROM_XYZ[3 * row + i] ?? 0) * (columns[column]?.[i] ?? 0), 0);
  });
}

/** 8-bit sRGB of 16-bit samples, interleaved; as many channels as the profile has curves. */
export async function toSrgb(samples: Uint16Array, { curves, matrix }: Profile): Promise<Uint8Array> {
  const pixels = new Uint8Array((3 * samples.length) / curves.length);
  const all = new Float32Array(curves.length * SAMPLES);
  curves.forEach((curve, channel) => all.set(curve, channel * SAMPLES));
  await nativePixels().toSrgb(samples, all, matrix ? Float64Array.from(matrix) : null, srgbTable(), pixels);
  return pixels;
}

let encoded: Uint8Array | undefined;

/** sRGB's 8-bit code of linear light in 65536 steps. */
function srgbTable(): Uint8Array {
  if (encoded) return encoded;
  encoded = new Uint8Array(SAMPLES);
  for (let i = 0; i < SAMPLES; i++) {
    const linear = i / (SAMPLES - 1);
    const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
    encoded[i] = Math.round(255 * value);
  }
  return encoded;
}

/** Reads outside the profile are RangeErrors. */
class ProfileReader {
  readonly #view: DataView;
  readonly #tags = new Map<string, number>();
  /** By their place: the three colours often share one. */
  readonly #curves = new Map<number, Curve>();

  constructor(icc: Uint8Array) {
    this.#view = new DataView(icc.buffer, icc.byteOffset, icc.byteLength);
    for (let i = 0; i < this.#view.getUint32(128); i++) {
      const at = 132 + 12 * i;
      this.#tags.set(this.text(at), this.#view.getUint32(at + 4));
    }
  }

  text(at: number): string {
    return String.fromCharCode(...[0, 1, 2, 3].map((i) => this.#view.getUint8(at + i)));
  }

  tag(name: string): number | undefined {
    return this.#tags.get(name);
  }

  xyz(name: string): number[] {
    const at = this.#place(name, "XYZ ");
    return [0, 1, 2].map((i) => this.#fixed(at + 8 + 4 * i));
  }

  curve(name: string): Curve {
    const at = this.#place(name, "curv", "para");
    const known = this.#curves.get(at);
    if (known) return known;
    const value = this.text(at) === "para" ? this.#parametric(at) : this.#table(at);
    const curve = new Float32Array(SAMPLES);
    for (let i = 0; i < SAMPLES; i++) curve[i] = Math.min(1, Math.max(0, value(i / (SAMPLES - 1))));
    this.#curves.set(at, curve);
    return curve;
  }

  #place(name: string, ...types: string[]): number {
    const at = this.#tags.get(name);
    if (at === undefined || !types.includes(this.text(at))) throw new RangeError(`no ${name}`);
    return at;
  }

  #fixed(at: number): number {
    return this.#view.getInt32(at) / 65536;
  }

  #table(at: number): (x: number) => number {
    const count = this.#view.getUint32(at + 8);
    if (count === 0) return (x) => x;
    const values = Array.from({ length: count }, (_, i) => this.#view.getUint16(at + 12 + 2 * i));
    const [only = 256] = values;
    if (count === 1) return (x) => x ** (only / 256);
    return (x) => {
      const place = x * (count - 1);
      const [low, part] = [Math.floor(place), place % 1];
      const from = values[low] ?? 0;
      const to = values[low + 1] ?? from;
      return (from + part * (to - from)) / 65535;
    };
  }

  #parametric(at: number): (x: number) => number {
    const type = this.#view.getUint16(at + 8);
    const count = [1, 3, 4, 5, 7][type];
    if (count === undefined) throw new RangeError(`no function ${type}`);
    const [g = 1, a = 1, b = 0, c = 0, d = 0, e = 0, f = 0] = Array.from({ length: count }, (_, i) =>
      this.#fixed(at + 12 + 4 * i),
    );
    const power = (x: number): number => Math.max(0, a * x + b) ** g;
    if (type === 0) return (x) => x ** g;
    if (type <= 2) return (x) => (x >= -b / a ? power(x) + c : c);
    return type === 3 ? (x) => (x >= d ? power(x) : c * x) : (x) => (x >= d ? power(x) + e : c * x + f);
  }
}
