/**
 * Fields of protocol buffer messages from untrusted files, over the library's reader. The library bounds what it reads, but
 * takes a length of more than 32 bits for its low 32 bits and names no field; so lengths are checked here.
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** One field of a message; a later one of the same number overrides an earlier one, or extends a list. */
export interface WireField {
  readonly number: number;
  /** A varint or the bits of a 64-bit field, else the bytes of a length-delimited or 32-bit field, which are not copied. */
  readonly value: bigint | Uint8Array;
}

/** Makes the error of a broken message; `field` is its number, where one is known. */
export type WireFault = (problem: string, field?: number) => Error;

/** A field number has 29 bits, behind 3 bits of wire type. */
const MAX_NUMBER = 0x1fffffff;

/** Every field of a message, in order. @throws the error of `fault` at the first that is broken or truncated */
export function* wireFields(bytes: Uint8Array, fault: WireFault): Generator<WireField, void, void> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const tag = Number(varint(reader, fault));
    const number = Math.floor(tag / 8);
    if (number < 1 || number > MAX_NUMBER) throw fault(`its byte ${reader.pos} begins no field`);
    const take = (length: bigint): Uint8Array => {
      const left = reader.len - reader.pos;
      if (length <= BigInt(left)) return bytes.subarray(reader.pos, (reader.pos += Number(length)));
      throw fault(`claims ${length} bytes where ${left} are left: the file is truncated`, number);
    };
    const wire: WireType = tag % 8;
    if (wire === WireType.Varint) yield { number, value: varint(reader, fault) };
    else if (wire === WireType.Bit64) yield { number, value: BigInt(new BinaryReader(take(8n)).fixed64()) };
    else if (wire === WireType.LengthDelimited) yield { number, value: take(varint(reader, fault)) };
    else if (wire === WireType.Bit32) yield { number, value: take(4n) };
    else throw fault(`has the wire type ${wire}, which no field of such a file has`, number);
  }
}

function varint(reader: BinaryReader, fault: WireFault): bigint {
  const start = reader.pos;
  try {
    return BigInt(reader.uint64());
  } catch (error) {
    if (error instanceof RangeError) throw fault("it ends inside a number: it is truncated");
    throw fault(`the number before its byte ${start + 10} is too long`);
  }
}
