/** The texts that an ONNX file carries about itself, `ModelProto.metadata_props` (onnx.proto), which the runtime does not show. */
import { RocError } from "../../errors.js";

/** Of `ModelProto` and of `StringStringEntryProto`. */
const METADATA_PROPS = 14;
const KEY = 1;
const VALUE = 2;

/** The texts by key. @throws RocError DATA_INVALID where the bytes are no protocol buffer */
export function onnxMetadata(bytes: Uint8Array, file: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const field of fieldsOf(bytes, file)) {
    if (field.number !== METADATA_PROPS) continue;
    const texts = new Map(
      fieldsOf(field.bytes, file).map(({ number, bytes: text }) => [number, text.toString("utf8")]),
    );
    entries.set(texts.get(KEY) ?? "", texts.get(VALUE) ?? "");
  }
  return entries;
}

interface Field {
  readonly number: number;
  /** Content of a field of a length; empty for numbers. */
  readonly bytes: Buffer;
}

/** The fields of a message; the content of none is copied. */
function fieldsOf(message: Uint8Array, file: string): Field[] {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined || factor > 2 ** 63) throw broken(file);
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    if (wire === 0) varint();
    const length = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : 0;
    if (at + length > bytes.length || ![0, 1, 2, 5].includes(wire)) throw broken(file);
    fields.push({ number: Math.floor(tag / 8), bytes: bytes.subarray(at, at + (wire === 2 ? length : 0)) });
    at += length;
  }
  return fields;
}

function broken(file: string): RocError {
  return new RocError("DATA_INVALID", `${file} is no ONNX file, or is cut off; export it again.`);
}
