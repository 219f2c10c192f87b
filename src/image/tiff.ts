/** What a TIFF's header says of its pixels: libvips takes some kinds for others, without a word. */

/** BigTIFF has another number, and another layout. */
const CLASSIC = 42;
const PHOTOMETRIC = 262;
const COMPRESSION = 259;
const YCBCR = 6;
/** JPEG, in the old way and the new: its decoder turns the colours itself. */
const JPEG = [6, 7];
const LAB = [8, 9, 10];

/** Why the first page's pixels would come out wrong; undefined where they do not, or where that cannot be told. */
export function tiffFault(bytes: Uint8Array): string | undefined {
  const tags = firstPage(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const photometric = tags.get(PHOTOMETRIC) ?? 0;
  if (LAB.includes(photometric)) return "holds CIELab colours";
  if (photometric === YCBCR && !JPEG.includes(tags.get(COMPRESSION) ?? 1)) return "holds YCbCr colours without JPEG";
  return undefined;
}

/** Tags of one 16-bit value (TIFF 6.0, section 2); none where the file is not as it should be. */
function firstPage(view: DataView): Map<number, number> {
  const tags = new Map<number, number>();
  try {
    const little = view.getUint8(0) === 0x49;
    if (view.getUint16(2, little) !== CLASSIC) return tags;
    const start = view.getUint32(4, little);
    for (let entry = 0; entry < view.getUint16(start, little); entry++) {
      const at = start + 2 + 12 * entry;
      tags.set(view.getUint16(at, little), view.getUint16(at + 8, little));
    }
  } catch {
    // It ends early: what decodes it will say so.
  }
  return tags;
}
