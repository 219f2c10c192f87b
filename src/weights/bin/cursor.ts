/** Reads forward through a range of a mapped file, in chunks. */
import type { MappedFile } from "../../torch/index.js";
import { invalid, type Fault } from "./errors.js";

/** Bytes per copy out of the map. */
const CHUNK = 65536;

export class Cursor {
  #chunk: Uint8Array = new Uint8Array();
  #chunkStart = 0;

  /**
   * Reads bytes `position` to `end` of the file.
   *
   * @param fault makes the error of what is damaged
   */
  constructor(
    readonly map: MappedFile,
    public position: number,
    readonly end: number,
    readonly fault: Fault = invalid,
  ) {}

  get left(): number {
    return this.end - this.position;
  }

  /** @throws RocError CHECKPOINT_INVALID where fewer bytes are left */
  bytes(count: number): Uint8Array {
    if (count > this.left) {
      const what = `it ends at byte ${this.end}, where ${count} more bytes after ${this.position} are needed: truncated`;
      throw this.fault(this.map.path, what);
    }
    if (count > CHUNK) {
      this.position += count;
      return this.map.bytes(this.position - count, count);
    }
    const start = this.#ahead(count);
    this.position += count;
    return this.#chunk.subarray(start, start + count);
  }

  /** Position of the next `count` bytes in the chunk, which is read first where it lacks them. */
  #ahead(count: number): number {
    if (this.position + count > this.#chunkStart + this.#chunk.length || this.position < this.#chunkStart) {
      this.#chunkStart = this.position;
      this.#chunk = this.map.bytes(this.position, Math.min(CHUNK, this.left));
    }
    return this.position - this.#chunkStart;
  }

  /** A view of the next bytes, to read numbers from. */
  view(count: number): DataView {
    const bytes = this.bytes(count);
    return new DataView(bytes.buffer, bytes.byteOffset, count);
  }

  u8(): number {
    // Called for every opcode: no view per byte.
    const at = this.position - this.#chunkStart;
    const byte = this.position < this.end ? this.#chunk[at] : undefined;
    if (byte === undefined) return this.bytes(1)[0] ?? 0;
    this.position++;
    return byte;
  }
  u16(): number {
    return this.view(2).getUint16(0, true);
  }
  u32(): number {
    return this.view(4).getUint32(0, true);
  }
  i32(): number {
    return this.view(4).getInt32(0, true);
  }

  /** @throws RocError CHECKPOINT_INVALID where it exceeds any possible file size */
  u64(): number {
    const value = this.view(8).getBigUint64(0, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.fault(this.map.path, `it claims a length of ${value}`);
    return Number(value);
  }

  /** Latin-1 text to the next line feed, which is not part of it. */
  line(limit: number): string {
    const start = this.#ahead(Math.min(limit + 1, this.left));
    const end = this.#chunk.indexOf(10, start);
    if (end < 0 && this.left <= limit) this.bytes(this.left + 1);
    if (end < 0 || end - start > limit) {
      throw this.fault(this.map.path, `a line of its pickle is longer than ${limit} bytes`);
    }
    this.position += end - start + 1;
    return Buffer.from(this.#chunk.buffer, this.#chunk.byteOffset + start, end - start).toString("latin1");
  }
}
