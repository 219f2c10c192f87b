/** A colour profile for pictures that name their colours by numbers (ITU-T H.273, a `colr` box of type nclx). */

/** Colourants adapted to D50, as XYZ of red, green and blue, by H.273's number of the primaries. */
const COLOURANTS: Readonly<Record<number, readonly (readonly number[])[]>> = {
  // BT.2020.
  9: [[0.67348, 0.27904, -0.00194], [0.16566, 0.67534, 0.02998], [0.12505, 0.04561, 0.79686]], // prettier-ignore
  // Display P3.
  12: [[0.51512, 0.2412, -0.00105], [0.29198, 0.69225, 0.04189], [0.1571, 0.06657, 0.78407]], // prettier-ignore
};

/** Transfer curves that are sRGB's, or so near that viewers take them for it: BT.709, BT.601, sRGB, BT.2020. */
const SRGB_CURVES = [1, 6, 13, 14, 15];

/** sRGB's curve as `para` type 3: g, a, b, c, d. */
const CURVE = [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045];

const NCLX = Buffer.from("colrnclx", "latin1");

/** Undefined where the file names no colours, or sRGB's, or those of a curve for HDR screens. */
export function profileOfPrimaries(file: Uint8Array): Uint8Array | undefined {
  const at = Buffer.from(file.buffer, file.byteOffset, file.byteLength).indexOf(NCLX);
  if (at === -1 || at + 12 > file.length) return undefined;
  const view = new DataView(file.buffer, file.byteOffset + at + NCLX.length);
  const colourants = COLOURANTS[view.getUint16(0)];
  return colourants && SRGB_CURVES.includes(view.getUint16(2)) ? writeProfile(colourants) : undefined;
}

/** ICC.1:2022: a display profile of three colourants and one curve. */
function writeProfile(colourants: readonly (readonly number[])[]): Uint8Array {
  const [table, curve] = [132 + 12 * 7, 12 + 4 * CURVE.length];
  const out = Buffer.alloc(table + 4 * 20 + curve);
  out.writeUInt32BE(out.length, 0);
  out.writeUInt32BE(0x04200000, 8);
  out.write("mntrRGB XYZ ", 12, "latin1");
  out.write("acsp", 36, "latin1");
  writeNumbers(out, 68, WHITE);
  out.writeUInt32BE(7, 128);
  ["wtpt", "rXYZ", "gXYZ", "bXYZ"].forEach((name, i) => {
    const at = table + 20 * i;
    writeEntry(out, i, name, at, 20);
    out.write("XYZ ", at, "latin1");
    writeNumbers(out, at + 8, i === 0 ? WHITE : (colourants[i - 1] ?? []));
  });
  const at = table + 4 * 20;
  ["rTRC", "gTRC", "bTRC"].forEach((name, i) => writeEntry(out, 4 + i, name, at, curve));
  out.write("para", at, "latin1");
  out.writeUInt16BE(3, at + 8);
  writeNumbers(out, at + 12, CURVE);
  return out;
}

/** D50. */
const WHITE = [0.9642, 1, 0.8249];

function writeEntry(out: Buffer, index: number, name: string, at: number, size: number): void {
  const entry = 132 + 12 * index;
  out.write(name, entry, "latin1");
  out.writeUInt32BE(at, entry + 4);
  out.writeUInt32BE(size, entry + 8);
}

function writeNumbers(out: Buffer, at: number, values: readonly number[]): void {
  values.forEach((value, i) => out.writeInt32BE(Math.round(value * 65536), at + 4 * i));
}
