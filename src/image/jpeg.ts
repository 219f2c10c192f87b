/** How a JPEG file is built (ITU-T T.81, annex B): its first picture, and the scans that its pixels are coded in. */
import { nativePixels } from "./native.js";
import { standardTable } from "./jpeg-tables.js";

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const DHT = 0xc4;
const DRI = 0xdd;
/** The frame of JPEG-LS (ITU-T T.87). */
export const JPEG_LS = 0xf7;
/** Start of frame, except DHT, JPG and DAC, which are between them. */
const isFrame = (marker: number): boolean =>
  marker === JPEG_LS || (marker >= 0xc0 && marker <= 0xcf && ![DHT, 0xc8, 0xcc].includes(marker));
const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7;

export interface JpegComponent {
  readonly id: number;
  /** Sampling factors. */
  readonly h: number;
  readonly v: number;
}

export interface JpegFrame {
  /** The marker: 0xC0 baseline, 0xC1 extended, 0xC2 progressive, 0xC9 and 0xCA arithmetic. */
  readonly marker: number;
  /** Bits of a sample. */
  readonly precision: number;
  readonly width: number;
  readonly height: number;
  readonly components: readonly JpegComponent[];
}

/** What a DHT segment says of one table: 16 counts and the symbols. */
export type HuffmanSpec = Uint8Array;

export interface JpegScan {
  readonly parts: readonly {
    readonly component: JpegComponent;
    readonly dc: HuffmanSpec | undefined;
    readonly ac: HuffmanSpec | undefined;
  }[];
  /** First and last coefficient. */
  readonly from: number;
  readonly to: number;
  /** Successive approximation: the bit position before this scan (0: none yet) and after it. */
  readonly high: number;
  readonly low: number;
  /** MCUs between restart markers; 0 = no markers. */
  readonly interval: number;
  /** Coded data with its restart markers: bytes `start` to `end` of the file. */
  readonly start: number;
  readonly end: number;
}

export interface Jpeg {
  readonly frame: JpegFrame | undefined;
  readonly scans: readonly JpegScan[];
  /**
   * The file up to the end of its first picture. What follows is left out: gain maps, previews and videos that phones
   * append, and bytes to spare.
   */
  readonly picture: Uint8Array;
  /** Whether the marker of the picture's end is there. */
  readonly ends: boolean;
}

/** Reads the markers. Whatever does not fit ends the reading: what decodes the file says what is wrong with it. */
export async function readJpeg(bytes: Uint8Array): Promise<Jpeg> {
  const reader = new Reader(bytes);
  const end = await reader.read();
  const { frame, scans } = reader;
  return { frame, scans, picture: bytes.subarray(0, end), ends: end !== undefined };
}

class Reader {
  frame: JpegFrame | undefined;
  readonly scans: JpegScan[] = [];
  readonly #bytes: Uint8Array;
  readonly #tables = new Map<number, HuffmanSpec>();
  #interval = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Where the picture ends, behind its last marker; undefined where the file ends before. */
  async read(): Promise<number | undefined> {
    let at = 2;
    for (;;) {
      at = this.#nextMarker(at);
      const marker = this.#bytes[at - 1];
      if (marker === undefined) return undefined;
      if (marker === EOI) return at;
      if (marker === SOI || marker === 0x01 || isRestart(marker)) continue;
      const next = at + this.#word(at);
      await this.#segment(marker, at + 2, this.#bytes.subarray(at + 2, next));
      at = marker === SOS ? (this.scans.at(-1)?.end ?? next) : Math.max(next, at + 2);
    }
  }

  /** Behind the next marker: 0xFF, any number of times, and a byte that is neither 0xFF nor 0 (a stuffed byte). */
  #nextMarker(from: number): number {
    let at = this.#bytes.indexOf(0xff, from);
    while (at !== -1) {
      while (this.#bytes[at] === 0xff) at += 1;
      if (this.#bytes[at] !== 0) return at + 1;
      at = this.#bytes.indexOf(0xff, at);
    }
    return this.#bytes.length + 1;
  }

  #word(at: number): number {
    return ((this.#bytes[at] ?? 0) << 8) | (this.#bytes[at + 1] ?? 0);
  }

  async #segment(marker: number, at: number, body: Uint8Array): Promise<void> {
    if (marker === DHT) this.#readTables(body);
    else if (marker === DRI) this.#interval = this.#word(at);
    else if (marker === SOS) await this.#readScan(at + body.length, body);
    else if (isFrame(marker)) this.frame ??= readFrame(marker, body);
  }

  #readTables(body: Uint8Array): void {
    for (let at = 0; at + 17 <= body.length;) {
      const symbols = body.subarray(at + 1, at + 17).reduce((sum, count) => sum + count, 0);
      this.#tables.set(body[at] ?? 0, body.subarray(at + 1, at + 17 + symbols));
      at += 17 + symbols;
    }
  }

  #table(key: number): HuffmanSpec | undefined {
    return this.#tables.get(key) ?? standardTable(key);
  }

  async #readScan(start: number, body: Uint8Array): Promise<void> {
    const count = body[0] ?? 0;
    const [from = 0, to = 63, approximation = 0] = body.subarray(1 + 2 * count);
    const parts = Array.from({ length: count }, (_, i) => {
      const [id, tables = 0] = body.subarray(1 + 2 * i);
      const component = this.frame?.components.find((component) => component.id === id);
      return component && { component, dc: this.#table(tables >> 4), ac: this.#table(0x10 | (tables & 15)) };
    }).filter((part) => part !== undefined);
    const steps = { from, to, high: approximation >> 4, low: approximation & 15 };
    // All of the picture's data is read for that.
    const end = await nativePixels().endOfJpegScan(this.#bytes, start);
    this.scans.push({ parts, ...steps, interval: this.#interval, start, end });
  }
}

function readFrame(marker: number, body: Uint8Array): JpegFrame | undefined {
  const [precision = 0, h1 = 0, h0 = 0, w1 = 0, w0 = 0, count = 0] = body;
  const components = Array.from({ length: count }, (_, i) => {
    const [id = 0, sampling = 0] = body.subarray(6 + 3 * i);
    return { id, h: sampling >> 4, v: sampling & 15 };
  });
  if (components.some(({ h, v }) => h === 0 || v === 0)) return undefined;
  return { marker, precision, width: (w1 << 8) | w0, height: (h1 << 8) | h0, components };
}
