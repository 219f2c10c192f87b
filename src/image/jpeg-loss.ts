/**
 * Whether a JPEG's coded data gives every block of its picture (ITU-T T.81, annexes F and G).
 *
 * Decoders fill what is missing with grey and warn at most, and some warnings are of no consequence. So the data is read
 * here as a decoder reads it, code by code, only without computing pixels.
 */
import type { HuffmanSpec, Jpeg, JpegFrame, JpegScan } from "./jpeg.js";

const BASELINE = 0xc0;
const EXTENDED = 0xc1;
const PROGRESSIVE = 0xc2;

/** Bytes behind the last block that are no loss, of the last scan and of others: some cameras write a few before the end. */
const SPARE_AT_END = 32;
const SPARE_BETWEEN = 4;
/** Bytes of one value before a restart marker that are no loss. */
const SPARE_FILL = 4;
/** Codes up to this length are found in one step. */
const SHORT = 10;
/** Of a scan that are read: bit positions are 32-bit numbers. */
const MAX_BYTES = 2 ** 28 - 16;
/** A step that leads behind the last coefficient: end of block. */
const END = 64;

/** Whether {@link jpegLoss} can tell: not for arithmetic coding, nor for more pixels than so much data may have. */
export function canTellLoss({ frame, scans }: Jpeg): boolean {
  if (!frame || ![BASELINE, EXTENDED, PROGRESSIVE].includes(frame.marker)) return false;
  return scans.every(({ start, end }) => end - start < MAX_BYTES) || 3 * frame.width * frame.height < MAX_BYTES;
}

/** What is lost of the picture, in words that follow "damaged:"; undefined where nothing is. */
export function jpegLoss(jpeg: Jpeg, bytes: Uint8Array): string | undefined {
  const { frame, scans } = jpeg;
  if (!frame || !canTellLoss(jpeg)) return undefined;
  const history = new Map<number, Uint32Array>();
  let [all, good] = [0, 0];
  for (const scan of scans) {
    const units = unitsOf(frame, scan);
    all += units;
    const spare = scan === scans.at(-1) ? SPARE_AT_END : SPARE_BETWEEN;
    good += goodUnits(frame, scan, bytes, { units, spare, history });
  }
  if (good === 0 && all > 0) return "its data is damaged; how much is lost cannot be told";
  if (good < all) return `at least ${percent((all - good) / all)} of its data is lost`;
  return isComplete(frame, scans) ? undefined : "its last scans are missing";
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

interface Grid {
  readonly columns: number;
  readonly rows: number;
}

/** Blocks of a component, without those that only fill up MCUs. */
function blocksOf({ width, height, components }: JpegFrame, { h, v }: { h: number; v: number }): Grid {
  const [h0, v0] = [Math.max(...components.map((c) => c.h)), Math.max(...components.map((c) => c.v))];
  return { columns: Math.ceil(Math.ceil((width * h) / h0) / 8), rows: Math.ceil(Math.ceil((height * v) / v0) / 8) };
}

/** MCUs of a scan: blocks where it holds one component. */
function gridOf(frame: JpegFrame, { parts }: JpegScan): Grid {
  if (parts.length === 1 && parts[0]) return blocksOf(frame, parts[0].component);
  const [h, v] = [Math.max(...frame.components.map((c) => c.h)), Math.max(...frame.components.map((c) => c.v))];
  return { columns: Math.ceil(frame.width / (8 * h)), rows: Math.ceil(frame.height / (8 * v)) };
}

function unitsOf(frame: JpegFrame, scan: JpegScan): number {
  const { columns, rows } = gridOf(frame, scan);
  return columns * rows;
}

/** Coded data between two markers, without stuffed bytes. */
class Bits {
  readonly data: Uint8Array;
  /** In bits. */
  length = 0;
  at = 0;

  constructor(capacity: number) {
    // A decoder looks ahead.
    this.data = new Uint8Array(capacity + 16);
  }

  /** Takes the data from `from` up to a marker or `end`; gives where it stopped. */
  fill(bytes: Uint8Array, from: number, end: number): number {
    const { data } = this;
    let [at, count] = [from, 0];
    while (at < end) {
      const byte = bytes[at] as number;
      if (byte === 0xff && bytes[at + 1] !== 0) break;
      data[count++] = byte;
      at += byte === 0xff ? 2 : 1;
    }
    data.fill(0, count, count + 16);
    this.length = 8 * count;
    this.at = 0;
    return at;
  }

  /** The next 16 bits. */
  peek(): number {
    const { data, at } = this;
    const byte = at >>> 3;
    const window = ((data[byte] as number) << 16) | ((data[byte + 1] as number) << 8) | (data[byte + 2] as number);
    return (window >>> (8 - (at & 7))) & 0xffff;
  }

  take(count: number): number {
    const value = this.peek() >>> (16 - count);
    this.at += count;
    return value;
  }

  /** The next code's symbol, or -1 where no code fits. */
  symbol({ codes }: Table): number {
    const code = codes[this.peek()] as number;
    this.at += code >> 8;
    return code === 0 ? -1 : code & 0xff;
  }

  get ended(): boolean {
    return this.at > this.length;
  }
}

/** A Huffman table by the next 16 bits. */
interface Table {
  /** Length of the code << 8 | symbol; 0 = no code. */
  readonly codes: Uint16Array;
  /** By the first {@link SHORT} bits and by 16: bits of the code and its value << 8 | step to the next coefficient. */
  readonly short: Uint16Array;
  readonly steps: Uint16Array;
}

const tables = new WeakMap<HuffmanSpec, Table>();

function tableOf(spec: HuffmanSpec): Table {
  const known = tables.get(spec);
  if (known) return known;
  const codes = new Uint16Array(1 << 16);
  const steps = new Uint16Array(1 << 16);
  let [first, symbol] = [0, 16];
  for (let length = 1; length <= 16; length++) {
    for (let i = spec[length - 1] ?? 0; i > 0; i--) {
      const value = spec[symbol++] ?? 0;
      const next = first + (1 << (16 - length));
      codes.fill((length << 8) | value, first, next);
      steps.fill(((length + (value & 15)) << 8) | stepOf(value), first, next);
      first = next;
    }
  }
  const short = steps.filter((_, i) => i % (1 << (16 - SHORT)) === 0);
  // A longer code: the bits that follow decide.
  for (let i = 0; i < short.length; i++) {
    if ((codes[i << (16 - SHORT)] as number) >> 8 > SHORT) short[i] = 0;
  }
  const table = { codes, short, steps };
  tables.set(spec, table);
  return table;
}

function stepOf(value: number): number {
  if ((value & 15) !== 0) return (value >> 4) + 1;
  return value === 0xf0 ? 16 : END;
}

/** How many of a scan's MCUs the data gives. */
function goodUnits(
  frame: JpegFrame,
  scan: JpegScan,
  bytes: Uint8Array,
  { units, spare: allowed, history }: { units: number; spare: number; history: Map<number, Uint32Array> },
): number {
  const decode = frame.marker === PROGRESSIVE ? progressive(frame, scan, history) : sequential(scan);
  if (!decode) return 0;
  const end = Math.min(scan.end, scan.start + MAX_BYTES);
  const bits = new Bits(end - scan.start);
  const interval = scan.interval || units;
  let [at, good, segment] = [scan.start, 0, 0];
  for (const count = Math.ceil(units / interval); segment < count;) {
    at = bits.fill(bytes, at, end);
    const wanted = Math.min(interval, units - segment * interval);
    const read = decode(bits, wanted, segment * interval);
    const spare = (bits.length >> 3) - ((bits.at + 7) >> 3);
    // What follows a wrong code is wrong; so are blocks before data that no block took.
    const isLast = segment + 1 === count;
    const fits = spare <= (isLast ? allowed : 0) || (spare <= fillAllowed(isLast, allowed) && isFill(bits, spare));
    good += read === wanted && !fits ? 0 : read;
    while (bytes[at] === 0xff && at < end) at += 1;
    if (at >= end) break;
    // Restart markers count 0 to 7; a gap tells how many segments are missing.
    const marker = (bytes[at++] as number) & 7;
    segment += 1 + ((marker - segment + 8) & 7);
  }
  return good;
}

/** How many bytes of one value may follow the last block: any number at the very end, as in frames of a fixed size. */
function fillAllowed(isLast: boolean, allowed: number): number {
  if (!isLast) return SPARE_FILL;
  return allowed === SPARE_AT_END ? Infinity : allowed;
}

/**
 * Whether the last `spare` bytes are of one value, and began behind the blocks: zeros in place of data are read as blocks
 * too, and those that end in them are not what was written.
 */
function isFill({ data, length }: Bits, spare: number): boolean {
  const end = length >> 3;
  const from = end - spare;
  const value = data[from];
  if (from >= 2 && data[from - 1] === value && data[from - 2] === value) return false;
  return data.subarray(from, end).every((byte) => byte === value);
}

/** Reads a number of MCUs, the first of which is `first`; gives how many were there. */
type Decode = (bits: Bits, count: number, first: number) => number;

function sequential({ parts }: JpegScan): Decode | undefined {
  const blocks: { dc: Table; ac: Table }[] = [];
  for (const { component, dc, ac } of parts) {
    if (!dc || !ac) return undefined;
    const block = { dc: tableOf(dc), ac: tableOf(ac) };
    const size = parts.length === 1 ? 1 : component.h * component.v;
    for (let i = 0; i < size; i++) blocks.push(block);
  }
  return (bits, count) => {
    for (let unit = 0; unit < count; unit++) {
      for (let i = 0; i < blocks.length; i++) {
        const { dc, ac } = blocks[i] as { dc: Table; ac: Table };
        if (!skipBlock(bits, dc, ac)) return unit;
      }
      if (bits.at > bits.length) return unit;
    }
    return count;
  };
}

/** The hot loop: a block's codes with their values; false where no code fits. */
function skipBlock(bits: Bits, dc: Table, { short, steps }: Table): boolean {
  const { data, length } = bits;
  const size = bits.symbol(dc);
  if (size < 0 || size > 16) return false;
  let at = bits.at + size;
  for (let k = 1; k < 64;) {
    if (at > length) break;
    const byte = at >>> 3;
    const window =
      ((((data[byte] as number) << 16) | ((data[byte + 1] as number) << 8) | (data[byte + 2] as number)) >>>
        (8 - (at & 7))) &
      0xffff;
    const step = (short[window >>> (16 - SHORT)] as number) || (steps[window] as number);
    if (step === 0) return false;
    at += step >> 8;
    const next = k + (step & 0xff);
    if (next > 64 && (step & 0xff) !== END) return false;
    k = next;
  }
  bits.at = at;
  return true;
}

function progressive(frame: JpegFrame, scan: JpegScan, history: Map<number, Uint32Array>): Decode | undefined {
  const { parts, from, high } = scan;
  if (from === 0) return high === 0 ? firstDc(scan) : refineDc(scan);
  const [part] = parts;
  if (parts.length !== 1 || !part?.ac) return undefined;
  const { component, ac } = part;
  const { columns, rows } = blocksOf(frame, component);
  const known = history.get(component.id) ?? new Uint32Array(2 * columns * rows);
  history.set(component.id, known);
  return high === 0 ? firstAc(scan, tableOf(ac), known) : refineAc(scan, tableOf(ac), known);
}

function blockCount({ parts }: JpegScan): number {
  return parts.length === 1 ? 1 : parts.reduce((sum, { component: { h, v } }) => sum + h * v, 0);
}

function firstDc(scan: JpegScan): Decode | undefined {
  const blocks: Table[] = [];
  for (const { component, dc } of scan.parts) {
    if (!dc) return undefined;
    const size = scan.parts.length === 1 ? 1 : component.h * component.v;
    for (let i = 0; i < size; i++) blocks.push(tableOf(dc));
  }
  return (bits, count) => {
    for (let unit = 0; unit < count; unit++) {
      for (const table of blocks) {
        const size = bits.symbol(table);
        if (size < 0 || size > 16) return unit;
        bits.at += size;
      }
      if (bits.ended) return unit;
    }
    return count;
  };
}

function refineDc(scan: JpegScan): Decode {
  const blocks = blockCount(scan);
  return (bits, count) => {
    const there = Math.min(count, Math.floor(bits.length / blocks));
    bits.at = there * blocks;
    return there;
  };
}

const isSet = (known: Uint32Array, block: number, k: number): boolean =>
  ((known[2 * block + (k >> 5)] as number) & (1 << (k & 31))) !== 0;
const set = (known: Uint32Array, block: number, k: number): void => {
  known[2 * block + (k >> 5)] = (known[2 * block + (k >> 5)] as number) | (1 << (k & 31));
};

function firstAc({ from, to }: JpegScan, table: Table, known: Uint32Array): Decode {
  return (bits, count, first) => {
    let run = 0;
    for (let unit = 0; unit < count; unit++) {
      if (run > 0) {
        run -= 1;
        continue;
      }
      for (let k = from; k <= to; k++) {
        const symbol = bits.symbol(table);
        if (symbol < 0) return unit;
        const [zeros, size] = [symbol >> 4, symbol & 15];
        if (size === 0 && zeros < 15) {
          run = (1 << zeros) - 1 + bits.take(zeros);
          break;
        }
        k += zeros;
        bits.at += size;
        if (size > 0 && k > to) return unit;
        if (size > 0) set(known, first + unit, k);
      }
      if (bits.ended) return unit;
    }
    return count;
  };
}

function refineAc({ from, to }: JpegScan, table: Table, known: Uint32Array): Decode {
  return (bits, count, first) => {
    let run = 0;
    for (let unit = 0; unit < count; unit++) {
      const block = first + unit;
      let k = from;
      while (run === 0 && k <= to) {
        const symbol = bits.symbol(table);
        if (symbol < 0) return unit;
        let [zeros, fresh] = [symbol >> 4, false];
        if ((symbol & 15) !== 0) {
          fresh = true;
          bits.at += 1;
        } else if (zeros < 15) {
          run = (1 << zeros) + bits.take(zeros);
          break;
        }
        // Coefficients that are known take a bit each, the others count as zeros.
        for (; k <= to; k++) {
          if (isSet(known, block, k)) bits.at += 1;
          else if (zeros-- === 0) break;
        }
        if (fresh && k <= to) set(known, block, k);
        else if (fresh) return unit;
        k += 1;
      }
      if (run > 0) {
        for (; k <= to; k++) if (isSet(known, block, k)) bits.at += 1;
        run -= 1;
      }
      if (bits.ended) return unit;
    }
    return count;
  };
}
