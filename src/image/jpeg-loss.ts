/**
 * Whether a JPEG's coded data gives every block of its picture (ITU-T T.81, annexes F and G).
 *
 * Decoders fill what is missing with grey and warn at most, and some warnings are of no consequence. So the data is read
 * as a decoder reads it, code by code, only without computing pixels, in native code (native/pixels/jpeg.cc).
 */
import type { HuffmanSpec, Jpeg, JpegFrame, JpegScan } from "./jpeg.js";
import { nativePixels } from "./native.js";

const BASELINE = 0xc0;
const EXTENDED = 0xc1;
const PROGRESSIVE = 0xc2;

/** Bytes of a scan that are read. */
const MAX_BYTES = 2 ** 28 - 16;

/** Whether {@link jpegLoss} can tell: not for arithmetic coding, nor for more pixels than so much data may have. */
export function canTellLoss({ frame, scans }: Jpeg): boolean {
  if (!frame || ![BASELINE, EXTENDED, PROGRESSIVE].includes(frame.marker)) return false;
  return scans.every(({ start, end }) => end - start < MAX_BYTES) || 3 * frame.width * frame.height < MAX_BYTES;
}

/** What is lost of the picture, in words that follow "damaged:"; undefined where nothing is. Reads off the thread. */
export async function jpegLoss(jpeg: Jpeg, bytes: Uint8Array): Promise<string | undefined> {
  const { frame, scans } = jpeg;
  if (!frame || !canTellLoss(jpeg)) return undefined;
  const { numbers, symbols } = describe(frame, scans);
  const [all, good] = await nativePixels().countJpegUnits(numbers, symbols, bytes);
  if (good === 0 && all > 0) return "its data is damaged; how much is lost cannot be told";
  if (good < all) return `at least ${percent((all - good) / all)} of its data is lost`;
  return isComplete(frame, scans) ? undefined : "its last scans are missing";
}

/** The picture's structure as the native code reads it (native/pixels/module.cc, `read_jpeg`). */
function describe(frame: JpegFrame, scans: readonly JpegScan[]): { numbers: Int32Array; symbols: Uint8Array } {
  const { marker, width, height, components } = frame;
  const specs = [...new Set(scans.flatMap(({ parts }) => parts.flatMap(({ dc, ac }) => [dc, ac])))];
  const known = specs.filter((spec) => spec !== undefined);
  const index = (spec: HuffmanSpec | undefined): number => (spec === undefined ? -1 : known.indexOf(spec));
  let offset = 0;
  const tables = known.flatMap(({ length }) => [(offset += length) - length, length]);
  const numbers = [marker === PROGRESSIVE ? 1 : 0, width, height, components.length];
  numbers.push(...components.flatMap(({ id, h, v }) => [id, h, v]), known.length, ...tables, scans.length);
  for (const { parts, from, to, high, interval, start, end } of scans) {
    const own = parts.flatMap(({ component, dc, ac }) => [components.indexOf(component), index(dc), index(ac)]);
    numbers.push(parts.length, ...own, from, to, high, interval, Math.min(start, end), end);
  }
  return { numbers: Int32Array.from(numbers), symbols: Buffer.concat(known) };
}

function percent(share: number): string {
  return `${share < 0.01 ? (100 * share).toPrecision(1) : Math.floor(100 * share)}%`;
}

/** Whether the scans give every coefficient of every component to its last bit. */
function isComplete({ marker, components }: JpegFrame, scans: readonly JpegScan[]): boolean {
  return components.every(({ id }) => {
    const own = scans.filter(({ parts }) => parts.some(({ component }) => component.id === id));
    if (marker !== PROGRESSIVE) return own.length > 0;
    return Array.from({ length: 64 }, (_, k) => k).every((k) =>
      own.some(({ from, to, low }) => low === 0 && from <= k && k <= to),
    );
  });
}
