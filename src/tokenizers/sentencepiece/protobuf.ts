/** A protocol buffer message of a SentencePiece model, whose fields have names in errors. */
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { RocError } from "../../errors.js";
import { wireFields, type WireField } from "../../files/protobuf.js";

const TEXT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A message: its bytes, and its path for errors. */
export class Message {
  /**
   * @param file for errors
   * @param path of this message in the file, such as `pieces.3`; empty for the whole
   */
  constructor(
    readonly bytes: Uint8Array,
    readonly file: string,
    readonly path = "",
  ) {}

  /** Every field, in order. @throws RocError TOKENIZER_INVALID at the first that is damaged or truncated */
  fields(): Generator<WireField, void, void> {
    return wireFields(this.bytes, (problem, field) => this.error(problem, field === undefined ? "" : `#${field}`));
  }

  /** @throws RocError TOKENIZER_INVALID; `name` is the field's */
  number({ value }: WireField, name: string): number {
    if (typeof value !== "bigint") throw this.error("is not a number", name);
    return Number(BigInt.asIntN(64, value));
  }

  flag(field: WireField, name: string): boolean {
    return this.number(field, name) !== 0;
  }

  float({ value }: WireField, name: string): number {
    if (typeof value === "bigint" || value.length !== 4) throw this.error("is not a 32-bit float", name);
    return new BinaryReader(value).float();
  }

  data({ value }: WireField, name: string): Uint8Array {
    if (typeof value === "bigint") throw this.error("is not a string of bytes", name);
    return value;
  }

  text(field: WireField, name: string): string {
    try {
      return TEXT.decode(this.data(field, name));
    } catch {
      throw this.error("is not UTF-8", name);
    }
  }

  message(field: WireField, name: string): Message {
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
}
