/**
 * Fields of protocol buffer messages from untrusted files, read by the library's reader. The library stays within the
 * buffer, but truncates lengths to their low 32 bits and names no field in its errors; so lengths are checked here.
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** One field of a message; a later one of the same number overrides an earlier one, or extends a list. */
export interface WireField {
  readonly number: number;
  /** A varint or the bits of a 64-bit field, else the bytes of a length-delimited or 32-bit field, which are not copied. */
  readonly value: bigint | Uint8Array;
}

/** Creates the error for an invalid message; `field` is the field's number, where one is known. */
export type WireError = (problem: string, field?: number) => Error;

/** A field number has 29 bits, behind 3 bits of wire type. */
const MAX_NUMBER = 0x1fffffff;

/** Every field of a message, in order. @throws the error of `invalid` at the first that is damaged or truncated */
export function* wireFields(bytes: Uint8Array, invalid: WireError): Generator<WireField, void, void> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const tag = Number(varint(reader, invalid));
    const number = Math.floor(tag / 8);
    if (number < 1 || number > MAX_NUMBER) throw invalid(`no field starts at its byte ${reader.pos}`);
    const take = (length: bigint): Uint8Array => {
      const left = reader.len - reader.pos;
      if (length <= BigInt(left)) return bytes.subarray(reader.pos, (reader.pos += Number(length)));
      throw invalid(`claims ${length} bytes where ${left} are left: the file is truncated`, number);
    };
    const wire: WireType = tag % 8;
    if (wire === WireType.Varint) yield { number, value: varint(reader, invalid) };
    else if (wire === WireType.Bit64) yield { number, value: BigInt(new BinaryReader(take(8n)).fixed64()) };
    else if (wire === WireType.LengthDelimited) yield { number, value: take(varint(reader, invalid)) };
    else if (wire === WireType.Bit32) yield { number, value: take(4n) };
    else throw invalid(`has the wire type ${wire}, which no field of such a file has`, number);
  }
}

/** The numbers of a packed field, one by one. @throws the error of `invalid` at the first that is damaged */
export function* packedVarints(bytes: Uint8Array, invalid: WireError): Generator<bigint, void, void> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) yield varint(reader, invalid);
}

function varint(reader: BinaryReader, invalid: WireError): bigint {
  const start = reader.pos;
  try {
    return BigInt(reader.uint64());
  } catch (error) {
    if (error instanceof RangeError) throw invalid("it ends inside a number: it is truncated");
    throw invalid(`the number before its byte ${start + 10} is too long`);
  }
}
