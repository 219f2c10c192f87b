/** Just enough of the protocol buffer wire format to read a message's fields (protobuf.dev, "Encoding"). */
import { RocError } from "../../errors.js";

/** One field as it stands in the bytes; a later one of the same number overrides an earlier one, or extends a list. */
export interface Field {
  readonly number: number;
  /** A varint or the bits of a 64-bit field, else the bytes of a length-delimited or 32-bit field. */
  readonly value: bigint | Uint8Array;
}

const TEXT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A message: its bytes, and what to call it in errors. */
export class Message {
  #at = 0;

  /**
   * @param file for errors
   * @param path of this message in the file, such as `pieces.3`; empty for the whole
   */
  constructor(
    readonly bytes: Uint8Array,
    readonly file: string,
    readonly path = "",
  ) {}

  /** Every field, in order. @throws RocError TOKENIZER_INVALID at the first that is broken or truncated */
  *fields(): Generator<Field> {
    this.#at = 0;
    while (this.#at < this.bytes.length) {
      const tag = Number(this.#varint());
      const number = Math.floor(tag / 8);
      if (number < 1 || number > 0x1fffffff) throw this.error(`its byte ${this.#at} begins no field`);
      yield { number, value: this.#value(tag % 8, number) };
    }
  }

  /** @throws RocError TOKENIZER_INVALID; `name` is the field's */
  number({ value }: Field, name: string): number {
    if (typeof value !== "bigint") throw this.error("is not a number", name);
    return Number(BigInt.asIntN(64, value));
  }

  flag(field: Field, name: string): boolean {
    return this.number(field, name) !== 0;
  }

  float({ value }: Field, name: string): number {
    if (typeof value === "bigint" || value.length !== 4) throw this.error("is not a 32-bit float", name);
    return new DataView(value.buffer, value.byteOffset).getFloat32(0, true);
  }

  data({ value }: Field, name: string): Uint8Array {
    if (typeof value === "bigint") throw this.error("is not a string of bytes", name);
    return value;
  }

  text(field: Field, name: string): string {
    try {
      return TEXT.decode(this.data(field, name));
    } catch {
      throw this.error("is not UTF-8", name);
    }
  }

  message(field: Field, name: string): Message {
    return new Message(this.data(field, name), this.file, this.#pathOf(name));
  }

  /** An error that names file and field. */
  error(problem: string, name = ""): RocError {
    const where = this.#pathOf(name);
    const what = where === "" ? problem : `field ${where}: ${problem}`;
    return new RocError("TOKENIZER_INVALID", `${this.file}: ${what}; download or write the file again`);
  }

  #pathOf(name: string): string {
    return [this.path, name].filter((part) => part !== "").join(".");
  }

  #value(wire: number, number: number): bigint | Uint8Array {
    if (wire === 0) return this.#varint();
    if (wire === 1) {
      const bytes = this.#take(8n, number);
      return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    }
    if (wire === 2) return this.#take(this.#varint(), number);
    if (wire === 5) return this.#take(4n, number);
    throw this.error(`has the wire type ${wire}, so this is no SentencePiece model`, `#${number}`);
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.#at++];
      if (byte === undefined) throw this.error("it ends inside a number: it is truncated");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw this.error(`the number before its byte ${this.#at} is too long`);
  }

  #take(length: bigint, number: number): Uint8Array {
    const left = this.bytes.length - this.#at;
    if (length > BigInt(left)) {
      throw this.error(`claims ${length} bytes where ${left} are left: the file is truncated`, `#${number}`);
    }
    const start = this.#at;
    this.#at += Number(length);
    return this.bytes.subarray(start, this.#at);
  }
}
