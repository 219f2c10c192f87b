/** What a TIFF's directories say of its pixels: libvips takes some kinds for others, without a word. */
import { nativePixels } from "./native.js";
import { EXPORT_RAW, rawFile, type Unsupported } from "./sniff.js";

const TAG = {
  subfileType: 254,
  bits: 258,
  compression: 259,
  photometric: 262,
  make: 271,
  stripOffsets: 273,
  channels: 277,
  stripBytes: 279,
  tileOffsets: 324,
  tileBytes: 325,
  subDirectories: 330,
  sampleFormat: 339,
  dngVersion: 50706,
} as const;

/** Of the subfile type: a picture of reduced size. */
const REDUCED = 1;
/** Photometric interpretations. */
const YCBCR = 6;
const LAB = [8, 9, 10];
const RGB = 2;
const PALETTE = 3;
const CMYK = 5;
/** Sample formats: floating point, and complex numbers, of integers or not. */
const FLOAT = 3;
const COMPLEX = [5, 6];
/** Bits of a sample that are read: of integers, of floating-point numbers, and of a picture's only channel besides. */
const INTEGER_BITS = [8, 16, 32];
const FLOAT_BITS = [16, 32];
const SINGLE_BITS = [1, 2, 4];
/** A sample of more bits is damage. */
const MAX_BITS = 128;
/** Compressions that libtiff is built without here. */
const UNREAD_COMPRESSION: Readonly<Record<number, string>> = {
  6: "old-style JPEG",
  34712: "JPEG 2000",
  34887: "LERC",
  34925: "LZMA",
  50000: "Zstandard",
  50001: "WebP",
  50002: "JPEG XL",
};
/** A colour filter array, and linear RAW. */
const RAW_PIXELS = [32803, 34892];
/** JPEG, in the old way and the new: its decoder turns the colours itself. */
const JPEG = [6, 7];
const DEFLATE = [8, 32946];
/** JPEG and PackBits: libtiff only warns of data that is wrong. */
const WARNS = [7, 32773];
/** Of Nikon, Sony, Samsung, Pentax, Kodak. */
const RAW_COMPRESSION = [34713, 32767, 32769, 32770, 65535, 65000];
/** Bytes of a value by type; 0 where there is no such type. */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];
/** Directories that are read, values of one tag that are read. */
const MAX_DIRECTORIES = 64;
const MAX_VALUES = 2 ** 22;

/**
 * What is needed to decode the pixels; the rest may be broken, or unknown to libtiff, without loss. Orientation, profile
 * and the description of the JPEG and YCbCr kinds are among them.
 */
const NEEDED: ReadonlySet<number> = new Set([
  ...[
    254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 332, 338,
  ],
  ...[339, 347, 512, 513, 514, 515, 519, 520, 521, 529, 530, 531, 532, 34675],
]);

interface Directory {
  readonly tags: ReadonlyMap<number, readonly number[]>;
  /** Its entries as they are in the file, by tag. */
  readonly entries: readonly { readonly tag: number; readonly bytes: Uint8Array }[];
}

export interface Tiff {
  /** What it is if not a picture that is read here. */
  readonly unsupported: Unsupported | undefined;
  /** Whether a warning is the sign of lost pixels. */
  readonly warns: boolean;
  /** Strips or tiles of the first page that are compressed by zlib: their places in the file. */
  readonly deflated: readonly Part[];
  /** The file with a directory of the first page alone, without tags that do not matter; undefined where that cannot be. */
  plain(): Promise<Uint8Array> | undefined;
}

export function readTiff(bytes: Uint8Array): Tiff {
  const reader = new TiffReader(bytes);
  const all = reader.directories();
  const [first] = all;
  return {
    unsupported: first && (rawFault(all) ?? reducedFault(first, reader) ?? kindFault(first)),
    warns: WARNS.includes((first && one(first, TAG.compression)) ?? 0),
    deflated: first && DEFLATE.includes(one(first, TAG.compression) ?? 0) ? partsOf(first) : [],
    // What is missing at the end would be taken from the new directory.
    plain: () => (first && partsOf(first).every((part) => isInside(part, bytes)) ? reader.withOnly(first) : undefined),
  };
}

const one = ({ tags }: Directory, tag: number): number | undefined => tags.get(tag)?.[0];

function rawFault(all: readonly Directory[]): Unsupported | undefined {
  const isRaw = all.some(
    (directory) =>
      RAW_PIXELS.includes(one(directory, TAG.photometric) ?? 0) ||
      RAW_COMPRESSION.includes(one(directory, TAG.compression) ?? 0),
  );
  if (all.some(({ tags }) => tags.has(TAG.dngVersion))) return rawFile("DNG");
  if (!isRaw) return undefined;
  const make = String.fromCharCode(...(all[0]?.tags.get(TAG.make) ?? []).slice(0, 40));
  return rawFile(/^[\w .-]+/.exec(make)?.[0].trim() || "of a camera");
}

/** A small copy in front of full pictures that cannot all be read: it does not replace them. */
function reducedFault(first: Directory, reader: TiffReader): Unsupported | undefined {
  const reduced = ((one(first, TAG.subfileType) ?? 0) & REDUCED) !== 0;
  if (!reduced || !first.tags.has(TAG.subDirectories) || !reader.lost) return undefined;
  return { kind: "a RAW or damaged file with nothing to read but a small copy of its picture", remedy: EXPORT_RAW };
}

function colourFault(directory: Directory): Unsupported | undefined {
  const photometric = one(directory, TAG.photometric) ?? 0;
  const compressed = JPEG.includes(one(directory, TAG.compression) ?? 1);
  const colours = LAB.includes(photometric)
    ? "CIELab colours"
    : photometric === YCBCR && !compressed
      ? "YCbCr colours without JPEG"
      : undefined;
  return colours === undefined ? undefined : unreadPixels(colours);
}

function kindFault(directory: Directory): Unsupported | undefined {
  return colourFault(directory) ?? sampleFault(directory) ?? compressionFault(directory);
}

function sampleFault(directory: Directory): Unsupported | undefined {
  const photometric = one(directory, TAG.photometric) ?? 0;
  const channels = one(directory, TAG.channels) ?? 1;
  const format = one(directory, TAG.sampleFormat) ?? 1;
  if ((photometric === RGB && channels > 4) || (photometric === CMYK && channels > 5)) {
    return unreadPixels(`${channels} channels`);
  }
  if (photometric === PALETTE) return undefined;
  if (COMPLEX.includes(format)) return unreadPixels("complex numbers");
  const good = [...(format === FLOAT ? FLOAT_BITS : INTEGER_BITS), ...(channels === 1 ? SINGLE_BITS : [])];
  const bits = directory.tags.get(TAG.bits)?.find((bits) => !good.includes(bits) && bits <= MAX_BITS);
  if (bits === undefined) return undefined;
  const numbers = `${bits}-bit ${format === FLOAT ? "floating-point numbers" : "numbers"}`;
  return unreadPixels(channels > 1 ? `${numbers} in ${channels} channels` : numbers);
}

function compressionFault(directory: Directory): Unsupported | undefined {
  const name = UNREAD_COMPRESSION[one(directory, TAG.compression) ?? 1];
  if (name === undefined) return undefined;
  return {
    kind: `a TIFF with ${name} compression, which is not read here`,
    remedy: "save it with LZW or no compression",
  };
}

/** A picture whose pixels are not read here. */
export function unreadPixels(what: string): Unsupported {
  return { kind: `a picture of ${what}, which are not read here`, remedy: "save it as 8-bit or 16-bit RGB" };
}

interface Part {
  readonly offset: number;
  readonly bytes: number;
}

/** Where the strips or tiles are. */
function partsOf({ tags }: Directory): Part[] {
  const offsets = tags.get(TAG.stripOffsets) ?? tags.get(TAG.tileOffsets) ?? [];
  const sizes = tags.get(TAG.stripBytes) ?? tags.get(TAG.tileBytes) ?? [];
  return offsets.map((offset, i) => ({ offset, bytes: sizes[i] ?? Infinity }));
}

function isInside({ offset, bytes }: Part, file: Uint8Array): boolean {
  return offset + bytes <= file.length;
}

/** TIFF 6.0, section 2, and BigTIFF. */
class TiffReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #big: boolean;
  /** Whether a directory could not be read. */
  lost = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = bytes[0] === 0x49;
    this.#big = (this.#little ? bytes[2] : bytes[3]) === 43;
  }

  /** The pages, each followed by its subdirectories. What ends early or goes round is left out. */
  directories(): Directory[] {
    const found: Directory[] = [];
    const seen = new Set<number>();
    const visit = (start: number | undefined): void => {
      let at = start;
      while (at && !seen.has(at) && found.length < MAX_DIRECTORIES) {
        seen.add(at);
        const place = at;
        const read = this.#attempt(() => this.#directory(place));
        if (!read) return;
        found.push(read);
        this.#checkSound(read);
        for (const child of read.tags.get(TAG.subDirectories) ?? []) visit(child);
        at = this.#attempt(read.next);
      }
    };
    visit(this.#attempt(() => this.#offset(this.#big ? 8 : 4)));
    return found;
  }

  /** Undefined for what is outside the file: its neighbours are read all the same. */
  #attempt<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.lost = true;
      return undefined;
    }
  }

  /** A list of subdirectories that names none could not be read; nor could a directory without tags. */
  #checkSound({ tags }: Directory): void {
    if (tags.size === 0 || tags.get(TAG.subDirectories)?.length === 0) this.lost = true;
  }

  /** The file with another first directory behind its end. */
  async withOnly({ entries }: Directory): Promise<Uint8Array> {
    const kept = entries.filter(({ tag }) => NEEDED.has(tag)).sort((a, b) => a.tag - b.tag);
    const at = this.#bytes.length + (this.#bytes.length % 2);
    const [counter, pointer] = this.#big ? [8, 8] : [2, 4];
    const size = kept[0]?.bytes.length ?? 0;
    const out = new Uint8Array(at + counter + kept.length * size + pointer);
    await nativePixels().copyBytes(this.#bytes, out);
    const view = new DataView(out.buffer);
    if (this.#big) {
      view.setBigUint64(8, BigInt(at), this.#little);
      view.setBigUint64(at, BigInt(kept.length), this.#little);
    } else {
      view.setUint32(4, at, this.#little);
      view.setUint16(at, kept.length, this.#little);
    }
    kept.forEach(({ bytes }, i) => out.set(bytes, at + counter + i * size));
    return out;
  }

  #directory(at: number): Directory & { next: () => number } {
    const count = this.#big ? Number(this.#view.getBigUint64(at, this.#little)) : this.#short(at);
    const [counter, size] = this.#big ? [8, 20] : [2, 12];
    const tags = new Map<number, number[]>();
    const entries: { tag: number; bytes: Uint8Array }[] = [];
    for (let i = 0; i < count; i++) {
      const entry = at + counter + i * size;
      const tag = this.#short(entry);
      tags.set(tag, this.#values(entry));
      entries.push({ tag, bytes: this.#bytes.subarray(entry, entry + size) });
    }
    return { tags, entries, next: () => this.#offset(at + counter + count * size) };
  }

  /** Whole numbers of an entry; none where they are outside the file. */
  #values(entry: number): number[] {
    const type = this.#short(entry + 2);
    const count = this.#offset(entry + 4);
    const size = TYPE_BYTES[type] ?? 0;
    const inside = count * size <= (this.#big ? 8 : 4);
    const at = inside ? entry + (this.#big ? 12 : 8) : this.#offset(entry + (this.#big ? 12 : 8));
    if (size === 0 || count > MAX_VALUES || at + count * size > this.#bytes.length) return [];
    return Array.from({ length: count }, (_, i) => this.#number(at + i * size, size));
  }

  #number(at: number, size: number): number {
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#short(at);
    if (size === 4) return this.#view.getUint32(at, this.#little);
    return Number(this.#view.getBigUint64(at, this.#little));
  }

  #short(at: number): number {
    return this.#view.getUint16(at, this.#little);
  }

  /** An offset or a count, which BigTIFF has in 64 bits. */
  #offset(at: number): number {
    return this.#number(at, this.#big ? 8 : 4);
  }
}
