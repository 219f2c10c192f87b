/** Decoded samples as an uncompressed TIFF: so their colours go the same way as those of any other file. */

export interface Samples {
  readonly width: number;
  readonly height: number;
  /** Bytes from row to row. */
  readonly stride: number;
  /** Interleaved; above 8 bits two bytes a sample, the low one first. */
  readonly data: Uint8Array;
  /** 3, or 4 with transparency. */
  readonly channels: number;
  /** Of a sample: 8 to 16. */
  readonly bits: number;
}

/** Rows that are read at a time. */
const STRIP_ROWS = 64;

const SHORT = 3;
const LONG = 4;
const UNDEFINED = 7;
const BYTES: Readonly<Record<number, number>> = { [SHORT]: 2, [LONG]: 4, [UNDEFINED]: 1 };

type Tag = readonly [tag: number, type: number, values: readonly number[] | Uint8Array];

/** TIFF 6.0, little-endian: the pixels first, then the directory and what it points at. */
export function writeTiff(samples: Samples, icc: Uint8Array | undefined): Uint8Array<ArrayBuffer> {
  const { width, height, channels } = samples;
  const row = width * channels * (samples.bits > 8 ? 2 : 1);
  const tags = tagsOf(samples, row, icc);
  const start = 8 + row * height + ((row * height) % 2);
  const size = tags.reduce((sum, [, type, values]) => sum + 12 + evenBytes(type, values), start + 2 + 4);
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  out.set([0x49, 0x49, 42, 0]);
  view.setUint32(4, start, true);
  copyPixels(samples, out, row);
  writeDirectory(view, start, tags);
  return out;
}

function tagsOf({ width, height, channels, bits }: Samples, row: number, icc: Uint8Array | undefined): Tag[] {
  const strips = Array.from({ length: Math.ceil(height / STRIP_ROWS) }, (_, i) => i * STRIP_ROWS);
  const each = <T>(value: T): T[] => Array.from({ length: channels }, () => value);
  return [
    [256, LONG, [width]],
    [257, LONG, [height]],
    [258, SHORT, each(bits > 8 ? 16 : 8)],
    [259, SHORT, [1]],
    [262, SHORT, [2]],
    [273, LONG, strips.map((from) => 8 + from * row)],
    [277, SHORT, [channels]],
    [278, LONG, [STRIP_ROWS]],
    [279, LONG, strips.map((from) => Math.min(STRIP_ROWS, height - from) * row)],
    [284, SHORT, [1]],
    ...(channels === 4 ? ([[338, SHORT, [2]]] as Tag[]) : []),
    ...(icc ? ([[34675, UNDEFINED, icc]] as Tag[]) : []),
  ];
}

function evenBytes(type: number, values: ArrayLike<number>): number {
  const bytes = (BYTES[type] ?? 1) * values.length;
  return bytes <= 4 ? 0 : bytes + (bytes % 2);
}

function writeDirectory(view: DataView, start: number, tags: readonly Tag[]): void {
  view.setUint16(start, tags.length, true);
  let free = start + 2 + 12 * tags.length + 4;
  tags.forEach(([tag, type, values], i) => {
    const entry = start + 2 + 12 * i;
    view.setUint16(entry, tag, true);
    view.setUint16(entry + 2, type, true);
    view.setUint32(entry + 4, values.length, true);
    const bytes = evenBytes(type, values);
    if (bytes > 0) view.setUint32(entry + 8, free, true);
    writeValues(view, bytes > 0 ? free : entry + 8, type, values);
    free += bytes;
  });
}

function writeValues(view: DataView, at: number, type: number, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (type === SHORT) view.setUint16(at + 2 * i, value, true);
    else if (type === LONG) view.setUint32(at + 4 * i, value, true);
    else view.setUint8(at + i, value);
  }
}

/** Samples of 9 to 15 bits are spread over 16, so that white stays white. */
function copyPixels({ data, stride, height, bits }: Samples, out: Uint8Array, row: number): void {
  for (let y = 0; y < height; y++) out.set(data.subarray(y * stride, y * stride + row), 8 + y * row);
  if (bits <= 8 || bits === 16) return;
  const samples = new Uint16Array(out.buffer, 8, (height * row) / 2);
  const most = 2 ** bits - 1;
  for (let i = 0; i < samples.length; i++) samples[i] = Math.round(((samples[i] ?? 0) * 65535) / most);
}
