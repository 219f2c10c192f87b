/** The texts that an ONNX file carries about itself, `ModelProto.metadata_props` (onnx.proto), which the runtime does not show. */
import { RocError } from "../../errors.js";
import { wireFields } from "../../files/protobuf.js";

/** Of `ModelProto` and of `StringStringEntryProto`. */
const METADATA_PROPS = 14;
const KEY = 1;
const VALUE = 2;

const TEXT = new TextDecoder("utf-8", { ignoreBOM: true });

/** The texts by key. @throws RocError DATA_INVALID where the bytes are no protocol buffer */
export function onnxMetadata(bytes: Uint8Array, file: string): Map<string, string> {
  const entries = new Map<string, string>();
  const fault = (): RocError =>
    new RocError("DATA_INVALID", `${file} is no ONNX file, or is cut off; export it again.`);
  for (const { number, value } of wireFields(bytes, fault)) {
    if (number !== METADATA_PROPS || typeof value === "bigint") continue;
    const texts = new Map<number, string>();
    for (const field of wireFields(value, fault)) {
      if (typeof field.value !== "bigint") texts.set(field.number, TEXT.decode(field.value));
    }
    entries.set(texts.get(KEY) ?? "", texts.get(VALUE) ?? "");
  }
  return entries;
}
